"""A write or sync of the store that has failed left it in a state that nobody knows: its daemon ends, and the next one
finds out. Until it has ended it answers nothing that was sent after that, and claims nothing."""
import math

from reading import text_of


def judge(store, history, verdict):
    for fault in history.faults:
        if fault.get("is_fatal"):
            judge_end(store, history, verdict, fault)


def judge_end(store, history, verdict, fault):
    """From the fault to the next word of a daemon, or to the end of the log."""
    following = next((line for line in history.daemons if line["n"] > fault["n"]), {"n": math.inf, "at_us": math.inf})
    for operation in history.operations:
        is_answered = operation.acked_us is not None and operation.end < following["n"]
        if operation.begin > fault["n"] and is_answered:
            verdict.violate("unsafe", (operation.jobs() or [None])[0], None, "no answer after %s at %s" % (
                fault["what"], text_of(fault["at_us"])), "one to %s" % operation.op)
    for run in store.runs:
        for attempt in [*run.former, run]:
            if fault["at_us"] < attempt.claimed_us < following["at_us"] and not history.is_ambiguous(
                    fault["at_us"], attempt.claimed_us):
                job = store.jobs.get(run.job)
                verdict.violate("unsafe", job.id if job else None, run.scheduled_us, "no claim after %s at %s" % (
                    fault["what"], text_of(fault["at_us"])), "one at " + text_of(attempt.claimed_us))
