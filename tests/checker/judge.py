"""All rules, over one store and its log."""
import rules_asked
import rules_events
import rules_files
import rules_fatal
import rules_fires
import rules_gone
import rules_hand
import rules_operations
import rules_runs
from verdict import Verdict


def judge(store, history):
    verdict = Verdict()
    for problem in store.problems:
        verdict.violate("integrity", None, None, "a sound database", problem)
    if store.problems:
        return verdict
    numbers = rules_runs.numbers_of_removed(store, history)
    rules_runs.judge(store, history, verdict, numbers)
    rules_operations.judge(store, history, verdict)
    rules_hand.judge(store, history, verdict, numbers)
    rules_files.judge(store, history, verdict)
    rules_events.judge(store, history, verdict, numbers)
    rules_asked.judge(store, history, verdict)
    rules_fires.judge(store, history, verdict)
    rules_gone.judge(store, history, verdict, numbers)
    rules_fatal.judge(store, history, verdict)
    return verdict
