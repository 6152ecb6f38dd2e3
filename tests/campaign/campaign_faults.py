"""I/O faults: the n-th call of a kind fails, once or lasting, at every n of a scenario; memory, which is asked for
tens of thousands of times, fails at every place that asks for it. The library fault.c
stands between the daemon and libc; the scenario is a start, some operations, a recovery from the fault where
it lasts, a stop, and a start without faults, after which the checker judges.

What the daemon has to do with a fault (DESIGN section 4, 11):
- It never hangs, never dies of a signal but by its own abort when memory is out, and never ends without a word.
- A full disk is no reason to end: nothing is acknowledged, and when there is room everything goes on.
- An I/O error of the store's files is one: a failed sync is never tried again.
- What fails for want of descriptors or memory in a connection, a job or a script is that one's failure.
- A start that fails says what failed, of which file, and leaves the state as it was.
- Whatever it was, the next start finds everything that was acknowledged."""
import errno
import itertools
import os
import re
import signal
import struct
import time
from pathlib import Path

import campaign_kill as kill
from client import Gone, Refused
from rig import Failure, us_of, wait_until

SHORT = 0  # half of it is written
ERRNOS = {
    "open": (errno.EMFILE, errno.EIO, errno.ENOSPC, errno.ENOMEM), "read": (errno.EIO,),
    "write": (errno.ENOSPC, errno.EIO, SHORT), "pread": (errno.EIO,),
    "pwrite": (errno.ENOSPC, errno.EIO, SHORT), "fsync": (errno.EIO,), "fdatasync": (errno.EIO,),
    "ftruncate": (errno.EIO, errno.ENOSPC), "mmap": (errno.ENOMEM,), "unlink": (errno.EIO,),
    "mkdir": (errno.ENOSPC, errno.EIO), "chmod": (errno.EIO,), "opendir": (errno.EMFILE, errno.EIO, errno.ENOMEM),
    "stat": (errno.EIO, errno.ENOMEM), "lock": (errno.ENOLCK,),
    "close": (errno.EIO,), "socket": (errno.EMFILE, errno.ENOMEM), "bind": (errno.ENOSPC,),
    "listen": (errno.ENOMEM,), "accept": (errno.EMFILE, errno.ENOMEM, errno.ECONNABORTED),
    "receive": (errno.ECONNRESET, errno.ENOMEM), "send": (errno.EPIPE, errno.ENOBUFS, SHORT),
    "pipe": (errno.EMFILE,), "eventfd": (errno.EMFILE,), "epoll_create": (errno.EMFILE, errno.ENOMEM),
    "epoll_ctl": (errno.ENOMEM, errno.ENOSPC), "epoll_wait": (errno.EINTR,), "timerfd": (errno.EMFILE,),
    "timer": (errno.EAGAIN,), "inotify": (errno.EMFILE,), "inotify_watch": (errno.ENOSPC,),
    "thread": (errno.EAGAIN,), "fork": (errno.EAGAIN, errno.ENOMEM),
    "pidfd": (errno.EMFILE, errno.ENOMEM), "malloc": (errno.ENOMEM,),
}
# Where a library aborts by itself, or we do: DESIGN section 7, "host out-of-memory aborts".
MAY_ABORT = {"malloc", "mmap", "epoll_ctl", "thread", "pipe"}
LAST_WORDS = re.compile(r"moonbeat: (aborted|out of memory) \(")
ONCE_ONLY = {"lock"}  # SQLite takes it for a neighbour's, and waits for ten seconds or, on a busy machine, more
FATAL = ("pwrite", "fdatasync", "fsync", "ftruncate")
STORE_FILES = re.compile(r"/moonbeat\.db(-wal|-journal)?$")
ANSWER_SECONDS, LOCK_ANSWER_SECONDS = 10, 90
MEMORY_SAMPLES = 10
LIVE_SECONDS = 0.15  # so that what is due all the time, commands too, is claimed, runs and ends some times

SOURCE = kill.WITNESS + """
function once(run) return note(run) end
job "tick" { trigger = every "50ms", run = once }
job "careful" { trigger = every "70ms", delivery = "at_most_once", run = once }
job "hand" { run = once }
job "shell" { trigger = every "20ms", run = command { "true" } }
"""
JOBS = [{"id": "tick", "trigger": "every 50ms"},
        {"id": "careful", "trigger": "every 70ms", "delivery": "at_most_once"},
        {"id": "shell", "trigger": "every 20ms"}, {"id": "hand"}]


class Case:
    """`at` is a number, or a place as fault.c writes it."""

    def __init__(self, kind, at, number, lasting):
        self.kind, self.at, self.number, self.lasting = kind, at, number, lasting

    def __str__(self):
        name = errno.errorcode[self.number] if self.number else "short"
        return "%s %s %s %s" % (self.kind, self.at, name, "lasting" if self.lasting else "once")

    @property
    def environment(self):
        which = "FAULT_PLACE" if isinstance(self.at, str) else "FAULT_AT"
        return {"FAULT_KIND": self.kind, which: str(self.at), "FAULT_ERRNO": str(self.number)}


