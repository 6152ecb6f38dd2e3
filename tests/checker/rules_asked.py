"""A trigger in Lua: its script alone knows when the job is due, so that what it has answered is the oracle. An answer
may have come to nobody, or to one who asked again, so that not each has become a run or a skip; but nothing else has,
and none of them twice."""
from bisect import bisect_left, bisect_right

from rules_fires import IN_LUA, all_segments


def judge(store, history, verdict):
    for job in store.jobs.values():
        if job.trigger is not None and job.trigger.get("kind") == IN_LUA:
            judge_job(store, history, verdict, job)


def judge_job(store, history, verdict, job):
    answers = sorted({line["due_us"] for line in history.answers if line["job"] == job.id})
    if not answers:
        verdict.unjudged["a trigger in Lua, of whose answers nothing is said"] += 1
        return
    until_us = None
    for segment in sorted(all_segments(store, job), key=lambda segment: segment.first_us):
        verdict.counts["fires"] += segment.count
        told = answers[bisect_left(answers, segment.first_us):bisect_right(answers, segment.last_us)]
        if not told or told[0] != segment.first_us or told[-1] != segment.last_us:
            verdict.violate("extra", job.id, segment.first_us, "nothing, as its script has not said so", segment.what)
        elif segment.count > len(told):
            verdict.violate("count", job.id, segment.first_us, "%d due times in a skip" % len(told), "%d" % segment.count)
        if until_us is not None and segment.first_us <= until_us:
            verdict.violate("double", job.id, segment.first_us, "one run or skip", "%s, and another" % segment.what)
        until_us = segment.last_us
