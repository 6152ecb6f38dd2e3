"""Runs by hand: each that was answered is there, by that cause and with its arguments, and each that is there was asked
for by somebody, once."""
import json
import math
from collections import defaultdict

from eras import shown_between
from reading import BY_HAND, CANCELLED, INTERRUPTED, text_of, us_of
from rules_runs import find_runs, first_of, may_be_pruned


def judge(store, history, verdict, numbers):
    answered = judge_answers(store, history, verdict, numbers)
    names = {number: name for name, several in numbers.items() for number in several if len(several) == 1}
    names.update((number, job.id) for number, job in store.jobs.items())
    unasked = defaultdict(list)
    for run in store.runs:
        name = names.get(run.job)
        if run.cause == BY_HAND and name and (name, run.scheduled_us) not in answered:
            unasked[name].append(run)
    for name, runs in unasked.items():
        judge_unanswered(history, verdict, name, runs)


# ---- what was answered ----


def judge_answers(store, history, verdict, numbers):
    """The runs that answers to run_now have named."""
    answered = set()
    for operation in history.operations:
        if not operation.is_certain or operation.op not in ("run_now", "cancel_run"):
            continue
        job_id, _, at = operation.result["run"].rpartition("@")
        scheduled_us = us_of(at)
        rows = find_runs(store, numbers, job_id, scheduled_us)
        if not rows and job_id in store.by_id and not may_be_pruned(store, history, job_id, scheduled_us):
            verdict.violate("lost", job_id, scheduled_us, "the run that %s answered with" % operation.op, "none")
        if operation.op == "cancel_run":
            for run in rows:
                judge_cancel(history, verdict, job_id, operation, run)
            continue
        if (job_id, scheduled_us) in answered:
            verdict.violate("answer", job_id, scheduled_us, "a run of its own for each run_now", "one for two of them")
        answered.add((job_id, scheduled_us))
        for run in rows:
            judge_row(verdict, job_id, operation, run)
    return answered


def judge_row(verdict, job_id, operation, run):
    if run.cause != BY_HAND:
        verdict.violate("lost", job_id, run.scheduled_us, "a run by hand", "one by another cause")
    elif not has_arguments(operation, run):
        verdict.violate("lost", job_id, run.scheduled_us, "the arguments %s" % json.dumps(operation.params.get("args")),
                        "%s" % run.args)


def judge_cancel(history, verdict, job_id, operation, run):
    """One that had begun may have ended in another way before it was told, but no attempt follows."""
    if operation.result.get("state") == "cancelled":
        if run.state != CANCELLED:
            verdict.violate("lost", job_id, run.scheduled_us, "a cancelled run", "one that is not")
        return
    if run.state == INTERRUPTED:
        verdict.violate("lost", job_id, run.scheduled_us, "a run that has ended, or was cancelled", "one that was cut off")
    for attempt in run.former:
        if attempt.finished_us > operation.acked_us and not history.is_ambiguous(attempt.finished_us, operation.acked_us):
            verdict.violate("lost", job_id, run.scheduled_us, "no attempt after %d, as it was cancelled" % attempt.attempt,
                            "attempt %d" % (attempt.attempt + 1))


def has_arguments(operation, run):
    return (json.loads(run.args) if run.args else None) == operation.params.get("args")


# ---- what was not ----


def judge_unanswered(history, verdict, name, runs):
    """Each needs a run_now of its own that was sent by then and has no answer; that which ends first is taken first."""
    left = [operation for operation in history.operations_of[name]
            if operation.op == "run_now" and operation.is_possible and not operation.is_certain]
    left.sort(key=lambda operation: math.inf if operation.until_us is None else operation.until_us)
    for run in sorted(runs, key=lambda run: first_of(run).claimed_us):
        found = next((operation for operation in left if may_be(history, operation, run)), None)
        if found is None:
            verdict.violate("extra", name, run.scheduled_us, "no run by hand, as nobody asked for it",
                            "one, claimed at " + text_of(first_of(run).claimed_us))
        else:
            left.remove(found)


def may_be(history, operation, run):
    until_us = math.inf if operation.until_us is None else operation.until_us
    from_us, until_us = shown_between(history, operation.begin, operation.end, operation.sent_us, until_us)
    return from_us <= first_of(run).claimed_us <= until_us and has_arguments(operation, run)
