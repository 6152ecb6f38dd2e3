"""From when to when which trigger of a job was in force, as far as the log and the store tell. A change that was
answered lies between its sending and its answer; around one that was not, or two at once, little can be said: such
windows are blurred, and what lies in them is not judged by a grid of due times.

A wall clock that is set back shows some times twice. A trigger's due times come once all the same, as it goes on where
it was; but the next trigger begins at the time that is shown then, so that the times of both may lie upon each other:
that is blurred, too. What was first is told by the places in the log, which every line has."""
import math
from dataclasses import dataclass, field, replace

import oracle
from reading import us_of

NEVER = math.inf
LONGEST_US = 400 * 86_400_000_000  # between two due times of a trigger


@dataclass
class Era:
    trigger: object         # of the oracle
    said: dict              # the same as JSON
    first_us: int           # the first due time, when the answer told it
    begin: int              # its place in the log
    from_us: float          # it began between these two
    sure_us: float
    end_us: float = NEVER   # and ended between these
    over_us: float = NEVER
    reach_us: float = NEVER  # the latest time that the clock showed meanwhile
    late_us: float = -NEVER  # the same, until its trigger was another one and not only its rules

    @property
    def earliest_us(self):
        """Before it nothing is due; a date in the past is."""
        if self.first_us is not None:
            return self.trigger.base_of(self.first_us) or self.first_us
        return self.from_us

    @property
    def span(self):
        """In which its due times lie."""
        date_us = self.trigger.date_us
        return (self.earliest_us, self.reach_us) if date_us is None else (date_us, date_us)


@dataclass
class Life:
    """All that can be said of one job that is there."""
    eras: list = field(default_factory=list)
    blurs: list = field(default_factory=list)  # pairs of times
    moved: str = None                           # the trigger in the store is not the one that should be in force
    unknown: str = None                         # why nothing can be said
    gone: float = NEVER                         # the place in the log where it was removed

    def is_blurred(self, first_us, last_us=None):
        last_us = first_us if last_us is None else last_us
        return any(low <= last_us and first_us <= high for low, high in self.blurs)


def changes_of(history, name):
    """The operations that may have changed the job's trigger or have removed it, in the order of sending."""
    return [operation for operation in history.operations_of[name] if operation.is_possible and (
        operation.op in ("add_job", "add_jobs", "reschedule_job", "remove_job")
        or operation.op == "modify_job" and {"trigger", "timezone"} & set(operation.params["changes"]))]


def life_of(job, history, changes, decisions):
    """`decisions`: from which due time up to which, and when, for each of them."""
    life = Life()
    try:
        stored = oracle.make(job.trigger)
    except oracle.Unknown as unknown:
        life.unknown = str(unknown)
        return life
    if job.is_added:
        added(life, job, stored, history, changes)
    else:
        declared(life, job, stored, history, changes)
    split_by_zones(life, job, history, decisions)
    blur_what_was_shown_twice(life)
    return life


def split_by_zones(life, job, history, decisions):
    """An update of the tz database begins an era of the same trigger, whatever its zone. Which of the due times behind
    the last that was decided are by the old rules, up to the one that stood, and which by the new ones, is not for the
    log to tell."""
    eras = []
    for at, era in enumerate(life.eras):
        behind = life.eras[at + 1].begin if at + 1 < len(life.eras) else NEVER
        rules_of = next((line["rules_of"] for line in reversed(history.zones) if line["n"] < era.begin), {})
        if rules_of:
            era.trigger = oracle.make(era.said, rules_of)
        era.late_us = era.reach_us
        eras.append(era)
        for line in history.zones:
            if era.begin < line["n"] < behind and era.said.get("timezone"):
                eras.append(go_on_by_other_rules(life, job, history, eras[-1], line, decisions))
    life.eras = eras


