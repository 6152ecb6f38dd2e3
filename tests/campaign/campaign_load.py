"""A hundred thousand jobs, a thousand fires each second, for an hour, and somebody who asks all the while: memory stays
flat, descriptors stay as many, each fire that is due has its run, and how late runs begin is told.

A cycle is a look at the process, once a second. The first part, in which caches fill and all jobs come near, is the
warm-up. What memory grows by is the slope between the first and the last sixth of the rest: in the long form two points
that are far apart, so that a sample's noise is no excuse."""
import statistics
import time

from bystander import Bystander
from process import MIB, Process, is_sanitized
from rig import text_of

RATE = 1000
BATCH = 1000
KEEP = 5
GROWTH_MOST = 1 * MIB         # for each million runs after the warm-up
NOISE = 8 * MIB               # what samples that are seconds apart may differ by without meaning anything
FIRES_LEAST = 0.99            # of those that are due, in the long form: beside other tests nobody promises a rate
DESCRIPTORS_MORE = 8          # connections of the bystander and of this campaign
SOURCE = """
local count = 0
function work() count = count + 1 end
job "report" { trigger = every "500ms", run = function() kv.set("ran", { count = count, at = time.now().us }) end }
"""


def fill(daemon, count, period_s):
    """Jobs that are due one after the other, a millisecond apart."""
    begin_us = daemon.log.now_us() + 5_000_000
    with daemon.client() as client:
        for first in range(0, count, BATCH):
            client.call("add_jobs", jobs=[{
                "id": "job-%06d" % number, "func": "work.work",
                "trigger": {"kind": "interval", "every": "%ds" % period_s,
                            "start": text_of(begin_us + number * 1_000_000 // RATE)},
            } for number in range(first, min(first + BATCH, count))])
    return begin_us


class Questions:
    """Lists, histories and the like, one after the other."""

    def __init__(self, rig, count):
        self.chance, self.count, self.number = rig.chance, count, 0

    def __call__(self, client):
        self.number += 1
        job = "job-%06d" % self.chance.randrange(self.count)
        if self.number % 4 == 0:
            client.call("list", limit=100, after=job)
        elif self.number % 4 == 1:
            client.call("runs", job=job, limit=20)
        elif self.number % 4 == 2:
            client.call("runs", limit=100)
        else:
            client.call("why", job=job)


def look(daemon):
    """How many have run, by themselves, and when that was."""
    with daemon.client(logged=False) as client:
        ran = client.call("kv_get", script="work", key="ran")["value"] or {"count": 0, "at": 0}
    return ran["count"], ran["at"]


def judge_memory(rig, resident, millions):
    """`millions` of runs while all of it was looked at."""
    sixth = max(1, len(resident) // 6)
    before, after = statistics.median(resident[:sixth]), statistics.median(resident[-sixth:])
    between = millions * (len(resident) - sixth) / len(resident)
    rig.note("%.1f MiB resident after the warm-up, %+.2f MiB in %.2f million runs since" % (
        before / MIB, (after - before) / MIB, between))
    if after - before > GROWTH_MOST * between + (0 if rig.long else NOISE) and not is_sanitized(rig.moonbeat):
        rig.violate("memory", "%.1f MiB more in %.2f million runs" % ((after - before) / MIB, between))


def judge_rate(rig, first, last):
    """Between two looks."""
    fires, seconds = last[0] - first[0], (last[1] - first[1]) / 1e6
    rig.note("%d fires in %.1f seconds" % (fires, seconds))
    if fires <= 0 or rig.long and fires < FIRES_LEAST * RATE * seconds:
        rig.violate("slow", "%d fires in %.1f seconds, in which %d were due" % (fires, seconds, RATE * seconds))


def campaign(rig):
    count = 100_000 if rig.long else 5_000
    period_s = count // RATE
    daemon = rig.daemon(config={"keep_runs": KEEP})
    daemon.write("work", SOURCE, jobs=[{"id": "report", "trigger": "every 500ms"}])
    daemon.start()
    process = Process(daemon.process.pid)
    descriptors = process.descriptors()
    begin_us = fill(daemon, count, period_s)
    resident, opened = [], []
    with Bystander(rig, daemon, ask=Questions(rig, count)) as bystander:
        time.sleep(max(0, begin_us - daemon.log.now_us()) / 1e6 + 1)
        first = look(daemon)
        for _ in rig.cycles(short=15, long=3600):
            time.sleep(1)
            resident.append(process.resident())
            opened.append(process.descriptors())
    last = look(daemon)
    with daemon.client(logged=False) as client:
        turns = client.call("status")["turns"]
    bystander.report("somebody who asks meanwhile")
    daemon.stop()
    rig.check(daemon, seen=["fires", "runs"])
    judge_rate(rig, first, last)
    judge_memory(rig, resident[len(resident) // 3:], (last[0] - first[0]) / 1e6 * 2 / 3)
    rig.note("%d turns, %d of them over 20 ms; the longest %.1f ms by the clock, %.1f ms of the processor; "
             "at most %d descriptors, %d at the beginning" % (
                 turns["count"], turns["slow"], 1000 * turns["longest"], 1000 * turns["longest_cpu"], max(opened),
                 descriptors))
    if max(opened) > descriptors + DESCRIPTORS_MORE:
        rig.violate("descriptors", "%d are open, %d were" % (max(opened), descriptors))