def kind_names():
    """In the order of fault.c's counters."""
    source = (Path(__file__).parent / "fault.c").read_text()
    return re.findall(r"X\((\w+)\)", source[source.index("#define KINDS"):source.index("enum kind")])


class Play:
    """One case from its start to the checker's verdict."""

    def __init__(self, rig, case):
        self.rig, self.case = rig, case
        self.daemon = daemon = rig.daemon()
        self.broken, self.told, self.counts, self.places = (
            daemon.root / name for name in ("broken", "told", "counts", "places"))
        self.is_told = self.is_violated = False
        self.patience = LOCK_ANSWER_SECONDS if case and case.kind == "lock" else ANSWER_SECONDS
        daemon.env = {"LD_PRELOAD": str(rig.shim("fault")), "FAULT_SPARE": str(daemon.witness),
                      "FAULT_LOG": str(self.told), "FAULT_COUNTS": str(self.counts)}
        daemon.env |= case.environment if case else {}
        if case and case.lasting:
            self.broken.touch()
            daemon.env["FAULT_WHILE"] = str(self.broken)

    def violate(self, text):
        self.is_violated = True
        self.rig.violate("fault", "%s [%s]: %s\n%s" % (self.case, self.hit or "not reached", text,
                                                      self.daemon.tail(600)))

    @property
    def hit(self):
        """Which call failed; empty until then."""
        return self.told.read_text().strip() if self.told.exists() else ""

    # ---- the scenario ----

    def run(self):
        """Whether the fault was reached."""
        try:
            self.play()
            self.recover()
        except (Failure, Refused, Gone, TimeoutError) as failure:
            self.violate("%s: %s" % (type(failure).__name__, failure))
        return bool(self.hit)

    def play(self):
        daemon = self.daemon
        daemon.write("work", SOURCE, JOBS)
        begun_us = daemon.log.now_us()
        daemon.launch()
        for step in self.steps():
            if not self.take(step):
                break
        self.broken.unlink(missing_ok=True)
        if self.case and self.case.lasting:  # it may not have heard of anything, or not kept it, until now
            daemon.log.write("fault", what=str(self.case), at_us=begun_us, until_us=daemon.log.now_us())
        self.tell_fatal()
        if daemon.is_alive():
            self.expect_health()
        if daemon.is_alive():
            self.end()
        else:
            self.judge_death(daemon.wait_end())

    def recover(self):
        """The next start, without a fault."""
        daemon = self.daemon
        daemon.env = {}
        if not daemon.start():
            raise Failure("the next start fails too")
        with daemon.client() as client:
            client.call("reload")  # answered when all files are in force
            for job in JOBS[:-1]:
                client.call("pause_job", job=job["id"])
        daemon.settle()
        daemon.stop()
        if not self.rig.check(daemon):
            self.violate("see above")

    def steps(self):
        yield "pulse", {}
        for number in range(4):
            yield "add_job", {"id": "soon-%d" % number, "func": "work.once", "trigger": "in %dms" % (10 * number)}
        yield "kv_set", {"script": "work", "key": "n", "value": 1}
        yield "run_now", {"job": "hand"}
        time.sleep(LIVE_SECONDS)
        yield "pause_job", {"job": "careful"}
        yield "reload", {}
        yield "resume_job", {"job": "careful"}
        yield "list", {}
        yield "runs", {"limit": 20}

    def take(self, step):
        """False when the daemon has ended."""
        op, params = step
        self.tell_fatal()
        stop = time.monotonic() + (1.0 if self.case and self.case.lasting else self.patience)
        while self.daemon.is_alive() and time.monotonic() < stop:
            sent = False
            try:
                with self.daemon.client(timeout=1.0) as client:
                    sent = True
                    client.call(op, **params)
                return True
            except (Refused, TimeoutError):
                return True
            except Gone:
                if sent:  # it may have happened, and is not asked for twice
                    break
                time.sleep(0.005)
        return self.daemon.is_alive()

    def is_fatal(self):
        """Whether the call that failed was a write or sync of the store, for another reason than want of room."""
        return self.case and self.case.number == errno.EIO and self.case.kind in FATAL and STORE_FILES.search(self.hit)

    def tell_fatal(self):
        """For the checker, before anything more is asked for: what is answered from now on is answered wrongly."""
        if self.is_fatal() and not self.is_told:
            self.is_told = True
            self.daemon.log.write("fault", what=str(self.case), at_us=self.daemon.log.now_us(), is_fatal=True)

    def expect_health(self):
        """Without a fault everything goes on."""
        ids = ("after-%d" % number for number in itertools.count())

        def is_well():
            if not self.daemon.is_alive():
                return "ended"
            try:
                with self.daemon.client(timeout=2.0) as client:
                    client.call("reload")  # a file that could not be read is read again
                    job = next(ids)
                    client.call("add_job", id=job, func="work.once", trigger="in 1ms")
                    return wait_until(lambda: client.call("runs", job=job)["runs"] or not self.daemon.is_alive(),
                                      self.patience, "a job runs")
            except (Refused, Gone, TimeoutError):
                return None

        try:
            if wait_until(is_well, self.patience, "a job is added and runs") != "ended":
                self.expect_runs()
        except Failure as failure:
            self.violate("does not recover when the fault is over: %s" % failure)

    def expect_runs(self):
        """Of each job whatever had begun has ended, and the next one too."""
        since_us = self.daemon.log.now_us()

        def runs_again(job):
            try:
                with self.daemon.client(timeout=2.0) as client:
                    if client.call("show", job=job)["state"] == "paused":
                        return True  # the fault had its resumption refused
                    runs = client.call("runs", job=job, limit=10)["runs"]
                    return any(run["finished_at"] and us_of(run["scheduled_at"]) >= since_us for run in runs)
            except (Gone, TimeoutError):
                return not self.daemon.is_alive()

        for job in JOBS[:-1]:
            wait_until(lambda job=job: runs_again(job["id"]), self.patience, job["id"] + " runs and ends")

    def end(self):
        was_hit = bool(self.hit)
        try:
            status = self.daemon.stop()
        except Failure:
            self.violate("does not stop")
            self.daemon.kill()
            return
        if status != 0:
            self.judge_death(status)
        elif was_hit:
            self.judge_life()

    # ---- the rules ----

    def judge_death(self, status):
        case, text = self.case, self.daemon.tail(3000)
        if status == -signal.SIGABRT and case.kind in MAY_ABORT and LAST_WORDS.search(text):
            return
        if status == -signal.SIGTERM and self.says_why(text):
            return  # it was ending by itself when it was asked to
        if status < 0:
            self.violate("died of signal %d" % -status)
        elif status == 0:
            self.violate("ended as if all were well")
        elif not 64 <= status <= 78:
            self.violate("ended with status %d" % status)
        elif not self.says_why(text):
            self.violate("ended with status %d, but does not say why" % status)
        if case.number == errno.ENOSPC and "loaded" in text:
            self.violate("a full disk is no reason to end")

    def says_why(self, text):
        number = self.case.number or errno.ENOSPC
        known = (os.strerror(number), os.strerror(number).lower(), "no room on the disk", "disk I/O error",
                 "out of memory", "not enough memory", "locking protocol", "to spare", "another program is writing")
        return any(words in text for words in known)

    def judge_life(self):
        """What must have ended it, and what must not have been refused."""
        if self.is_fatal():
            self.violate("goes on after an I/O error of the store")


