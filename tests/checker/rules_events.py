"""Every event that a job waited for becomes exactly one thing: it is in one run, or waits for one, or is part of one
recorded skip, as it came while the job was paused. And nothing else makes a run of such a job.

What has happened is told by those who saw it: an event that is emitted by the client's own log, the end of a run and a
failed attempt by the rows of the other job. An operation without an answer may have happened or not."""
import json
import math
from collections import defaultdict
from dataclasses import dataclass

import oracle
from eras import changes_of, since_last_removal
from reading import ACTIVE, BY_EVENT, BY_SCHEDULE, STATES, text_of, us_of
from rules_fires import has_open
from rules_runs import ENDED, OPEN, find_runs, first_of, may_be_pruned
from rules_skips import HELD_BACK, STILL_OPEN_US
from wishes import DEBOUNCE_MOST, KINDS, Wish, pauses_of, triggers_of

QUEUE_MOST = 10_000         # events of one job that wait
RUN_MOST = 100_000          # bytes of events in one run
PATIENCE_US = 60_000_000    # what could have begun so long ago should have


@dataclass
class Cause:
    """Something that has happened, once: between two places in the log; or by a row, which tells only the time."""
    event: dict
    from_us: float
    until_us: float
    begin: float = None
    end: float = None
    is_certain: bool = True

    @property
    def has_place(self):
        return self.begin is not None


@dataclass
class Place:
    """Where an event was found."""
    event: dict
    run: object     # None: in the queue
    at: int         # in the run


def waits_for_events(job):
    return job.trigger is not None and job.trigger.get("kind") in KINDS


def judge(store, history, verdict, numbers):
    for job in store.jobs.values():
        try:
            if waits_for_events(job):
                judge_job(store, history, verdict, numbers, job)
            else:
                judge_timed(store, history, verdict, job)
        except oracle.Unknown as unknown:
            verdict.unjudged[str(unknown)] += 1


def judge_timed(store, history, verdict, job):
    if job.trigger is not None and job.trigger.get("kind") not in ("date", "interval", "cron"):
        return
    if len(changes_of(history, job.id)) > 1:
        return
    for run in store.runs_of[job.number]:
        if run.cause == BY_EVENT:
            verdict.violate("extra", job.id, run.scheduled_us, "no run by an event, as it waits for none", "one")


def judge_job(store, history, verdict, numbers, job):
    changes, is_doubtful = since_last_removal(changes_of(history, job.id))
    if is_doubtful:
        raise oracle.Unknown("an event trigger that may have been another job's")
    triggers, pauses = triggers_of(job, history, changes), pauses_of(job, history)
    wishes = {value for value in triggers.values() if isinstance(value, Wish)}
    causes, seen = defaultdict(list), defaultdict(list)
    for kind, topic in {(wish.kind, wish.topic) for wish in wishes}:
        for key, cause in causes_of(store, history, kind, topic):
            causes[key].append(cause)
    runs = sorted((run for run in store.runs_of[job.number] if run.cause == BY_EVENT),
                  key=lambda run: min(attempt.fence for attempt in [*run.former, run]))
    places = [Place(event, run, at) for run in runs for at, event in enumerate(run.events)]
    places += [Place(event, None, 0) for _, event in store.waiting[job.number]]
    for place in places:
        seen[key_of(place.event)].append(place)
    verdict.counts["events_due"] += judge_dispositions(store, history, verdict, numbers, job, triggers, pauses,
                                                       causes, seen)
    judge_order(verdict, job, causes, places)
    for run in runs:
        judge_run(history, verdict, job, run)
    if len(wishes) == 1 and len(triggers.values()) <= 2:
        judge_pace(store, history, verdict, job, next(iter(wishes)), runs)
    judge_queue(store, history, verdict, job)
    if None not in triggers.values():
        for run in store.runs_of[job.number]:
            if run.cause == BY_SCHEDULE:
                verdict.violate("extra", job.id, run.scheduled_us, "no run by a due time, as it has none", "one")


# ---- what has happened ----


def key_of(event):
    """What is the same of one event wherever it is told."""
    if event["event"] == "after_job":
        return "after_job", event["run"]
    if event["event"] in ENDED:
        return event["event"], event["run"], event["attempt"]
    return event["event"], json.dumps({name: value for name, value in event.items() if name not in ("event", "at")},
                                      sort_keys=True)


def causes_of(store, history, kind, topic):
    if kind == "after_job" or topic in ENDED:
        yield from causes_in_rows(store, history, topic if kind == "after_job" else None, topic)
        return
    if topic.startswith(("job_", "script_", "scheduler_", "listener_")):
        raise oracle.Unknown("the event %s" % topic)
    for operation in history.operations:
        if operation.op == "emit" and operation.params["event"] == topic and operation.is_possible:
            event = {"event": topic, **(operation.params.get("data") or {})}
            yield key_of(event), Cause(event, operation.sent_us, operation.until_us, operation.begin,
                                           operation.end, operation.is_certain)


