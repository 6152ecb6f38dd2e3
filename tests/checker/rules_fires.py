"""Every due time becomes exactly one thing: a run, or part of one recorded skip. By the oracle's due times from the
moment when a trigger came into force until the last thing that was decided; beyond it as far as the job's cursor says,
and as far as the log says that everything had been decided."""
import json
import math
from bisect import bisect_right
from dataclasses import dataclass

import rules_skips
from eras import changes_of, life_of
from reading import ACTIVE, BY_SCHEDULE, ERROR, FINISHED, text_of
from rules_runs import OPEN, first_of
from rules_skips import grace_us, is_plain, pruned_until
from wishes import KINDS

IN_LUA = "lua"


@dataclass
class Segment:
    """Due times that follow each other and were decided together."""
    first_us: int
    last_us: int
    count: int
    run: object = None
    skip: object = None

    @property
    def decided_us(self):
        return first_of(self.run).claimed_us if self.run else self.skip.recorded_us

    @property
    def what(self):
        return "a run" if self.run else "a skip (%s)" % self.skip.reason


def judge(store, history, verdict):
    up = up_times(history)
    for job in store.jobs.values():
        if job.trigger is None or job.trigger.get("kind") in (*KINDS, IN_LUA):
            continue  # see rules_events.py, rules_asked.py
        decisions = [(segment.first_us, segment.last_us, segment.decided_us) for segment in all_segments(store, job)] if history.zones else []
        life = life_of(job, history, changes_of(history, job.id), decisions)
        if life.unknown:
            verdict.unjudged[life.unknown] += 1
        else:
            judge_job(store, history, verdict, job, life)
    for run in store.runs:
        note_lateness(verdict, up, run)


# ---- how late ----


def up_times(history):
    times, since = [], None
    for line in history.daemons:
        if line["what"] == "ready":
            since = line["at_us"]
        elif line["what"] in ("killed", "ended") and since is not None:
            times.append((since, line["at_us"]))
            since = None
    if since is not None:
        times.append((since, math.inf))
    return times


def note_lateness(verdict, up, run):
    first = first_of(run)
    if run.cause != BY_SCHEDULE or first.attempt != 1:
        return
    at = bisect_right(up, (run.scheduled_us, math.inf)) - 1
    if at >= 0 and run.scheduled_us < up[at][1] and first.claimed_us < up[at][1]:
        verdict.lateness.append((first.started_us or first.claimed_us) - run.scheduled_us)


# ---- the due times of one job ----


def judge_job(store, history, verdict, job, life):
    def violate(kind, due_us, expected, found):
        verdict.violate(kind, job.id, due_us, expected, found)

    if life.moved:
        violate("moved", None, life.moved, "the trigger %s" % json.dumps(job.trigger))
        return
    judge_eras(store, history, verdict, violate, job, life)
    judge_paused(store, history, violate, job)


def judge_eras(store, history, verdict, violate, job, life):
    segments = {id(era): [] for era in life.eras}
    for segment in all_segments(store, job):
        place(verdict, violate, life, segments, segment)
    for era in life.eras:
        decided = sorted(segments[id(era)], key=lambda segment: segment.first_us)
        judge_era(store, history, verdict, violate, job, life, era, decided)


def all_segments(store, job):
    for run in store.runs_of[job.number]:
        if run.cause == BY_SCHEDULE:
            yield Segment(run.scheduled_us, run.scheduled_us, 1, run=run)
    for skip in store.skips_of[job.number]:
        yield Segment(skip.first_us, skip.last_us, skip.count, skip=skip)