def go_on_by_other_rules(life, job, history, era, line, decisions):
    at_us, begin = line["at_us"], line["n"]
    following = replace(era, trigger=oracle.make(era.said, line["rules_of"]), first_us=None, begin=begin, from_us=at_us,
                        sure_us=at_us)
    era.end_us = era.over_us = at_us
    era.reach_us = shown_between(history, era.begin, begin, era.sure_us, at_us)[1]
    sure_us = shown_between(history, begin, NEVER, at_us)[0]  # what was decided before this was not decided later
    decided_us = [last_us for _, last_us, when_us in decisions if last_us <= at_us and when_us < sure_us]
    low_us = max(decided_us, default=min(era.from_us, era.earliest_us, at_us) - 1)
    high_us = max(trigger.next(era.reach_us, era.reach_us + LONGEST_US) or NEVER
                  for trigger in (era.trigger, following.trigger))
    stood_us = era.trigger.next(low_us, at_us)
    if stood_us is not None and is_passed_over(job, history, era, line, decisions, low_us, stood_us):
        low_us = stood_us
    life.blurs.append((low_us + 1, high_us))
    return following


def is_passed_over(job, history, era, line, decisions, low_us, stood_us):
    """A due time of the old rules that had come when they changed waits, whatever they say now. Whether it became nothing:
    what was decided last, or told first, says which it was, and the daemon went on behind it without having been cut
    off, or kept from writing, in between: then it may have begun anew by the rules of now."""
    if any(first_us <= stood_us <= last_us for first_us, last_us, _ in decisions):
        return False
    told_us = [when_us for _, last_us, when_us in decisions if last_us == low_us and era.sure_us < when_us < line["at_us"]]
    if era.trigger.jitter_us or not told_us and stood_us != era.first_us:
        return False
    if history.is_ambiguous(line["at_us"], low_us, stood_us, *told_us) or not is_up(history, line["n"]):
        return False
    end = next((daemon for daemon in history.daemons if daemon["n"] > line["n"]), None)
    end_us = end["at_us"] if end else NEVER
    passed_us = [when_us for _, last_us, when_us in decisions if last_us >= stood_us and line["at_us"] <= when_us < end_us]
    if not passed_us and (end or job.next_us is not None and job.next_us <= stood_us):
        return False
    until_us = min(passed_us, default=NEVER)
    return not any(fault["at_us"] < until_us and fault.get("until_us", fault["at_us"]) > line["at_us"]
                   for fault in history.faults)


def is_up(history, n):
    """Whether a daemon was there at this place of the log."""
    before = [line["what"] for line in history.daemons if line["n"] < n]
    return bool(before) and before[-1] not in ("killed", "ended")


def shown_between(history, begin, end, *moments):
    """The earliest and the latest time that the clock showed between two places in the log, at which these were."""
    moments = list(moments)
    for clock in history.clocks:
        if begin < clock["n"] < end:
            moments += [clock["at_us"], clock["at_us"] + clock["step_us"]]
    return min(moments), max(moments)


def blur_what_was_shown_twice(life):
    for at, era in enumerate(life.eras):
        for other in life.eras[:at]:
            low_us, high_us = max(era.span[0], other.span[0]), min(era.span[1], other.span[1])
            is_shown_twice = other.reach_us > other.over_us or other.end_us > era.sure_us
            if is_shown_twice and low_us <= high_us:
                life.blurs.append((low_us, high_us))


# ---- added at run time ----


def since_last_removal(changes):
    """Those of the job that is there: an id that was removed and is there again is another job. And whether some
    before may be of it, too."""
    changes = list(changes)
    for at in range(len(changes) - 1, -1, -1):
        if changes[at].op != "remove_job":
            continue
        later = changes[at + 1:]
        if any(operation.op.startswith("add_") for operation in later):
            return later, not changes[at].is_certain or any(
                operation.begin < changes[at].end for operation in later)
        del changes[at]  # as the job is there, this has not happened
    return changes, False


