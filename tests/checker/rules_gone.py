"""What was removed runs no more; until then it is judged as what is there is, when it can be told which rows are its. And
nothing is there that nobody has brought."""
import math

from eras import changes_of, end_era, life_of, shown_between, since_last_removal
from reading import ACTIVE, CANCELLED, STATES, Job, text_of
from rules_fires import all_segments, judge_eras
from rules_runs import find_runs, first_of
from wishes import KINDS

ADDING = ("add_job", "add_jobs")


def judge(store, history, verdict, numbers):
    for name in list(history.operations_of):
        operations = changes_of(history, name)
        if operations and operations[-1].op == "remove_job" and is_alone(operations):
            judge_removed(store, history, verdict, numbers, name, operations[-1])
            judge_before(store, history, verdict, numbers, name, operations)
    for line in history.gone:
        judge_waiting(store, history, verdict, line)
    judge_strangers(store, history, verdict)
    judge_orphans(store, history, verdict)


def is_alone(operations):
    """Whether the last one has happened, and after all others."""
    last = operations[-1]
    return last.is_certain and all(operation.end < last.begin for operation in operations[:-1])


def judge_removed(store, history, verdict, numbers, name, removal):
    """What is gone for certain is claimed no more."""
    for scheduled_us in {witness.scheduled_us for witness in history.witnesses_of.get(name, ())}:
        rows = find_runs(store, numbers, name, scheduled_us)
        for run in rows if len(rows) == 1 else ():  # of several it may be another job's that is gone, too
            first = first_of(run)
            if first.claimed_us > removal.acked_us and not history.is_ambiguous(first.claimed_us):
                verdict.violate("removed", name, run.scheduled_us, "no run, as it was removed by %s"
                                % text_of(removal.acked_us), "a claim at " + text_of(first.claimed_us))


def judge_waiting(store, history, verdict, line):
    """An attempt that was to begin later is cancelled with its job; one that had begun may go on."""
    gone_us = line["at_us"]
    for run in store.runs_of[line["number"]]:
        is_waiting = run.due_us is not None and run.due_us > gone_us and not history.is_ambiguous(run.due_us, gone_us)
        if is_waiting and (run.state != CANCELLED or run.started_us):
            verdict.violate("removed", line["job"], run.scheduled_us, "attempt %d, which was to begin at %s, to be cancelled"
                            " with its job by %s" % (run.attempt, text_of(run.due_us), text_of(gone_us)), STATES[run.state])


# ---- its due times until then ----


def judge_before(store, history, verdict, numbers, name, operations):
    """Only of one whose changes were all answered, one after the other: no row tells what it was."""
    removal, known = operations[-1], numbers.get(name, ())
    changes, is_doubtful = since_last_removal(operations[:-1])
    if name in store.by_id or len(known) != 1 or is_doubtful or not changes:
        return
    if not all(is_alone(changes[:at + 1]) for at in range(len(changes))):
        return
    job = last_seen(history, name, next(iter(known)), changes)
    if job is None or job.trigger is None or job.trigger.get("kind") in KINDS:
        return
    decisions = [(segment.first_us, segment.last_us, segment.decided_us) for segment in all_segments(store, job)] if history.zones else []
    life = life_of(job, history, changes, decisions)
    if life.unknown:
        verdict.unjudged[life.unknown] += 1
        return
    end_era(life, history, *shown_between(history, removal.begin, removal.end, removal.sent_us, removal.acked_us),
            removal.end)
    life.gone = removal.begin

    def violate(kind, due_us, expected, found):
        verdict.violate(kind, name, due_us, expected, found)

    judge_eras(store, history, verdict, violate, job, life)


def last_seen(history, name, number, changes):
    """The job as it was when it was removed, by what was said of it; None: that cannot be told."""
    if changes[0].op != "add_job":
        return None
    spec = dict(changes[0].params)
    for operation in history.operations_of[name]:
        if operation.op == "modify_job" and operation.is_possible and operation.begin > changes[0].begin:
            if not operation.is_certain:
                return None
            spec.update(operation.params["changes"])
    triggers = [operation.result["trigger"] for operation in changes if "trigger" in operation.result]
    return Job(number, name, True, "", triggers[-1], spec, state=ACTIVE) if triggers else None


# ---- what nobody has brought ----


def judge_strangers(store, history, verdict):
    """Jobs that are there, and that nobody has added or declared."""
    named = {name for operation in history.operations if operation.op in ADDING and operation.is_possible
             for name in operation.jobs()}
    may_be_any = any(operation.op == "add_job" and operation.is_possible and not operation.jobs()
                     for operation in history.operations)
    scripts = {file["script"] for file in [*history.files, *history.broken]}
    scripts |= {operation.params["name"] for operation in history.operations if operation.op == "add_script"}
    for job in store.jobs.values():
        if job.is_added and job.id not in named and not may_be_any:
            verdict.violate("extra", job.id, None, "no such job, as nobody has added it", "one")
        if not job.is_added and job.script not in scripts:
            verdict.violate("extra", job.id, None, "no such job, as there was no file %s.lua" % job.script, "one")


def judge_orphans(store, history, verdict):
    """Runs of jobs that are gone, and how many jobs may be gone."""
    orphans = {run.job for run in store.runs if run.job not in store.jobs}
    never = [number for number in orphans if number > store.job_numbers]
    if never:
        verdict.violate("extra", None, None, "runs of jobs up to number %d, the highest that was given" % store.job_numbers,
                        "one of job %d" % never[0])
    most = removals(history)
    if len(orphans) > most:
        verdict.violate("extra", None, None, "runs of at most %d jobs that are gone" % most, "of %d: %s" % (
            len(orphans), sorted(orphans)[:10]))


def removals(history):
    """How many jobs may have been removed, or have been replaced by others."""
    if history.retention.get("age_us") or any(operation.op in ("add_script", "remove_script") and "job" in str(
            operation.params.get("source", "job")) for operation in history.operations):
        return math.inf
    count = sum(operation.op == "remove_job" and operation.is_possible for operation in history.operations)
    for operations in history.operations_of.values():
        count += max(0, sum(operation.op in ADDING and operation.is_possible for operation in operations) - 1)
    declared = {}
    for file in history.files:
        ids = {spec["id"] for spec in file["jobs"]}
        count += len(declared.get(file["script"], set()) - ids)
        declared[file["script"]] = ids
    return count