def place(verdict, violate, life, segments, segment):
    """To the era whose due times these are; when several have them, to that which has as many, in which they were
    decided, which had begun by the first of them, and of which that was told to be the first. When that cannot be said, as the clock has shown the time in
    both, to none: neither need have gone on until then."""
    fits = []
    for era in life.eras:
        first_us, last_us = era.trigger.base_of(segment.first_us), era.trigger.base_of(segment.last_us)
        if first_us is None or last_us is None or last_us > era.reach_us:
            continue
        if last_us < era.earliest_us and era.trigger.date_us is None:
            continue
        is_in_time = min(era.from_us, era.end_us) <= segment.decided_us <= max(era.reach_us, era.late_us)
        counted = era.trigger.count(first_us - 1, last_us)
        begins_before = first_us < era.earliest_us and era.trigger.date_us is None
        key = (counted != segment.count, not is_in_time, begins_before)
        is_first = era.first_us is not None and first_us == era.earliest_us
        fits.append(((*key, not is_first, len(fits)), era, first_us, last_us, counted))
    best = sorted(key[:-1] for key, *_ in fits)[:2]
    if len(best) == 2 and best[0] == best[1] and life.is_blurred(segment.first_us, segment.last_us):
        verdict.counts["fires"] += segment.count
    elif fits:
        _, era, first_us, last_us, counted = min(fits)
        if counted != segment.count and not life.is_blurred(first_us, last_us):
            violate("count", segment.first_us, "%d due times from %s to %s in a skip" % (
                counted, text_of(first_us), text_of(last_us)), "%d" % segment.count)
        segments[id(era)].append(Segment(first_us, last_us, segment.count, segment.run, segment.skip))
    elif life.is_blurred(segment.first_us, segment.last_us):
        place_end(life, segments, segment)
    else:
        violate("extra", segment.first_us, "nothing, as it is not due then", segment.what)


def place_end(life, segments, segment):
    """One that began by other rules: what of it lies behind the blur is of the era in which it was decided."""
    for era in life.eras:
        is_in_time = era.from_us <= segment.decided_us <= era.late_us and segment.last_us <= era.reach_us
        if is_in_time and era.trigger.base_of(segment.last_us) is not None and segment.last_us >= era.earliest_us:
            first_us = era.trigger.next(max(segment.first_us, era.earliest_us) - 1, segment.last_us)
            segments[id(era)].append(Segment(first_us, segment.last_us, segment.count, segment.run, segment.skip))
            return


def judge_era(store, history, verdict, violate, job, life, era, decided):
    verdict.counts["fires"] += sum(segment.count for segment in decided)
    kept_us = pruned_until(store, history, job)
    before = decided[0] if decided else None  # of those so far the one that goes furthest
    for after in decided[1:]:
        if after.first_us > before.last_us:
            judge_gap(verdict, violate, life, era, before.last_us, after.first_us - 1, kept_us)
        elif not life.is_blurred(after.first_us, before.last_us):
            violate("double", after.first_us, "one thing for one due time", "%s and %s" % (before.what, after.what))
        before = max(before, after, key=lambda segment: segment.last_us)
    judge_begin(store, history, verdict, violate, job, life, era, decided)
    horizon_us = min(horizon_of(store, history, job, life, era), era.end_us)
    if horizon_us < math.inf and decided:
        judge_gap(verdict, violate, life, era, before.last_us, horizon_us, kept_us)
    for at, segment in enumerate(decided):
        around = (decided[at - 1] if at else None, segment, decided[at + 1] if at + 1 < len(decided) else None)
        judge_choice(store, history, violate, job, life, era, around)


def judge_gap(verdict, violate, life, era, after_us, until_us, kept_us):
    """Nothing is due between what was decided and what was decided next; of before kept_us there may be no row."""
    after_us = max(after_us, kept_us - 1)
    if after_us >= until_us:
        return
    missing_us = era.trigger.next(after_us, until_us)
    while missing_us is not None and life.is_blurred(missing_us):
        missing_us = era.trigger.next(missing_us, until_us)
    if missing_us is None:
        return
    count = era.trigger.count(missing_us - 1, until_us)
    verdict.counts["fires"] += count
    violate("missing", missing_us, "a run or a recorded skip", "nothing for it" + (
        ", nor for %d more up to %s" % (count - 1, text_of(until_us)) if count > 1 else ""))


def judge_begin(store, history, verdict, violate, job, life, era, decided):
    """The first due time of an era, and what comes after it."""
    horizon_us = min(horizon_of(store, history, job, life, era), era.end_us)
    first_decided_us = decided[0].first_us - 1 if decided else horizon_us
    date_us = era.trigger.date_us
    if date_us is not None:
        after_us = -10**18
    elif era.first_us is not None:
        after_us = era.earliest_us - 1
        base_us = era.trigger.base_of(era.first_us)
        if base_us is None:
            violate("answer", era.first_us, "a due time as the next one", "one that the trigger does not have")
            return
    else:
        after_us = era.sure_us
    until_us = min(first_decided_us, era.end_us)
    if after_us < until_us < math.inf:
        if date_us is not None:
            after_us = min(date_us, until_us) - 1
        judge_gap(verdict, violate, life, era, after_us, until_us, pruned_until(store, history, job))


