"""What each run must look like: claimed before it ran, never before its time, each attempt once, its finish once,
and not again what must not run again. By the rows of the store, and by what the jobs themselves have written."""
import heapq
import json
import math
from collections import defaultdict

from reading import (BY_SCHEDULE, CANCELLED, ERROR, FAILED, INTERRUPTED, PENDING, RUNNING, STATES, SUCCEEDED, TIMED_OUT,
                     text_of, us_of)

OPEN = (PENDING, RUNNING)
INTERRUPTIONS = 5  # of one run before its job is put aside, when it does not say
REPEATED = (PENDING, FAILED, TIMED_OUT, INTERRUPTED)  # pending: it was snoozed


def judge(store, history, verdict, numbers):
    verdict.counts["runs"] += len(store.runs)
    verdict.counts["skips"] += sum(skip.count for skip in store.skips)
    verdict.counts["jobs"] += len(store.jobs)
    verdict.counts["witnessed"] += len(history.witnesses)
    verdict.counts["events"] += len(history.events)
    judge_fences(store, verdict)
    for run in store.runs:
        judge_run(store, history, verdict, run)
    judge_chains(store, verdict)
    judge_instances(store, history, verdict)
    judge_witnesses(store, history, verdict, numbers)
    judge_events(store, history, verdict, numbers)


def name_of(store, number):
    job = store.jobs.get(number)
    return job.id if job else "removed job %d" % number


def numbers_of_removed(store, history):
    """Of a job that is gone the store has runs and no id. The number that has a run for each due time for which it
    was seen to run, and no row of its own, is taken to be its own, when only one has."""
    orphans = defaultdict(set)
    for run in store.runs:
        if run.job not in store.jobs:
            orphans[run.scheduled_us].add(run.job)
    numbers = {}
    for name, witnesses in history.witnesses_of.items():
        job = store.by_id.get(name)
        times = {witness.scheduled_us for witness in witnesses}
        seen = [orphans[us] for us in times if us in orphans and not (job and (job.number, us) in store.run)]
        both = set.intersection(*seen) if seen else set()
        if both:
            numbers[name] = both
    return numbers


def first_of(run):
    """Its first attempt."""
    return run.former[0] if run.former else run


def find_runs(store, numbers, job_id, scheduled_us):
    """The rows that may be meant by "job_id@scheduled_us": one, but after a removal perhaps of several numbers."""
    candidates = set(numbers.get(job_id, ()))
    if job_id in store.by_id:
        candidates.add(store.by_id[job_id].number)
    return [store.run[number, scheduled_us] for number in candidates if (number, scheduled_us) in store.run]


def may_be_pruned(store, history, job_id, scheduled_us):
    """Whether history that long ago may be gone by the retention."""
    keep = history.retention.get("runs")
    age_us = history.retention.get("age_us")
    if age_us is not None and scheduled_us < store.newest_us - age_us:
        return True
    if keep is None:
        return False
    job = store.by_id.get(job_id)
    if job is None:
        return len({witness.scheduled_us for witness in history.witnesses_of[job_id]}) >= keep
    kept = store.runs_of[job.number]
    return len(kept) >= keep and scheduled_us < max(run.scheduled_us for run in kept)


# ---- rows alone ----


def judge_fences(store, verdict):
    """A fence is given once: what carries an old one changes nothing."""
    seen = {}
    for run in store.runs:
        fences = [attempt.fence for attempt in run.former] + [run.fence]
        if fences != sorted(set(fences)):
            verdict.violate("fence", name_of(store, run.job), run.scheduled_us, "a greater fence for each attempt",
                            "fences %s" % fences)
        for fence in fences:
            other = seen.setdefault(fence, run)
            if other is not run:
                verdict.violate("fence", name_of(store, run.job), run.scheduled_us, "a fence of its own",
                                "fence %d, which %s at %s has too" % (
                                    fence, name_of(store, other.job), text_of(other.scheduled_us)))