def causes_in_rows(store, history, of_job, name):
    """The ends of a job's runs, or the attempts of all that have ended so."""
    numbers = [store.by_id[of_job].number] if of_job in store.by_id else [] if of_job else store.jobs
    for number in numbers:
        job_id = store.jobs[number].id
        for run in store.runs_of[number]:
            for attempt in [run] if of_job else [*run.former, run]:
                if attempt.state in OPEN or not of_job and attempt.state not in ENDED[name]:
                    continue
                event = {"event": "after_job" if of_job else name, "job": job_id, "state": STATES[attempt.state],
                         "run": "%s@%s" % (job_id, text_of(run.scheduled_us)), "attempt": attempt.attempt}
                yield key_of(event), Cause(event, attempt.finished_us,
                                           history.writable_us(attempt.finished_us) + STILL_OPEN_US)


# ---- what became of it ----


def judge_dispositions(store, history, verdict, numbers, job, triggers, pauses, causes, seen):
    skips = {reason: sum(skip.count for skip in store.skips_of[job.number] if skip.reason == reason)
             for reason in ("misfire", "overlap", "paused", "calendar", "limit")}
    kept_us, sure, open_ends, count = kept_since(store, history, job), 0, 0, 0
    is_full = skips["limit"] and sum(map(len, causes.values())) >= QUEUE_MOST
    for key in {*seen, *causes}:
        must, may, paused = 0, 0, 0
        for cause in causes[key]:
            wanted, is_sure = is_wanted(history, job, triggers, cause)
            if not wanted:
                continue
            states = pauses.during(history, cause)
            is_sure = is_sure and cause.is_certain and cause.from_us >= kept_us
            may += False in states
            must += is_sure and states == {False} and not is_full
            paused += True in states
            if states == {True}:
                sure += is_sure
            elif True in states and is_sure:
                open_ends += 1
        found = len(seen[key])
        count += found
        judge_count(store, history, verdict, numbers, job, key, seen[key], (must, may, paused), len(causes[key]))
    judge_skips(verdict, job, skips, sure, sure + open_ends + uncertain_pauses(history, job, triggers, pauses, causes), is_full)
    return count + skips["paused"]


def kept_since(store, history, job):
    """Of what came before, the runs may be gone: only the newest are kept."""
    age_us, keep = history.retention.get("age_us"), history.retention.get("runs")
    moments = [-math.inf if age_us is None else store.newest_us - age_us]
    if keep is not None and len(store.runs_of[job.number]) >= keep:
        moments.append(min(run.scheduled_us for run in store.runs_of[job.number]))
    return max(moments)


def is_wanted(history, job, triggers, cause):
    """Whether it may be, and whether it must."""
    if cause.event.get("job") == job.id and cause.event["event"] in (*ENDED, "after_job"):
        return False, False  # never by what is told of itself
    values = triggers.during(history, cause)
    kind = "after_job" if cause.event["event"] == "after_job" else "on_event"
    topic = cause.event["job"] if kind == "after_job" else cause.event["event"]
    answers = [isinstance(value, Wish) and (value.kind, value.topic) == (kind, topic) and value.wants(cause.event)
               for value in values]
    return any(answers), all(answers)


def uncertain_pauses(history, job, triggers, pauses, causes):
    """How many may be skips and need not be."""
    found = 0
    for of_key in causes.values():
        for cause in of_key:
            states = pauses.during(history, cause)
            wanted, is_sure = is_wanted(history, job, triggers, cause)
            found += wanted and True in states and not (is_sure and cause.is_certain)
    return found


def judge_count(store, history, verdict, numbers, job, key, places, bounds, happened):
    must, may, paused = bounds
    about_us = next((place.run.scheduled_us for place in places if place.run), None)
    what = "%s %s" % (key[0], " ".join(map(str, key[1:])))
    if len(places) < must:
        verdict.violate("missing", job.id, None, "a run of %s, for which it waited" % what,
                        "none" if not places else "%d of %d" % (len(places), must))
    elif len(places) > max(may, 1) or (len(places) > 1 and happened == 1):
        verdict.violate("double", job.id, about_us, "one run of %s" % what, "%d" % len(places))
    elif len(places) > may:
        if happened == 0 and is_forgotten(store, history, numbers, key):
            return
        if paused and not may:
            verdict.violate("paused", job.id, about_us, "a skip of %s, as it was paused" % what, "a run")
        else:
            verdict.violate("extra", job.id, about_us, "nothing of %s, which %s" % (
                what, "it did not wait for then" if happened else "has not happened"), "a run or one that waits")


