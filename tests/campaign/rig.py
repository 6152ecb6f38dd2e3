"""What campaigns are made of: a real daemon on a scratch folder, a log of all that was done to it, and
the checker's verdict.

    def campaign(rig):                                    # campaign_NAME.py
        daemon = rig.daemon(config={"keep_runs": 50})
        daemon.write("work", SOURCE, jobs=[{"id": "tick", "trigger": "every 100ms"}])
        daemon.start()
        for cycle in rig.cycles(short=20, long=10_000):
            with daemon.client() as client:
                client.call("add_job", id="a", func="work.once", trigger="in 50ms")
            rig.inject("kill -9", daemon.kill)
            daemon.start()
        daemon.settle()
        daemon.stop()
        rig.check(daemon)

All chance comes from rig.chance, whose seed is reported. Raises nothing for a violation: it is counted,
shown, and the folder is kept."""
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

from client import Client, Gone
from log import Log
from process import is_sanitized

TESTS = Path(__file__).resolve().parent.parent
START_SECONDS = 30
SETTLE_SECONDS = 60
SIDE_BY_SIDE = 2  # cycles, on each processor


class Skip(Exception):
    """The campaign cannot run here; the sentence says why."""


class Failure(Exception):
    """The campaign itself went wrong, or the daemon did what no fault explains."""


def text_of(us):
    """RFC 3339 in UTC with microseconds."""
    seconds, rest = divmod(us, 1_000_000)
    return "%s.%06dZ" % (datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"), rest)


def us_of(text):
    """The other way; None stays None."""
    if text is None:
        return None
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp())
    return seconds * 1_000_000 + int((fraction + "000000")[:6])


def wait_until(check, seconds, what):
    """Until `check` returns something true, which is returned."""
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        value = check()
        if value:
            return value
        time.sleep(0.01)
    raise Failure("waited %g seconds in vain: %s" % (seconds, what))


