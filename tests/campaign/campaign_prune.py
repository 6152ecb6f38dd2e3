"""A million runs with history kept short: the database stays as large as what it keeps, and no turn is long.

Jobs by the hundred fire many times a second; of each the newest KEEP runs are kept, and none for longer than a few
seconds. A cycle is a look, once a second, at the file and at how long turns take. The short form has fewer jobs, so
that the history of each is cut many times."""
import sqlite3
import time

from process import MIB, is_sanitized
from rig import lua_of

KEEP = 20
SLACK = 100           # a job's history is cut when it is so far over (RUNS_SLACK in src/sched/state.h)
ROW_BYTES = 512       # of a run, at most, with its place in the file
FIXED_BYTES = 8 * MIB
WAL_MOST = 80 * MIB   # the write-ahead log is moved back in steps, see src/store/sqlite_store.c
CUT_SECONDS = 3       # until that is noticed and done
CPU_MOST_MS = 20      # of one turn: what no machine's disk or neighbours are to blame for
CPU_MOST_SHORT_MS = 100
LONG_RUNS = 1_000_000
SOURCE = """
local count = 0
function work() count = count + 1 end
job "report" { trigger = every "500ms", run = function() kv.set("count", count) end }
for number = 1, %d do
  job("tick-" .. number) { trigger = every %s, run = work, overlap = "allow", max_instances = 50 }
end
"""


def look(daemon):
    """How many have run, how long turns take, how large the file and its log are."""
    with daemon.client(logged=False) as client:
        turns = client.call("status")["turns"]
        count = client.call("kv_get", script="work", key="count")["value"] or 0
    wal = daemon.store.with_name(daemon.store.name + "-wal")
    return count, turns, daemon.store.stat().st_size, wal.stat().st_size if wal.exists() else 0


def judge_kept(rig, daemon, runs, jobs, per_second):
    """Of each job no more than what is kept, and more than that has run."""
    with sqlite3.connect("file:%s?mode=ro" % daemon.store, uri=True) as database:
        kept = database.execute("SELECT max(n) FROM (SELECT count(*) AS n FROM runs GROUP BY job)").fetchone()[0]
    rig.note("at most %s runs of a job are kept, of %d that it had" % (kept, runs // jobs))
    if runs < (LONG_RUNS if rig.long and not rig.options.cycles else jobs * (KEEP + SLACK)):
        rig.violate("idle", "only %d runs" % runs)
    elif kept > KEEP + SLACK + CUT_SECONDS * per_second:
        rig.violate("kept", "%d runs of one job" % kept)


def judge_turns(rig, turns):
    rig.note("%d turns, %d of them over 20 ms; the longest %.1f ms by the clock, %.1f ms of the processor" % (
        turns["count"], turns["slow"], 1000 * turns["longest"], 1000 * turns["longest_cpu"]))
    # Beside other tests a turn's system calls wait for the disk and for each other, on the processor too.
    most = CPU_MOST_MS if rig.long else CPU_MOST_SHORT_MS
    if 1000 * turns["longest_cpu"] > most and not is_sanitized(rig.moonbeat):
        rig.violate("pause", "a turn took %.1f ms of the processor" % (1000 * turns["longest_cpu"]))


def campaign(rig):
    daemon = rig.daemon(config={"keep": "20s", "keep_runs": KEEP})
    jobs, per_second = (500, 20) if rig.long else (20, 100)
    (daemon.jobs / "work.lua").write_text(SOURCE % (jobs, lua_of("%dms" % (1000 // per_second))))
    daemon.start()
    largest = largest_wal = runs = 0
    for _ in rig.cycles(short=12, long=3600):
        time.sleep(1)
        runs, turns, size, wal = look(daemon)
        largest, largest_wal = max(largest, size), max(largest_wal, wal)
        if rig.long and runs >= LONG_RUNS:
            break
    daemon.stop()
    rig.total["runs"] += runs
    most = FIXED_BYTES + jobs * (KEEP + SLACK) * ROW_BYTES
    rig.note("%d runs: the database has %.1f MiB at most (%.1f MiB are allowed), its log %.1f MiB" % (
        runs, largest / MIB, most / MIB, largest_wal / MIB))
    if largest > most or largest_wal > WAL_MOST:
        rig.violate("size", "a database of %.1f MiB, a log of %.1f MiB" % (largest / MIB, largest_wal / MIB))
    judge_kept(rig, daemon, runs, jobs, per_second)
    judge_turns(rig, turns)