def try_case(rig, case):
    """Whether its fault was reached."""
    play = Play(rig, case)
    is_hit = play.run()
    if not play.is_violated:
        rig.discard(play.daemon)
    return is_hit


def count_calls(rig):
    play = Play(rig, None)
    play.run()
    names = kind_names()
    counts = struct.unpack("<%dQ" % len(names), play.counts.read_bytes()[:8 * len(names)])
    rig.discard(play.daemon)
    return dict(zip(names, counts))


def find_places(rig):
    """Where memory is asked for. Apart from the counting, as the daemon is slower when each call is looked at."""
    play = Play(rig, None)
    play.daemon.env["FAULT_PLACES"] = str(play.places)
    play.run()
    places = play.places.read_text().split()
    rig.discard(play.daemon)
    return places


def all_cases(counts, places):
    for kind, numbers in ERRNOS.items():
        for at in places if kind == "malloc" else range(1, counts[kind] + 1):
            for number in numbers:
                for lasting in (False, True)[:1 if kind in ONCE_ONLY else 2]:
                    yield Case(kind, at, number, lasting)


def in_turns(cases):
    """Each kind once before one comes again."""
    count, ranks = {}, []
    for case in cases:
        count[case.kind] = count.get(case.kind, 0) + 1
        ranks.append(count[case.kind])
    return [cases[number] for number in sorted(range(len(cases)), key=ranks.__getitem__)]


def campaign(rig):
    counts = count_calls(rig)
    # Of the thousands of places a sample of seconds says little: the short form has some calls by their number.
    places = find_places(rig) if rig.long else rig.chance.sample(range(1, counts["malloc"] + 1), MEMORY_SAMPLES)
    cases = list(all_cases(counts, places))
    chosen = in_turns(rig.chance.sample(cases, len(cases)))
    for is_hit in rig.cycles_side_by_side(24, len(cases), lambda number: try_case(rig, chosen[number % len(cases)])):
        rig.total["faults"] += is_hit
    rig.note("%d cases in the scenario" % len(cases))
    rig.expect_faults(rig.total["faults"])
