"""Power cuts. All that a daemon under load writes is recorded (record.c), and the disk is built as a cut at any
point might leave it (disk.py): unsynced sectors lost, kept, reordered or torn, names missing. Nothing that was
acknowledged before the cut may be lost, nothing that had run may be without its claim.

Most cuts are judged by what SQLite recovers; of one in twenty the real daemon is started on the disk, goes on with
the jobs, and is judged when all has come to an end. Half of these starts are recorded too and are cut again, so
that a cut during a recovery is among them. The last cuts are of a disk that lies about its syncs: unless
violations are found there, the campaign is blind, which is a failure of its own."""
import fcntl
import importlib.util
import json
import shutil
import sys
import time

import campaign_kill as kill
from disk import Disk, Record, lay_out, read_journal, read_out
from log import Log
from rig import TESTS, Failure

CUTS_PER_RECORDING = 400
RECORD_SECONDS = 1.5
DAEMON_EVERY = 20       # cuts
CUTS_OF_RECOVERY = 6
LYING_CUTS = 20
SLACK_US = 1000         # between a record's clock and the client's
JOBS = [spec for spec in kill.BUSY if spec.get("coalesce") != "all"]  # a cut lies minutes back


class Recording:
    """A daemon whose disk is recorded. `files` is what its disk holds at first, `lines` and `effects` what clients
    and jobs had seen by then."""

    def __init__(self, rig, files=None, lines=(), effects=()):
        self.rig, self.files, self.lines, self.effects = rig, files or {}, list(lines), list(effects)
        self.daemon = daemon = rig.daemon()
        self.disk, self.journal = daemon.root / "disk", daemon.root / "journal"
        self.disk.mkdir()
        self.journal.touch()
        daemon.state = self.disk / "state"
        daemon.socket, daemon.store = daemon.state / "control.sock", daemon.state / "moonbeat.db"
        daemon.witness.write_text("".join(self.effects))
        take_log(daemon, self.lines)

    def record(self):
        """From now on."""
        self.daemon.env = {"LD_PRELOAD": str(self.rig.shim("record")), "RECORD_ROOT": str(self.disk),
                           "RECORD_JOURNAL": str(self.journal), "RECORD_EFFECTS": str(self.daemon.witness)}
        journal = open(self.journal, "ab", buffering=0)
        self.daemon.log.listener = lambda line: journal.write(mark(line))

    def kill(self):
        """Between two operations: the next daemon finds nothing of which the journal does not know."""
        with open(self.journal, "rb") as journal:
            fcntl.flock(journal, fcntl.LOCK_EX)
            self.daemon.kill()

    def expect_all(self):
        """What the journal makes of the disk must be what is there: it may have missed nothing."""
        disk = Disk(self.disk, self.files)
        for record in read_journal(self.journal):
            disk.apply(record)
        recorded, real = disk.content(), read_out(self.disk)
        for path in sorted(recorded.keys() | real.keys()):
            if not path.endswith("-shm") and recorded.get(path) != real.get(path):
                raise Failure("the journal does not know what has happened to %s" % path)

    def cuts(self, count, is_lying=False):
        """So many, in ascending order."""
        chance = self.rig.chance
        records = read_journal(self.journal)
        disk, at_us, done = Disk(self.disk, self.files), 0, 0
        lines, effects = list(self.lines), list(self.effects)
        operations = [(at, facts) for at, record in enumerate(records) if record.kind == "C"
                      and (facts := json.loads(record.body))["is"] == "op"]
        for end in sorted(chance.randrange(1, len(records) + 1) for _ in range(count)):
            for record in records[done:end]:
                at_us = max(at_us, record.at_us)
                if record.kind == "C":
                    lines.append(record.body.decode())
                elif record.kind == "E":
                    effects.append(record.body.decode())
                elif not (is_lying and record.kind == "S"):
                    disk.apply(record)
            done = end
            # Sent before the cut and answered after it: they may have happened.
            sent = [unanswered(facts) for at, facts in operations if at >= end and facts["sent_us"] <= at_us + SLACK_US]
            yield Cut(self, end, disk.cut(chance), lines + sent, effects, at_us)


class Cut:
    def __init__(self, recording, at, files, lines, effects, at_us):
        self.recording, self.at, self.files = recording, at, files
        self.lines, self.effects, self.at_us = lines, list(effects), at_us
        ends = {"is": "fault", "what": "power cut"}, {"is": "daemon", "what": "killed"}
        for number, facts in enumerate(ends, last_number(lines) + 1):
            self.lines.append(json.dumps({**facts, "n": number, "at_us": at_us}) + "\n")

    def __str__(self):
        return "cut after record %d of %s" % (self.at, self.recording.daemon.root.name)

    @property
    def has_promised(self):
        """Something was acknowledged or has happened, so that there must be a store."""
        return bool(self.effects) or any(json.loads(line).get("acked_us") for line in self.lines)


def take_log(daemon, lines):
    """Goes on with a log that has been begun elsewhere."""
    daemon.log.close()
    daemon.log.path.write_text("".join(lines))
    daemon.log = Log(daemon.log.path, last_number(lines))


