"""Why a due time passes without a run: each skip has a reason that was there when it was recorded. One that was late, or
kept waiting, is passed over only when another one of its job takes its place, by the job's options, or when its grace is
over; a limit must have been in its way; and what was paused must have been paused."""
import json
import math

import oracle
from eras import in_force, shown_between
from reading import BY_SCHEDULE, text_of
from rules_runs import first_of
from wishes import change_by, pauses_of

PLAIN_OVERLAP = (None, "skip", "allow")
HELD_BACK = ("pool", "concurrency_key", "rate")  # options that keep a due time waiting
CHOICES = {"coalesce", "replay_limit", "buffer_limit", "overlap", "misfire_grace_time", "replay_rate", *HELD_BACK}
STILL_OPEN_US = 2_000_000  # a run's end is known to the scheduler only a moment later, when it could write


def judge(store, history, violate, job, life, era, around):
    """`around`: what was decided before the skip, the skip, and what was decided behind it."""
    segment = around[1]
    skip, spec = segment.skip, job.spec
    if skip.recorded_us < skip.last_us and not history.is_ambiguous(skip.last_us):
        violate("early", skip.last_us, "no skip before its due time", "one recorded at " + text_of(skip.recorded_us))
    if skip.reason == "misfire":
        judge_place(store, history, violate, job, life, era, around)
    elif skip.reason == "overlap":
        if spec.get("overlap") == "allow" and not spec.get("max_instances"):
            violate("reason", skip.last_us, "no skip for overlap, which is allowed", "one")
        elif not were_open(store, history, job, skip):
            violate("reason", skip.last_us, "a run that was open at %s" % text_of(skip.recorded_us), "none")
    elif skip.reason == "paused":
        if not was_resumed(history, job, skip.recorded_us):
            violate("reason", skip.last_us, "to be paused, and resumed at %s, for which paused due times are recorded"
                    % text_of(skip.recorded_us), "no such operations")
    elif skip.reason == "limit":
        judge_limit(store, history, violate, job, skip)
        judge_place(store, history, violate, job, life, era, around)
    elif skip.reason == "calendar" and "except" not in json.dumps(job.trigger):
        violate("reason", skip.last_us, "no skip for a calendar, as it has none", "one")


def is_plain(job):
    return job.spec.get("overlap") in PLAIN_OVERLAP and not any(job.spec.get(key) for key in HELD_BACK)


def grace_us(job):
    grace = job.spec.get("misfire_grace_time")
    return math.inf if grace is None else oracle.duration_us(grace)


def pruned_until(store, history, job):
    """Before this the rows of runs may be gone: only the newest of each job are sure to stay. What is cut is cut from
    there towards the oldest, and a daemon may end in between."""
    age_us, keep = history.retention.get("age_us"), history.retention.get("runs")
    bound_us = -math.inf if age_us is None else store.newest_us - age_us
    runs = store.runs_of[job.number]
    if keep and len(runs) >= keep:
        newest = sorted((run.scheduled_us for run in runs), reverse=True)[:keep]
        bound_us = max(bound_us, newest[-1])
    return bound_us


# ---- what took its place ----


def judge_place(store, history, violate, job, life, era, around):
    """Rightly, when a later one took its place, an earlier one did, or it came too late."""
    before, segment, behind = around
    skip, last_us = segment.skip, segment.last_us
    if skip.reason == "misfire" and skip.recorded_us - last_us > grace_us(job):
        return
    if history.is_ambiguous(last_us, skip.recorded_us) or life.is_blurred(skip.recorded_us) or last_us >= era.end_us:
        return
    if any(other.from_us <= skip.recorded_us <= other.sure_us for other in life.eras):
        return  # another trigger took over while it was late
    if is_changed(history, job.id):
        return
    if job.spec.get("coalesce") == "all" or job.spec.get("overlap") == "buffer_all":
        judge_replay(violate, job, era, segment)
    elif job.spec.get("coalesce") == "earliest":
        judge_earliest(store, history, violate, job, before, segment)
    else:
        judge_latest(store, history, violate, job, era, segment, behind)


def is_changed(history, name):
    """Whether the job may have had other options."""
    return any(operation.op == "modify_job" and operation.is_possible and CHOICES & set(operation.params["changes"])
               for operation in history.operations_of[name])


def judge_replay(violate, job, era, segment):
    """All that are late run, or as many of them as are replayed."""
    most = job.spec.get("replay_limit") or job.spec.get("buffer_limit")
    if not most:
        violate("reason", segment.last_us, "a run, as all that are late are to run", "a skip (%s)" % segment.skip.reason)
        return
    later = era.trigger.count(segment.last_us, segment.skip.recorded_us)
    if later < most:
        violate("reason", segment.last_us, "a run, as only %d later ones were due at %s, and %d are kept" % (
            later, text_of(segment.skip.recorded_us), most), "a skip (%s)" % segment.skip.reason)


def judge_earliest(store, history, violate, job, before, segment):
    if segment.first_us <= pruned_until(store, history, job):
        return
    runs = (before.run if before else None, run_right_before(store, job, segment))
    if not any(run and first_of(run).claimed_us >= segment.last_us for run in runs):
        violate("reason", segment.first_us, "a run of the earliest of those that were late at %s"
                % text_of(segment.skip.recorded_us), "a skip (%s) behind %s" % (
                    segment.skip.reason, before.what if before else "nothing"))