def judge_run(store, history, verdict, run):
    job, name = store.jobs.get(run.job), name_of(store, run.job)

    def violate(kind, expected, found):
        verdict.violate(kind, name, run.scheduled_us, expected, found)

    if run.cause == BY_SCHEDULE and run.claimed_us < run.scheduled_us:
        violate("early", "a claim at its due time or later", "one at " + text_of(run.claimed_us))
    attempts = [*run.former, run]
    for attempt in attempts:
        if attempt.started_us and attempt.started_us < attempt.claimed_us and not history.is_ambiguous(attempt.started_us):
            violate("early", "attempt %d to begin after the claim at %s" % (attempt.attempt, text_of(attempt.claimed_us)),
                    "its begin at " + text_of(attempt.started_us))
        judge_moments(history, violate, attempt)
    known = [attempt.attempt for attempt in run.former]
    if known != sorted(set(known)) or (known and known[-1] >= run.attempt):
        violate("attempts", "attempts in ascending order before the last, %d" % run.attempt, "attempts %s" % known)
    snoozed = any(attempt.state == PENDING for attempt in run.former)
    if len(known) != run.attempt - 1 and not snoozed:
        violate("attempts", "%d attempts before the last" % (run.attempt - 1), "attempts %s" % known)
    for attempt in run.former:
        if attempt.state not in REPEATED:
            violate("again", "no attempt after attempt %d, which %s" % (attempt.attempt, STATES[attempt.state]),
                    "attempt %d" % run.attempt)
    if job:
        judge_policy(history, violate, job, run)
    settled = [line["at_us"] for line in history.settled if run.claimed_us <= line["at_us"]]
    if settled and run.state in OPEN:
        violate("open", "its end, as nothing was open at " + text_of(settled[0]), STATES[run.state])


def judge_moments(history, violate, attempt):
    """The row's claim is that of the first attempt; each has a time before which it does not begin."""
    begun_us, due_us, ended_us = attempt.started_us, attempt.due_us, attempt.finished_us
    if begun_us and due_us and begun_us < due_us and not history.is_ambiguous(attempt.claimed_us, begun_us):
        violate("early", "attempt %d to begin at %s, when it is due, or later" % (attempt.attempt, text_of(due_us)),
                "its begin at " + text_of(begun_us))
    if attempt.state in OPEN:
        return
    if not ended_us:
        violate("finish", "a time of its end, as it is " + STATES[attempt.state], "none")
    elif ended_us < max(attempt.claimed_us, begun_us or 0) and not history.is_ambiguous(attempt.claimed_us, ended_us):
        violate("finish", "an end of attempt %d after its claim at %s and its begin" % (
            attempt.attempt, text_of(attempt.claimed_us)), "one at " + text_of(ended_us))


def judge_policy(history, violate, job, run):
    """What the job's options say about further attempts."""
    failures = sum(attempt.state in (FAILED, TIMED_OUT) for attempt in run.former)
    retry = job.spec.get("retry")
    most = retry.get("attempts", 1) if isinstance(retry, dict) else retry if isinstance(retry, int) else 1
    if failures >= max(most, 1):
        violate("again", "no attempt after %d failures" % failures, "attempt %d" % run.attempt)
    is_plain = not isinstance(retry, dict) or not {"decide", "retry_on", "give_up_on"} & set(retry)
    if run.state in (FAILED, TIMED_OUT) and is_plain and failures + 1 < most and not was_cancelled(history, job, run):
        violate("abandoned", "another attempt after %d failures of %d" % (failures + 1, most), "none")
    by_crash = sum(attempt.state == INTERRUPTED and not was_cut_by_stop(attempt) for attempt in [*run.former, run])
    if (run.state == INTERRUPTED and job.spec.get("delivery") != "at_most_once" and job.state != ERROR
            and (was_cut_by_stop(run) or by_crash < job.spec.get("max_interruptions", INTERRUPTIONS))):
        violate("abandoned", "another attempt, as it was cut off", "none after attempt %d" % run.attempt)
    if job.spec.get("delivery") == "at_most_once":
        for attempt in run.former:
            if attempt.state == INTERRUPTED:
                violate("twice", "no attempt after one that was cut off, as it is at_most_once",
                        "attempt %d" % run.attempt)