def last_number(lines):
    """Of all: the unanswered, a few at the end, have kept those that they had."""
    return max((json.loads(line)["n"] for line in lines[-50:]), default=0)


def mark(line):
    """A line of the client's log as a record in the journal: what stands before it had been synced by then."""
    return Record("C", time.time_ns() // 1000, 0, 0, line.encode()).pack()


def unanswered(facts):
    """The log's line of an operation, as if the answer had not come."""
    kept = {key: value for key, value in facts.items() if key not in ("result", "error")}
    return json.dumps({**kept, "acked_us": None}) + "\n"


# ---- what is cut ----


def record_load(rig, seconds):
    """A daemon under the load of the kill campaign, with a kill and an end in good order in between."""
    recording = Recording(rig)
    daemon = recording.daemon
    recording.record()
    daemon.write("busy", *kill.declare(JOBS))
    daemon.start()
    load = kill.Load(rig, daemon)
    for end in (recording.kill, daemon.stop):
        time.sleep(seconds / 3)
        end()
        recording.expect_all()
        daemon.launch()
    daemon.wait_ready()
    time.sleep(seconds / 3)
    load.stop()
    recording.kill()
    recording.expect_all()
    return recording


def restart(rig, cut, is_recorded):
    """The real daemon on the disk of a cut."""
    recording = Recording(rig, cut.files, cut.lines, cut.effects)
    daemon = recording.daemon
    shutil.copytree(cut.recording.daemon.jobs, daemon.jobs, dirs_exist_ok=True)
    lay_out(cut.files, recording.disk)
    if is_recorded:
        recording.record()
    if not daemon.start():
        raise Failure("%s: the daemon does not start\n%s" % (cut, daemon.tail()))
    return recording


# ---- the judges ----


def load_checker():
    """In this process, for thousands of small stores."""
    sys.path.insert(0, str(TESTS / "checker"))
    spec = importlib.util.spec_from_file_location("checker", TESTS / "checker" / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Judge:
    def __init__(self, rig):
        self.rig, self.checker = rig, load_checker()
        self.folder = rig.scratch / "cut"

    def by_store(self, cut):
        """What is wrong with what SQLite recovers of it: a list of sentences."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        lay_out(cut.files, self.folder)
        log, witness = self.folder / "client.jsonl", self.folder / "witness.jsonl"
        log.write_text("".join(cut.lines))
        witness.write_text("".join(cut.effects))
        return self._ask_checker(cut, self.folder / "state" / "moonbeat.db", [log, witness])

    def _ask_checker(self, cut, store, logs):
        try:
            verdict = self.checker.judge(self.checker.Store(store), self.checker.History(logs))
        except self.checker.Unreadable as error:
            return ["%s: unreadable: %s" % (cut, error)] if cut.has_promised else []
        verdict.be_strict()
        for key in ("acknowledged", "fires", "runs", "skips"):
            self.rig.total[key] += verdict.counts[key]
        return ["%s: %s: %s" % (cut, one["kind"], one["text"]) for one in verdict.violations]

    def by_daemon(self, cut, is_recorded):
        """The recording of its recovery."""
        recording = restart(self.rig, cut, is_recorded)
        daemon = recording.daemon
        kill.quiet(daemon)
        daemon.settle()
        daemon.stop()
        self.violate(self._ask_checker(cut, daemon.store, [daemon.log.path, daemon.witness]))
        return recording

    def violate(self, sentences):
        for sentence in sentences:
            self.rig.violate("power", sentence)


def all_cuts(rig, judge):
    """One after the other, each judged as it goes by."""
    while True:
        recording = record_load(rig, RECORD_SECONDS)
        for number, cut in enumerate(recording.cuts(CUTS_PER_RECORDING), 1):
            judge.violate(judge.by_store(cut))
            yield
            if number % DAEMON_EVERY == 0:
                recovery = judge.by_daemon(cut, number % (2 * DAEMON_EVERY) == 0)
                for again in recovery.cuts(CUTS_OF_RECOVERY) if recovery.daemon.env else ():
                    judge.violate(judge.by_store(again))
                    yield
                rig.discard(recovery.daemon)
        rig.discard(recording.daemon)


def expect_sight(rig, judge):
    """A disk that says that it has synced, and has not, must be found out."""
    recording = record_load(rig, RECORD_SECONDS)
    found = sum(1 for cut in recording.cuts(LYING_CUTS, is_lying=True) if judge.by_store(cut))
    rig.discard(recording.daemon)
    if found < LYING_CUTS // 2:
        raise Failure("blind: of %d cuts of a disk that lies about its syncs only %d were found out"
                      % (LYING_CUTS, found))
    rig.note("of %d cuts of a disk that lies about its syncs %d were found out" % (LYING_CUTS, found))


def campaign(rig):
    judge = Judge(rig)
    cuts = all_cuts(rig, judge)
    for _ in rig.cycles(short=150, long=10_000):
        rig.inject("power cut", lambda: next(cuts))
    expect_sight(rig, judge)