def run_right_before(store, job, segment):
    """Of any era: what stood when the tz database changed runs first, and the skip behind it is by the new rules."""
    runs = [run for run in store.runs_of[job.number] if run.cause == BY_SCHEDULE and run.scheduled_us < segment.first_us]
    last = max(runs, key=lambda run: run.scheduled_us, default=None)
    is_behind_a_skip = last and any(last.scheduled_us < skip.last_us < segment.first_us for skip in store.skips_of[job.number])
    return None if is_behind_a_skip else last


def judge_latest(store, history, violate, job, era, segment, behind):
    later_us = era.trigger.next(segment.last_us, segment.skip.recorded_us)
    if later_us is None:
        violate("reason", segment.last_us, "a run, as no later one was due at %s" % text_of(segment.skip.recorded_us),
                "a skip (%s)" % segment.skip.reason)
    elif later_us > pruned_until(store, history, job) and (
            behind is None or behind.run is None or behind.decided_us < segment.skip.recorded_us):
        violate("reason", segment.last_us, "a run of the latest of those that were late at %s"
                % text_of(segment.skip.recorded_us), "a skip (%s) before %s" % (
                    segment.skip.reason, behind.what if behind else "nothing"))


# ---- what was in its way ----


def were_open(store, history, job, skip):
    """As many runs as may be, when it was recorded; those that are pruned are taken at their word. What was claimed
    in the same microsecond was open when somebody asked for it, or when it was due before what was skipped. A
    scheduler that was held up since the first due time of the skip has heard of no end since then."""
    at_us, most, count = skip.recorded_us, job.spec.get("max_instances", 1), 0
    for run in store.runs_of[job.number]:
        claimed_us = first_of(run).claimed_us
        was_first = claimed_us < at_us or (claimed_us == at_us and (
            run.cause != BY_SCHEDULE or run.scheduled_us < skip.first_us))
        count += was_first and not is_over(history, run, skip.first_us)
    return count >= most or at_us < pruned_until(store, history, job) or history.is_ambiguous(at_us)


def is_over(history, run, at_us):
    return run.finished_us is not None and history.writable_us(run.finished_us) + STILL_OPEN_US < at_us


def judge_limit(store, history, violate, job, skip):
    if not any(job.spec.get(key) for key in (*HELD_BACK, "replay_rate")):
        violate("reason", skip.last_us, "no skip for a limit, as it has none", "one")
    elif job.spec.get("coalesce") != "all" and job.spec.get("overlap") != "buffer_all" and (
            not was_held_back(store, history, job, skip)):  # of several, the later ones wait for those before
        violate("reason", skip.last_us, "something in its way between %s and %s" % (
            text_of(skip.first_us), text_of(skip.recorded_us)), "nothing")


def was_held_back(store, history, job, skip):
    """Whether something may have taken the place that the job needed: a run, also one that the same instant has claimed
    and ended, or a pool without a slot."""
    if history.is_ambiguous(skip.first_us, skip.recorded_us) or skip.first_us < pruned_until(store, history, job):
        return True
    pool = job.spec.get("pool")
    if pool and (store.pools.get(pool) == 0 or any(
            operation.op == "set_pool" and operation.is_possible and operation.params["name"] == pool
            and operation.params["slots"] == 0 for operation in history.operations)):
        return True
    for run in store.runs:
        claimed_us = first_of(run).claimed_us
        was_first = claimed_us < skip.recorded_us or (claimed_us == skip.recorded_us and run.job != job.number)
        if was_first and (
                shares_place(store, history, job, run) and not is_over(history, run, skip.first_us)
                or run.job == job.number and job.spec.get("rate")):
            return True
    return False


def shares_place(store, history, job, run):
    """Of a job that is gone or that was another one nobody knows; nor what has become of a key."""
    other = store.jobs.get(run.job)
    if other is None or is_changed(history, other.id):
        return True
    return bool(job.spec.get("pool") and other.spec.get("pool") == job.spec["pool"]
                or job.spec.get("concurrency_key") and other.spec.get("concurrency_key"))


# ---- pauses ----


def was_resumed(history, job, at_us):
    """Whether something that ends a pause may have happened then, before which the job may have been paused."""
    if job.spec.get("max_failures"):
        return True
    pauses = pauses_of(job, history)
    for operation in history.operations_of[job.id]:
        if operation.is_possible and operation.op in ("resume_job", "modify_job", "reschedule_job", "add_job"):
            change = change_by(history, operation, None)
            if change.from_us <= at_us <= change.until_us and True in pauses.during(history, change):
                return True
    return True in pauses.values() and any(
        is_saved_then(history, file, at_us) for file in history.files if file["script"] == job.script)


def is_saved_then(history, file, at_us):
    """Whether a file may have come into force then, which may change a trigger or what is paused."""
    from_us, sure_us, sure = in_force(history, [file])
    from_us, until_us = shown_between(history, file["n"], sure, from_us, sure_us)
    return from_us <= at_us <= until_us
