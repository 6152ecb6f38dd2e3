"""What there is to judge, as plain data: the store's rows and the log's lines. Nothing is decided here."""
import bisect
import itertools
import json
import math
import shutil
import sqlite3
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

PENDING, RUNNING, SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, INTERRUPTED = range(7)
STATES = ("pending", "running", "succeeded", "failed", "timed_out", "cancelled", "interrupted")
BY_SCHEDULE, BY_HAND, BY_EVENT = range(3)
ACTIVE, PAUSED, FINISHED, ERROR = range(4)
REASONS = ("misfire", "overlap", "paused", "calendar", "limit")


class Unreadable(Exception):
    pass


def us_of(text):
    """RFC 3339 in UTC, as the scheduler writes instants."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 1_000_000 + int((fraction + "000000")[:6])


def text_of(us):
    if us is None:
        return "never"
    try:
        seconds, rest = divmod(us, 1_000_000)
        moment = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "%d us" % us
    return moment + (".%06dZ" % rest if rest else "Z")


# ---- the store ----


@dataclass
class Job:
    number: int
    id: str
    is_added: bool
    script: str
    trigger: dict       # as it was anchored; None: only by hand
    spec: dict          # as it was written
    state: int = ACTIVE
    next_us: int = None
    last_us: int = None
    paused_us: int = None
    error: str = None


@dataclass
class Run:
    scheduled_us: int
    job: int
    state: int
    cause: int
    attempt: int
    fence: int
    previous_us: int
    due_us: int
    claimed_us: int
    started_us: int
    finished_us: int
    result: str
    error: str
    args: str               # given by hand in place of the job's; None: none were
    events: list            # that have set it off; a list, of a run by an event
    former: list = field(default_factory=list)  # attempts before this one: the same members


@dataclass
class Skip:
    number: int
    job: int
    first_us: int
    last_us: int
    count: int
    reason: str
    recorded_us: int


class Store:
    def __init__(self, path):
        path = Path(path)
        path = path / "moonbeat.db" if path.is_dir() else path
        with tempfile.TemporaryDirectory(prefix="moonbeat-checker-") as folder:
            copy = take_copy(path, Path(folder))
            try:
                database = sqlite3.connect(copy)
                self.problems = [row[0] for row in database.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
                if not self.problems:  # what is damaged says nothing else that could be relied on
                    self._read(database)
                database.close()
            except (sqlite3.Error, ValueError, TypeError, LookupError) as error:
                raise Unreadable("%s: %r" % (path, error)) from error

    def _read(self, database):
        ask = database.execute
        self.jobs = {}
        for row in ask("SELECT j.number, j.id, j.origin, j.script, j.trigger, j.spec, p.state, p.next_us, p.last_us,"
                       " p.paused_us, p.error FROM jobs j LEFT JOIN job_progress p ON p.number = j.number"):
            job = Job(row[0], row[1], row[2] == 1, row[3], json.loads(row[4]) if row[4] else None,
                      json.loads(row[5]), *row[6:])
            self.jobs[job.number] = job
        self.by_id = {job.id: job for job in self.jobs.values()}
        columns = "scheduled_us, job, state, {} attempt, fence, {} due_us, claimed_us, started_us, finished_us, result, error"
        self.runs = [Run(*row[:-1], json.loads(row[-1]) if row[-1] else []) for row in ask(
            "SELECT %s, args, events FROM runs ORDER BY scheduled_us, job" % columns.format("cause,", "previous_us,"))]
        self.run = {(run.job, run.scheduled_us): run for run in self.runs}
        for row in ask("SELECT %s FROM attempts ORDER BY attempt" % columns.format("0,", "NULL,")):
            attempt = Run(*row, None, [])
            if (attempt.job, attempt.scheduled_us) in self.run:
                self.run[attempt.job, attempt.scheduled_us].former.append(attempt)
        self.runs_of = defaultdict(list)
        for run in self.runs:
            self.runs_of[run.job].append(run)
        self.skips_of = defaultdict(list)
        self.skips = [Skip(*row[:5], REASONS[row[5]], row[6]) for row in
                      ask("SELECT number, job, first_us, last_us, count, reason, recorded_us FROM skips ORDER BY number")]
        for skip in self.skips:
            self.skips_of[skip.job].append(skip)
        self.waiting = defaultdict(list)  # events of a job that no run has taken yet: when they came, and what they say
        for job, at_us, event in ask("SELECT job, at_us, event FROM pending_events ORDER BY job, number"):
            self.waiting[job].append((at_us, json.loads(event)))
        self.newest_us = max((run.claimed_us for run in self.runs), default=0)
        self.kv = {(row[0], row[1]): (json.loads(row[2]), row[3])
                   for row in ask("SELECT script, key, value, expires_us FROM kv")}
        self.scripts = {row[0]: row[1:] for row in ask("SELECT name, origin, version, error FROM scripts")}
        self.sources = {}
        for name, source in ask("SELECT script, source FROM script_sources ORDER BY script, number"):
            self.sources[name] = source  # the newest stays
        self.pools = dict(ask("SELECT name, slots FROM pools"))
        self.job_numbers = ask("SELECT value FROM meta WHERE key = 'job_numbers'").fetchone()[0]
        self.dead_letters = defaultdict(list)  # of a listener: when each was given up
        for listener, died_us in ask("SELECT l.script || '/' || l.name, d.died_us FROM dead_letters d"
                                     " JOIN listeners l ON l.number = d.listener"):
            self.dead_letters[listener].append(died_us)
        self.unique_keys = dict(ask("SELECT key, job FROM unique_keys"))


def stamps(paths):
    return [(path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None for path in paths]


def take_copy(path, folder):
    """The file and its write-ahead log as they were at one moment, also while a daemon writes them."""
    wal = Path(str(path) + "-wal")
    if not path.is_file():
        raise Unreadable("there is no store at %s" % path)
    for _ in range(200):
        before = stamps((path, wal))
        shutil.copyfile(path, folder / "store.db")
        (folder / "store.db-wal").unlink(missing_ok=True)
        if wal.exists():
            shutil.copyfile(wal, folder / "store.db-wal")
        if stamps((path, wal)) == before:
            return folder / "store.db"
        time.sleep(0.02)
    raise Unreadable("%s changes too fast to be copied: pause the jobs, or stop the daemon" % path)


# ---- the log ----


@dataclass
class Operation:
    begin: int              # its place in the order of all that was seen, and that of its end
    end: int
    client: str
    op: str
    params: dict
    sent_us: int
    acked_us: int
    result: object
    error: dict
    until_us: int = None    # it happened by then, if it did: the answer, or the end of its daemon

    @property
    def is_certain(self):
        return self.acked_us is not None and self.error is None

    @property
    def is_possible(self):
        return self.error is None

    def jobs(self):
        """The ids of the jobs that it is about."""
        if self.op == "add_jobs":
            return [spec["id"] for spec in self.params["jobs"] if "id" in spec]
        if self.op == "add_job":
            name = self.params.get("id") or (self.result or {}).get("id")
        else:
            name = self.params.get("job")
        return [name] if name else []


@dataclass
class Witness:
    job: str
    scheduled_us: int       # None when only the job is known
    attempt: int
    at_us: int
    result: object          # Ellipsis: it did not say


class History:
    def __init__(self, paths):
        self.operations, self.events, self.witnesses, self.files = [], [], [], []
        self.daemons, self.clocks, self.faults, self.settled, self.broken, self.zones = [], [], [], [], [], []
        self.gone, self.answers = [], []
        self.retention = {}
        for path in paths:
            for line in read_lines(path):
                try:
                    self._take(line)
                except (KeyError, TypeError, ValueError) as error:
                    raise Unreadable("%s: a line that is none of the log's (%r): %.200s" % (path, error, line)) from error
        self.operations.sort(key=lambda operation: operation.begin)
        if not self.daemons:
            raise Unreadable("%s: no word of a daemon that was started" % ", ".join(map(str, paths)))
        spans = sorted(tuple(sorted((fault["at_us"], fault["until_us"]))) for fault in self.faults if "until_us" in fault)
        self.fault_begins = [begin_us for begin_us, _ in spans]
        self.fault_ends = list(itertools.accumulate((end_us for _, end_us in spans), max))  # of it and all before
        self.witnesses_of = defaultdict(list)
        for witness in self.witnesses:
            self.witnesses_of[witness.job].append(witness)
        self.operations_of = defaultdict(list)  # of a job id, in the order of sending
        for operation in self.operations:
            for name in operation.jobs():
                self.operations_of[name].append(operation)
        ends = [line for line in self.daemons if line["what"] in ("killed", "ended")]
        numbers = [line["n"] for line in ends]
        for operation in self.operations:
            at = bisect.bisect_left(numbers, operation.begin)
            if operation.acked_us is not None:
                operation.until_us = operation.acked_us
            elif at < len(ends):  # who went away by himself leaves it behind until then
                operation.end, operation.until_us = ends[at]["n"], ends[at]["at_us"]
            else:
                operation.end = math.inf

    def is_ambiguous(self, *moments):
        """Whether the wall clock showed one of these times twice, as it was set back. Any other comes after all
        that are less and before all that are greater, as without a step."""
        return any(clock["step_us"] < 0 and clock["at_us"] + clock["step_us"] <= us <= clock["at_us"]
                   for clock in self.clocks for us in moments)

    def writable_us(self, us):
        """When at last the daemon could write down what happened at `us`."""
        at = bisect.bisect_right(self.fault_begins, us)
        return max(us, self.fault_ends[at - 1]) if at else us

    def _take(self, line):
        kind = line["is"]
        if kind == "op":
            error, acked_us = line.get("error"), line["acked_us"]
            if error and error.get("code") == "unavailable":
                error, acked_us = None, None
            self.operations.append(Operation(line["begin"], line["n"], line["client"], line["op"], line["params"], line["sent_us"],
                                             acked_us, line.get("result"), error))
        elif kind == "event":
            self.events.append((line["at_us"], line["event"]))
        elif kind == "ran":
            job, scheduled_us = line.get("job"), None
            if "run" in line:
                job, _, at = line["run"].rpartition("@")
                scheduled_us = us_of(at)
            self.witnesses.append(Witness(job, scheduled_us, line.get("attempt"), line["at_us"],
                                          line.get("result", ...)))
        elif kind == "daemon":
            self.daemons.append(line)
            self.retention = line.get("retention") or self.retention
        elif kind == "file" and line.get("is_broken"):
            self.broken.append(line)
        elif kind in ("file", "clock", "fault", "settled", "zones", "gone", "answer"):
            {"file": self.files, "clock": self.clocks, "fault": self.faults, "settled": self.settled,
             "zones": self.zones, "gone": self.gone, "answer": self.answers}[kind].append(line)
        else:
            raise ValueError("is: %s" % kind)


def read_lines(path):
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable("%s: %s" % (path, error)) from error
    for line in text.split("\n")[:-1]:  # what has no line end was cut off
        try:
            yield json.loads(line)
        except ValueError as error:
            raise Unreadable("%s: not JSON (%s): %.200s" % (path, error, line)) from error
