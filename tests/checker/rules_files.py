"""Job files are what is declared: once everything is settled, the store has exactly the jobs of the files, with their
triggers."""
import oracle
from wishes import KINDS, wish_of


def judge(store, history, verdict):
    if not history.settled:
        return
    settled = history.settled[-1]
    last = {file["script"]: file for file in history.files}
    for script, file in last.items():
        if file["n"] > settled["n"]:
            continue
        specs = {spec["id"]: spec for spec in file["jobs"]}
        there = {job.id: job for job in store.jobs.values() if job.script == script and not job.is_added}
        for name in specs.keys() - there.keys():
            verdict.violate("file", name, None, "the job, as %s.lua declares it" % script, "none")
        for name in there.keys() - specs.keys():
            verdict.violate("file", name, None, "no job, as %s.lua does not declare it" % script, "one")
        for name in specs.keys() & there.keys():
            judge_trigger(verdict, name, specs[name], there[name])


def judge_trigger(verdict, name, spec, job):
    if spec.get("trigger") is None:
        if job.trigger is not None:
            verdict.violate("file", name, None, "no trigger", "%s" % job.trigger)
        return
    try:
        if job.trigger is not None and job.trigger.get("kind") in KINDS:
            if wish_of(spec["trigger"], spec.get("timezone")) != wish_of(job.trigger):
                verdict.violate("file", name, None, "the trigger %s" % spec["trigger"], "%s" % job.trigger)
            return
        said = oracle.parse(spec["trigger"], spec.get("timezone"))
    except oracle.Unknown as unknown:
        verdict.unjudged[str(unknown)] += 1
        return
    for member in ("kind", "every", "expression", "at", "in"):
        if member in said and not agree(member, said[member], (job.trigger or {}).get(member)):
            verdict.violate("file", name, None, "the trigger %s" % spec["trigger"], "%s" % job.trigger)
            return


def agree(member, said, stored):
    if member in ("every", "in") and stored is not None:
        return oracle.duration_us(said) == oracle.duration_us(stored)
    return said == stored