def added(life, job, stored, history, changes):
    changes, is_doubtful = since_last_removal(changes)
    maybe = None  # a window in which something may have changed: from, until, and its place in the log
    last = None   # the trigger that the last sure change answered with
    for at, operation in enumerate(changes):
        overlaps = (at > 0 and changes[at - 1].end > operation.begin) or (
            at + 1 < len(changes) and changes[at + 1].begin < operation.end)
        from_us, until_us = shown_between(history, operation.begin, operation.end, operation.sent_us,
                                          NEVER if operation.until_us is None else operation.until_us)
        if not operation.is_certain or overlaps or not isinstance(operation.result, dict) or (
                "trigger" not in operation.result):
            begin = maybe[2] if maybe else operation.begin
            maybe = (min(maybe[0], from_us) if maybe else from_us, max(maybe[1], until_us) if maybe else until_us, begin)
            continue
        is_same = not maybe and operation.result["trigger"] == last and not operation.op.startswith("add_")
        if is_same:
            continue  # a trigger that is set again stays as it is
        change = (from_us, until_us)
        if maybe:
            change = shown_between(history, maybe[2], operation.end, *maybe[:2], *change)
            life.blurs.append(change)
            maybe = None
        end_era(life, history, *change, operation.end)
        last = operation.result["trigger"]
        first_us = operation.result["next_run_at"]
        try:
            made = oracle.make(last)
        except oracle.Unknown as unknown:
            life.unknown = str(unknown)
            return
        life.eras.append(Era(made, last, us_of(first_us) if first_us else None, operation.begin, from_us, until_us))
    if maybe:
        after_doubt(life, job, stored, history, maybe, last)
    elif last is not None and last != job.trigger:
        life.moved = "%s, which was acknowledged last" % last
    if is_doubtful and life.eras:
        life.eras[0].from_us = -NEVER
    if not life.eras:
        life.unknown = "no word of it in the log"


def after_doubt(life, job, stored, history, maybe, last):
    """The store tells whether the last changes have happened."""
    from_us, until_us, begin = maybe
    if last == job.trigger:
        life.blurs.append((from_us, until_us))
        return
    end_era(life, history, from_us, until_us, math.inf)
    if life.eras:
        life.blurs.append((from_us, until_us))
    life.eras.append(Era(stored, job.trigger, None, begin, from_us, until_us))


def end_era(life, history, from_us, until_us, end):
    if life.eras:
        era = life.eras[-1]
        era.end_us, era.over_us = from_us, until_us
        era.reach_us = shown_between(history, era.begin, end, era.sure_us, until_us)[1]


# ---- declared by a file ----


def declared(life, job, stored, history, changes):
    if changes:
        life.unknown = "a declared job that was changed by hand"
        return
    spoken = [(file, next((spec for spec in file["jobs"] if spec["id"] == job.id), None))
              for file in history.files if file["script"] == job.script]
    if not any(spec for _, spec in spoken):
        life.unknown = "no word of it in the log"
        return
    stretch = []  # since when it has been declared as it is
    for file, spec in spoken:
        if spec is None or (stretch and said(stretch[-1][1]) != said(spec)):
            stretch = []
        if spec is not None:
            stretch.append((file, spec))
    is_first = stretch and stretch[0][0] is next(file for file, spec in spoken if spec)
    begin = stretch[0][0]["n"] if stretch else math.inf
    from_us, sure_us = in_force(history, [file for file, _ in stretch])[:2] if stretch else (-NEVER, NEVER)
    life.eras.append(Era(stored, job.trigger, None, begin, from_us if is_first else -NEVER, sure_us))
    if not is_first:  # it had another trigger before, or was another job
        life.blurs.append((-NEVER, sure_us))
    anchor = job.trigger.get("anchor")
    if anchor and us_of(anchor) > sure_us:
        life.moved = "its trigger to stay as it was when the file was read first"


def said(spec):
    return spec.get("trigger"), spec.get("timezone")


def in_force(history, files):
    """Between which times the first of these, which say the same, or one of those behind it was read; and the place
    where that was certain. One that was replaced before, by one that cannot be loaded, may not have been read."""
    saved = files[0]
    replaced = [line["n"] for line in [*history.files, *history.broken] if line["script"] == saved["script"]]
    read = sorted((line["n"], line["at_us"]) for line in [*history.settled, *history.daemons]
                  if line.get("what", "ready") == "ready")
    for file in files:
        until = min((n for n in replaced if n > file["n"]), default=math.inf)
        for number, at_us in read:
            if file["n"] < number < until:
                return *shown_between(history, saved["n"], number, saved["from_us"], at_us), number
    return saved["from_us"], NEVER, NEVER