def horizon_of(store, history, job, life, era):
    """Until when everything must have been decided; what was decided last tells no more than that."""
    if era is not life.eras[-1]:
        return era.end_us
    horizon_us = -math.inf
    if job.state == FINISHED or (job.state == ERROR and job.next_us is None):
        return max([line["at_us"] for line in [*history.settled, *history.daemons]]
                   + [run.claimed_us for run in store.runs_of[job.number]], default=0)
    if job.next_us is not None:
        horizon_us = job.next_us - 1 - era.trigger.jitter_us
    if job.state == ACTIVE and not has_open(store, job):
        for line in history.settled:
            if era.begin < line["n"] < life.gone and not touched_after(history, job.id, line):
                horizon_us = max(horizon_us, line["at_us"] - era.trigger.jitter_us)
    return horizon_us


def has_open(store, job):
    """Then a due time may rightly still wait for its turn."""
    return any(run.state in OPEN for run in store.runs_of[job.number])


def touched_after(history, name, line):
    """Whether the job may have been paused when everything was decided, and been resumed since."""
    return any(operation.op in ("pause_job", "resume_job") and operation.end > line["n"]
               for operation in history.operations_of[name])


# ---- which of them run, and why the others do not ----


def judge_choice(store, history, violate, job, life, era, around):
    _, segment, following = around
    if life.is_blurred(segment.first_us, segment.last_us):
        return
    if segment.run:
        judge_claim(history, violate, job, life, era, segment, following)
    else:
        rules_skips.judge(store, history, violate, job, life, era, around)


def next_of(era, life, us, until_us):
    """The due time after `us` if it is not later than until_us and certainly of this era."""
    found_us = era.trigger.next(us, min(until_us, era.end_us - 1, us + 10 * 366 * 86400 * 10**6))
    return None if found_us is None or life.is_blurred(found_us) else found_us


def judge_claim(history, violate, job, life, era, segment, following):
    claimed_us = first_of(segment.run).claimed_us
    if claimed_us - segment.first_us > grace_us(job) + era.trigger.jitter_us and is_plain(job):
        violate("late", segment.first_us, "a skip, as the grace of %s was over" % job.spec["misfire_grace_time"],
                "a claim at " + text_of(claimed_us))
    if not is_plain(job) or era.trigger.jitter_us or history.is_ambiguous(segment.first_us, claimed_us):
        return
    later_us = next_of(era, life, segment.first_us, claimed_us)
    if later_us is None:
        return
    coalesce = job.spec.get("coalesce", "latest")
    if coalesce == "latest":
        violate("choice", segment.first_us, "the latest due time to run, %s or later" % text_of(later_us),
                "a run claimed at %s for an earlier one" % text_of(claimed_us))
    elif coalesce == "earliest" and following and following.run and (
            following.run.claimed_us >= claimed_us and following.first_us <= claimed_us):
        violate("choice", following.first_us, "only the earliest of those that were late to run",
                "a run beside that for " + text_of(segment.first_us))


# ---- what must not fire ----


def judge_paused(store, history, violate, job):
    """While it is paused for certain, nothing is claimed but by hand."""
    of_job = [operation for operation in history.operations_of[job.id] if operation.is_possible and operation.op in (
        "pause_job", "resume_job", "add_job", "add_jobs", "modify_job", "reschedule_job", "remove_job")]
    for at, operation in enumerate(of_job):
        if operation.op != "pause_job" or not operation.is_certain:
            continue
        if any(other.end > operation.begin for other in of_job[:at]):
            continue
        following = of_job[at + 1:at + 2]
        if following and following[0].begin < operation.end:
            continue
        until_us = following[0].sent_us if following else math.inf
        for run in store.runs_of[job.number]:
            first = first_of(run)
            if run.cause == BY_SCHEDULE and operation.acked_us < first.claimed_us < until_us and (
                    not history.is_ambiguous(first.claimed_us)):
                violate("paused", run.scheduled_us, "no run while it was paused, from %s" % text_of(operation.acked_us),
                        "a claim at " + text_of(first.claimed_us))