def was_cut_by_stop(attempt):
    return (attempt.error or "").startswith("cut off by a stop of the daemon")


def was_cancelled(history, job, run):
    """Whether somebody asked it to end, in whatever way it then ended; an answer tells which one was meant."""
    name = "%s@%s" % (job.id, text_of(run.scheduled_us))
    for operation in history.operations:
        if operation.op != "cancel_run" or not operation.is_possible:
            continue
        if operation.is_certain and operation.result["run"] == name:
            return True
        if not operation.is_certain and operation.params["run"] in (job.id, name):
            return True
    return False


def judge_chains(store, verdict):
    """A job's history can be walked from its newest run to its oldest."""
    for number, runs in store.runs_of.items():
        newest = max(runs, key=lambda run: min([attempt.fence for attempt in run.former] + [run.fence]))
        reached, at = set(), newest
        while at is not None and at.scheduled_us not in reached:
            reached.add(at.scheduled_us)
            at = store.run.get((number, at.previous_us))
        lost = [run.scheduled_us for run in runs if run.scheduled_us not in reached]
        if lost:
            verdict.violate("history", name_of(store, number), lost[0], "to be found from the newest run on",
                            "%d of %d runs not linked" % (len(lost), len(runs)))


def judge_instances(store, history, verdict):
    """No more runs of a job are open at once than it allows: a run from its claim to its end, retries between. Of what
    one instant has claimed the fences tell the order."""
    for number, runs in store.runs_of.items():
        job = store.jobs.get(number)
        if job is None or any(
                operation.op == "modify_job" and {"max_instances", "overlap"} & set(operation.params["changes"])
                for operation in history.operations_of[job.id]):
            continue
        most = job.spec.get("max_instances", math.inf if job.spec.get("overlap") == "allow" else 1)
        ends = []
        for run in sorted(runs, key=lambda run: (first_of(run).claimed_us, first_of(run).fence)):
            claimed_us = first_of(run).claimed_us
            while ends and ends[0] <= claimed_us:
                heapq.heappop(ends)
            if len(ends) >= most and not history.is_ambiguous(claimed_us):
                verdict.violate("overlap", job.id, run.scheduled_us, "at most %d open at once" % most,
                                "a claim at %s, while %d were" % (text_of(claimed_us), len(ends)))
            heapq.heappush(ends, run.finished_us or math.inf)


# ---- what jobs wrote ----


def judge_witnesses(store, history, verdict, numbers):
    executed, speakers = defaultdict(list), set()
    for witness in history.witnesses:
        if witness.scheduled_us is None:
            continue
        executed[witness.job, witness.scheduled_us].append(witness)
        job = store.by_id.get(witness.job)
        if job:
            speakers.add((job.script, job.spec.get("func"), job.id if not job.spec.get("func") else None))
    for (job_id, scheduled_us), witnesses in executed.items():
        judge_executed(store, history, verdict, numbers, job_id, scheduled_us, witnesses)
    for run in store.runs:
        job = store.jobs.get(run.job)
        if not job or run.state != SUCCEEDED:
            continue
        func = job.spec.get("func")
        is_speaker = (job.script, func, job.id if not func else None) in speakers
        if is_speaker and run.attempt not in [witness.attempt for witness in executed[job.id, run.scheduled_us]]:
            verdict.violate("unexecuted", job.id, run.scheduled_us, "attempt %d, which succeeded, to have run" % run.attempt,
                            "no word of it from the job itself")