def lua_of(value):
    """A value of JSON as Lua, for moonbeat.lua."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


class Daemon:
    """`moonbeat run` on ROOT/jobs with the state in ROOT/state. Its environment and the words before
    its command line (`wrap`: strace, unshare, ...) may be changed between two starts."""

    def __init__(self, rig, name, config, arguments):
        self.rig = rig
        self.root = rig.scratch / name
        self.jobs = self.root / "jobs"
        self.state = self.root / "state"
        self.socket = self.state / "control.sock"
        self.store = self.state / "moonbeat.db"
        self.witness = self.root / "witness.jsonl"
        self.stderr = self.root / "daemon.log"
        self.jobs.mkdir(parents=True)
        self.witness.touch()
        self.log = Log(self.root / "client.jsonl")
        self.env, self.wrap, self.arguments = {}, [], list(arguments)
        self.process = None
        self.retention = {"runs": config["keep_runs"]} if config and "keep_runs" in config else {}
        if config:
            body = "".join("  %s = %s,\n" % (key, lua_of(value)) for key, value in config.items())
            (self.root / "moonbeat.lua").write_text("return {\n%s}\n" % body)

    # ---- job files ----

    def write(self, script, source, jobs):
        """Saves jobs/SCRIPT.lua as editors do. `jobs` is what it declares, as the log says it."""
        fresh = self.root / "saved.lua"
        fresh.write_text(source)
        before_us = self.log.now_us()
        os.replace(fresh, self.jobs / (script + ".lua"))
        self.log.write("file", script=script, jobs=jobs, from_us=before_us, written_us=self.log.now_us())

    def remove(self, script):
        before_us = self.log.now_us()
        (self.jobs / (script + ".lua")).unlink()
        self.log.write("file", script=script, jobs=[], from_us=before_us, written_us=self.log.now_us())

    # ---- the process ----

    def launch(self):
        """Starts without waiting."""
        words = [*self.wrap, str(self.rig.moonbeat), "run", str(self.jobs), "--state", str(self.state),
                 *self.arguments]
        with open(self.stderr, "ab") as stderr:
            self.process = subprocess.Popen(words, cwd=self.root, env={**os.environ, **self.env},
                                            stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        self.log.write("daemon", what="started", at_us=self.log.now_us(), pid=self.process.pid,
                       **({"retention": self.retention} if self.retention else {}))

    def start(self):
        """Starts and waits until it answers and has read its job files. False when it has ended
        meanwhile, which is for the campaign to judge; its exit status is then in `status`."""
        self.launch()
        return self.wait_ready()

    def wait_ready(self, seconds=START_SECONDS):
        def ready():
            if self.process.poll() is not None:
                return "ended"
            try:
                with self.client(logged=False) as client:
                    client.call("reload")  # answered when all files have been read
                    return "ready"
            except (Gone, TimeoutError):
                return None

        if wait_until(ready, seconds, "the daemon answers\n" + self.tail()) == "ended":
            self._collect("ended")
            return False
        self.log.write("daemon", what="ready", at_us=self.log.now_us(), pid=self.process.pid)
        return True

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def _collect(self, what):
        status = self.process.wait(START_SECONDS)
        self.log.write("daemon", what=what, at_us=self.log.now_us(), pid=self.process.pid, status=status)
        return status

    def kill(self):
        """kill -9; returns when it is gone with all its threads."""
        self.process.kill()
        return self._collect("killed")

    def stop(self, seconds=START_SECONDS):
        """In good order."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self._collect("ended")
        except subprocess.TimeoutExpired:
            raise Failure("the daemon does not end in %d seconds\n%s" % (seconds, self.tail())) from None

    def wait_end(self, seconds=START_SECONDS):
        """For one that ends by itself."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("the daemon goes on\n" + self.tail()) from None
        return self._collect("ended")

    def tail(self, size=2000):
        """The end of what it wrote to its standard error."""
        if not self.stderr.exists():
            return ""
        return self.stderr.read_text(errors="replace")[-size:]

    # ---- operations ----

    def client(self, name="client", logged=True, timeout=30.0):
        return Client(self.socket, self.log if logged else None, name, timeout)

    def settle(self, seconds=SETTLE_SECONDS):
        """Waits until everything that was due has been decided and nothing is open, and says so in the
        log: the checker then asks for all of it. Jobs that are due all the time must be paused first."""
        with self.client() as client:
            client.call("reload")  # answered when all files are in force

            def is_quiet():
                now_us = self.log.now_us()
                # The jobs first: what is claimed between the two questions is among the runs.
                waiting = sum(1 for job in client.pages("list", "jobs", state="active")
                              if job["next_run_at"] and us_of(job["next_run_at"]) <= now_us)
                runs = client.call("status")["runs"]
                return now_us if waiting + runs["pending"] + runs["running"] == 0 else None

            wait_until(is_quiet, seconds, "everything has run")
            # Again: what ended between the clock and the answer had ended before this clock.
            at_us = wait_until(is_quiet, seconds, "everything has run")
        self.log.write("settled", at_us=at_us)


class Rig:
    """One campaign's run."""

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.moonbeat = Path(options.moonbeat).resolve()
        self.long, self.seed = options.long, options.seed
        self.chance = random.Random("%s/%s" % (name, options.seed))
        self.scratch = Path(tempfile.mkdtemp(prefix="moonbeat-%s-" % name))
        self.begun = time.monotonic()
        self.total = {"cycles": 0, "faults": 0, "acknowledged": 0, "fires": 0, "runs": 0, "skips": 0,
                      "violations": 0}
        self.lateness = []      # of each check: {"p50":, "p99":, "max":} in microseconds
        self.violations = []    # the checker's own words
        self.notes = []         # what else the summary shall say
        self.daemons = []
        self._daemons_made = itertools.count(1)
        self._lock = threading.Lock()  # of the sums, to which cycles that run side by side add
        self._shown = 0.0

    def daemon(self, name=None, config=None, arguments=()):
        daemon = Daemon(self, name or "d%d" % next(self._daemons_made), config, arguments)
        self.daemons.append(daemon)
        return daemon

    def shim(self, name):
        """The library of NAME.c, to be preloaded: daemon.env["LD_PRELOAD"] = str(rig.shim("name"))."""
        path = self.moonbeat.parent / "tests" / "shims" / (name + ".so")
        if not path.is_file():
            raise Skip("%s is not built" % path)
        if is_sanitized(self.moonbeat):
            raise Skip("nothing may be loaded before a sanitizer, as a shim has to be")
        return path

    def discard(self, daemon):
        """Its files are of no use any more: for campaigns of many daemons."""
        if daemon.is_alive():
            daemon.kill()
        daemon.log.close()
        self.daemons.remove(daemon)
        if not self.options.keep:
            shutil.rmtree(daemon.root, ignore_errors=True)

    def cycles(self, short, long):
        """Numbers of cycles, with progress: `short` of them, with --long `long`, with --cycles as many as it says."""
        count = self.cycle_count(short, long)
        for number in range(1, count + 1):
            self.progress(number, count)
            yield number
            self.total["cycles"] += 1
        self.progress(count, count, last=True)

    def cycle_count(self, short, long):
        return self.options.cycles or (long if self.long else short)

    def cycles_side_by_side(self, short, long, play):
        """As cycles(), for those that mostly wait: what play(NUMBER) of each returned, in their order. The rig's
        daemon(), check(), violate() and discard() may be called by all of them."""
        with ThreadPoolExecutor(SIDE_BY_SIDE * os.cpu_count()) as pool:
            try:
                played = pool.map(play, range(1, self.cycle_count(short, long) + 1))
                for _, result in zip(self.cycles(short, long), played):
                    yield result
            finally:
                pool.shutdown(cancel_futures=True)

    def inject(self, what, act=None):
        """One fault: counted, in the log of the daemons that live, and carried out."""
        self.total["faults"] += 1
        for daemon in self.daemons:
            if daemon.process is not None:
                daemon.log.write("fault", what=what, at_us=daemon.log.now_us())
        return act() if act else None

    def progress(self, done, count, last=False):
        now = time.monotonic()
        if self.options.json or not (sys.stderr.isatty() or self.long):
            return
        if not last and now - self._shown < (0.2 if sys.stderr.isatty() else 30):
            return
        self._shown = now
        left = (now - self.begun) / max(done, 1) * (count - done)
        text = "%s: %d/%d, %d violations, %ds, about %ds left" % (
            self.name, done, count, self.total["violations"], now - self.begun, left)
        end = "\n" if last or not sys.stderr.isatty() else ""
        print(("\r%-79s" % text) if sys.stderr.isatty() else text, end=end, file=sys.stderr, flush=True)

    def expect_faults(self, count):
        """A campaign of whose cycles most have met no fault has shown nothing."""
        if 2 * count < self.total["cycles"]:
            raise Failure("blind: in %d cycles only %d faults were met" % (self.total["cycles"], count))

    def check(self, daemon, store=None, final=True, seen=()):
        """The checker's verdict over one daemon's store and logs; True when nothing is wrong. The daemon
        has ended, or is settled and nothing will be due. What was counted goes into the summary when the
        verdict is the final one over this daemon. Of what is in `seen` the checker must have been given something."""
        wait_until(lambda: daemon.log.in_flight == 0, SETTLE_SECONDS, "clients have told what became of their questions")
        words = [sys.executable, str(TESTS / "checker"), str(store or daemon.store), "--json", "--strict",
                 "--log", str(daemon.log.path), "--log", str(daemon.witness)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise Failure("the checker: %s%s" % (done.stdout[-2000:], done.stderr[-2000:]))
        report = json.loads(done.stdout)
        unseen = [what for what in seen if not report["counts"][what]]
        if unseen:
            raise Failure("blind: the checker was given 0 %s" % ", 0 ".join(unseen))
        if final:
            with self._lock:
                for key in ("acknowledged", "fires", "runs", "skips"):
                    self.total[key] += report["counts"][key]
        if final and report["lateness"]:
            self.lateness.append(report["lateness"])
        for violation in report["violations"]:
            self._keep(violation)
        return not report["violations"]

    def violate(self, kind, text, **facts):
        """What a campaign has seen itself, beside the checker: memory that grows, a daemon that ends."""
        self._keep({"kind": kind, "text": text, **facts})

    def _keep(self, violation):
        """In the folder at once, so that its words outlive whatever becomes of the campaign and its summary."""
        with self._lock, open(self.scratch / "violations.jsonl", "a", encoding="utf-8") as file:
            self.total["violations"] += 1
            self.violations.append(violation)
            file.write(json.dumps({"campaign": self.name, "seed": self.seed, **violation}) + "\n")

    def note(self, text):
        self.notes.append(text)

    def close(self, keep):
        for daemon in self.daemons:
            if daemon.is_alive():
                daemon.kill()
            daemon.log.close()
        if not keep:
            shutil.rmtree(self.scratch, ignore_errors=True)