def is_forgotten(store, history, numbers, key):
    """Whether the row that tells of it may be gone with its job or its age."""
    if key[0] != "after_job" and key[0] not in ENDED:
        return False
    name, _, at = key[1].rpartition("@")
    if name not in store.by_id or may_be_pruned(store, history, name, us_of(at)):
        return True
    return not store.by_id[name].is_added and bool(find_runs(store, numbers, name, us_of(at)))


def judge_skips(verdict, job, skips, least, most, is_full):
    if skips["paused"] < least:
        verdict.violate("missing", job.id, None, "%d skips of what came while it was paused" % least, "%d" % skips["paused"])
    if skips["paused"] > most:
        verdict.violate("extra", job.id, None, "at most %d skips of what came while it was paused" % most,
                        "%d" % skips["paused"])
    for reason in ("misfire", "overlap", "calendar"):
        if skips[reason]:
            verdict.violate("reason", job.id, None, "events to wait for their runs", "%d skips (%s)" % (skips[reason], reason))
    if skips["limit"] and not is_full:
        verdict.violate("reason", job.id, None, "no skip before %d events wait" % QUEUE_MOST,
                        "%d (limit)" % skips["limit"])


# ---- when, and in which order ----


def judge_order(verdict, job, causes, places):
    """What was told before another thing was sent is taken first."""
    begun = -math.inf
    for place in places:
        of_key = causes[key_of(place.event)]
        if len(of_key) != 1 or not of_key[0].has_place or not of_key[0].is_certain:
            continue
        if of_key[0].end < begun:
            verdict.violate("choice", job.id, place.run.scheduled_us if place.run else None,
                            "events in their order", "%s behind a later one" % json.dumps(place.event))
            return
        begun = max(begun, of_key[0].begin)


def judge_run(history, verdict, job, run):
    claimed_us = first_of(run).claimed_us
    if not run.events:
        verdict.violate("extra", job.id, run.scheduled_us, "no run by an event without one", "a run")
    for event in run.events:
        at_us = us_of(event["at"])
        if claimed_us < at_us and not history.is_ambiguous(claimed_us, at_us):
            verdict.violate("early", job.id, run.scheduled_us, "a claim after the event of %s" % event["at"],
                            "one at " + text_of(claimed_us))


def judge_pace(store, history, verdict, job, wish, runs):
    """As many as it wants at most, not before the pause that it waits for, and not too often."""
    for run in runs:
        claimed_us = first_of(run).claimed_us
        moments = [us_of(event["at"]) for event in run.events]
        if len(moments) > wish.batch:
            verdict.violate("count", job.id, run.scheduled_us, "at most %d events in a run" % wish.batch, "%d" % len(moments))
        if not moments or history.is_ambiguous(claimed_us, *moments):
            continue
        due_us = min(moments[-1] + wish.debounce_us, moments[0] + DEBOUNCE_MOST * wish.debounce_us)
        is_cut = len(moments) >= wish.batch or len(json.dumps(run.events)) > RUN_MOST // 2
        if claimed_us < due_us and not is_cut:
            verdict.violate("early", job.id, run.scheduled_us, "a claim at %s, when nothing more had come" % text_of(due_us),
                            "one at " + text_of(claimed_us))
    if wish.throttle_us:
        claims = sorted((first_of(run).claimed_us, run.cause, run.scheduled_us) for run in store.runs_of[job.number])
        for before, after in zip(claims, claims[1:]):
            if after[1] == BY_EVENT and after[0] - before[0] < wish.throttle_us and not history.is_ambiguous(
                    before[0], after[0]):
                verdict.violate("early", job.id, after[2], "no run within %d ms of the one before" % (wish.throttle_us // 1000),
                                "one after %d ms" % ((after[0] - before[0]) // 1000))


def judge_queue(store, history, verdict, job):
    """When everything had been decided, nothing waited that could have begun."""
    wish_us = sum(DEBOUNCE_MOST * oracle.duration_us(job.trigger.get(name, 0)) for name in ("debounce", "throttle"))
    is_held = has_open(store, job) or any(job.spec.get(key) for key in HELD_BACK)
    if job.state != ACTIVE or is_held or not history.settled:
        return
    settled_us = history.settled[-1]["at_us"]
    for at_us, event in store.waiting[job.number]:
        if at_us + wish_us + PATIENCE_US < settled_us and not history.is_ambiguous(at_us):
            verdict.violate("missing", job.id, None, "a run of %s, as nothing keeps it waiting" % json.dumps(event), "none")