def judge_executed(store, history, verdict, numbers, job_id, scheduled_us, witnesses):
    def violate(kind, expected, found):
        verdict.violate(kind, job_id, scheduled_us, expected, found)

    job, seen = store.by_id.get(job_id), set()
    rows = find_runs(store, numbers, job_id, scheduled_us)
    # Of several that one instant has set off, and no due time, all but the first bear a later name.
    is_timed = not rows or any(run.cause == BY_SCHEDULE for run in rows)
    for witness in witnesses:
        if witness.attempt in seen:
            violate("twice", "attempt %s to run once" % witness.attempt,
                    "it ran again at " + text_of(witness.at_us))
        seen.add(witness.attempt)
        if is_timed and witness.at_us < scheduled_us and not history.is_ambiguous(witness.at_us):
            violate("early", "no run before its time", "a run at " + text_of(witness.at_us))
    if job and job.spec.get("delivery") == "at_most_once" and not job.spec.get("retry") and len(witnesses) > 1:
        violate("twice", "at most one run, as it is at_most_once", "%d runs" % len(witnesses))
    if not rows:
        if not may_be_pruned(store, history, job_id, scheduled_us):
            violate("unclaimed", "a claim in the store", "none, and it ran at " + text_of(witnesses[0].at_us))
        return
    if len(rows) == 1:
        judge_against_row(violate, history, rows[0], witnesses)


def judge_against_row(violate, history, run, witnesses):
    attempts = {attempt.attempt: attempt for attempt in [*run.former, run]}
    for witness in witnesses:
        attempt = attempts.get(witness.attempt)
        if attempt is None:
            if witness.attempt > run.attempt:
                violate("unclaimed", "a claim of attempt %d in the store" % witness.attempt, "attempt %d as the last"
                        % run.attempt)
            continue
        if witness.at_us < attempt.claimed_us and not history.is_ambiguous(witness.at_us):
            violate("unclaimed", "attempt %d to run after its claim at %s" % (witness.attempt, text_of(attempt.claimed_us)),
                    "it ran at " + text_of(witness.at_us))
        if attempt.due_us and witness.at_us < attempt.due_us and witness.at_us >= run.scheduled_us and not (
                history.is_ambiguous(attempt.claimed_us, witness.at_us)):
            violate("early", "attempt %d to run at %s, when it is due, or later" % (witness.attempt, text_of(attempt.due_us)),
                    "it ran at " + text_of(witness.at_us))
        if witness.result is not ... and attempt.state == SUCCEEDED and same_json(attempt.result, witness.result) is False:
            violate("stale", "the result of attempt %d, %r" % (witness.attempt, witness.result),
                    "the result %s" % attempt.result)


def same_json(text, value):
    try:
        return json.loads(text) == value if text is not None else value is None
    except ValueError:
        return False


# ---- what clients were told ----

ENDED = {"job_executed": (SUCCEEDED,), "job_error": (FAILED, TIMED_OUT), "job_cancelled": (CANCELLED,)}


def judge_events(store, history, verdict, numbers):
    """The end of an attempt is told once, after it is durable."""
    told = set()
    for _, event in history.events:
        states = ENDED.get(event.get("event"))
        if not states or "run" not in event:
            continue
        job_id, _, at = event["run"].rpartition("@")
        scheduled_us, number = us_of(at), event["attempt"]
        if (job_id, scheduled_us, number) in told:
            verdict.violate("finish", job_id, scheduled_us, "one end of attempt %d" % number, "two that were told")
        told.add((job_id, scheduled_us, number))
        rows = find_runs(store, numbers, job_id, scheduled_us)
        attempts = [attempt for run in rows for attempt in [*run.former, run] if attempt.attempt == number]
        if not attempts and not may_be_pruned(store, history, job_id, scheduled_us) and job_id in store.by_id:
            verdict.violate("finish", job_id, scheduled_us, "attempt %d, which was told as ended" % number, "none")
        if len(rows) == 1 and attempts and attempts[0].state not in states:
            verdict.violate("finish", job_id, scheduled_us, "attempt %d as it was told: %s" % (number, event["event"]),
                            STATES[attempts[0].state])
