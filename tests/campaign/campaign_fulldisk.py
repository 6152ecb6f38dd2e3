"""A disk of 2 MiB that fills and is emptied again. The state folder lies on a tmpfs of its own, which is filled to the
last byte under load, now and then with a kill besides. While there is no room nothing is acknowledged; when there is,
everything goes on; and what was acknowledged is there.

The mount is seen by one process that holds it (in a mount namespace, with a user namespace unless this is root)
and by the daemons that enter it; from outside it is reached through /proc."""
import errno
import itertools
import os
import subprocess
import time

import campaign_kill as kill
from client import Gone, Refused
from rig import Failure, Skip, wait_until

SIZE = "2m"
KEEP_RUNS = 20
ROOM_SECONDS = 20
ROUND_CYCLES = 10
FULL_STATUS = 75
JOBS = [spec for spec in kill.BUSY if spec.get("coalesce") != "all"]


class FullLoad(kill.Load):
    """Takes a refusal for want of room as it comes."""

    def go_on(self, name, work, chance):
        def patient(client, name, chance):
            try:
                work(client, name, chance)
            except Refused as refused:
                if refused.code != "full":
                    raise
                time.sleep(0.05)

        super().go_on(name, patient, chance)


class SmallDisk:
    """The mount and who holds it."""

    def __init__(self, daemon):
        words = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
        script = 'mount -t tmpfs -o size=%s,mode=700 tmpfs "$0" && echo mounted && exec sleep infinity' % SIZE
        folder = daemon.root / "state"
        folder.mkdir()
        self.holder = subprocess.Popen([*words, "sh", "-c", script, str(folder)], stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        said = self.holder.stdout.readline().strip()
        if said != "mounted":
            self.holder.wait()
            raise Skip("no tmpfs can be mounted here: " + (said or "no reason given"))
        pid = str(self.holder.pid)
        enter = ["nsenter", "-t", pid, "-m"] + ([] if os.geteuid() == 0 else ["-U", "--preserve-credentials"])
        daemon.wrap = [*enter, "--wd=" + str(daemon.root)]
        self.folder = daemon.root.__class__("/proc/%s/root%s" % (pid, folder))
        self.filler = self.folder / "filler"
        daemon.socket, daemon.store = self.folder / "control.sock", self.folder / "moonbeat.db"

    def fill(self):
        """To the last byte."""
        with open(self.filler, "ab", buffering=0) as file:
            for size in (65536, 4096, 512, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self):
        self.filler.unlink(missing_ok=True)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Probe:
    """A client of its own that asks for something to be stored."""

    def __init__(self, daemon):
        self.daemon, self.numbers = daemon, itertools.count()

    def ask(self):
        """"stored", "full" or None: nobody answers."""
        try:
            with self.daemon.client("probe", timeout=5.0) as client:
                client.call("kv_set", key="probe", value={"n": next(self.numbers), "text": "x" * 20000})
            return "stored"
        except Refused as refused:
            return refused.code
        except (Gone, TimeoutError):
            return None


def start_again(rig, daemon, disk, probe):
    """On a full disk it may refuse, with a word, or wait for room; with room it may do neither."""
    daemon.launch()
    wait_until(lambda: not daemon.is_alive() or probe.ask(), ROOM_SECONDS, "the daemon ends or answers")
    has_ended = not daemon.is_alive()
    if has_ended:
        status, text = daemon.wait_end(), daemon.tail(500)
        if status != FULL_STATUS or "no room" not in text:
            rig.violate("fulldisk", "a start on a full disk ends with status %d: %s" % (status, text))
    disk.empty()
    if not (daemon.start() if has_ended else daemon.wait_ready()):
        raise Failure("the daemon does not run with room on its disk:\n" + daemon.tail())


class Round:
    """A daemon on a small disk of its own, for as many cycles as what it stores has room for."""

    def __init__(self, rig):
        self.rig = rig
        self.daemon = rig.daemon(config={"keep_runs": KEEP_RUNS})
        self.disk = SmallDisk(self.daemon)
        self.daemon.write("busy", *kill.declare(JOBS))
        self.daemon.start()
        self.load, self.probe = FullLoad(rig, self.daemon), Probe(self.daemon)

    def cycle(self):
        rig, daemon, disk, chance = self.rig, self.daemon, self.disk, self.rig.chance
        time.sleep(chance.uniform(0.1, 0.5))
        rig.inject("full disk", disk.fill)
        wait_until(lambda: disk.fill() or self.probe.ask() == "full", ROOM_SECONDS, "the disk is full")
        time.sleep(chance.uniform(0, 1.5))
        if chance.random() < 0.3:
            rig.inject("kill -9", daemon.kill)
            start_again(rig, daemon, disk, self.probe)
        disk.empty()
        wait_until(lambda: self.probe.ask() == "stored", ROOM_SECONDS, "there is room, and something is stored")
        if not daemon.is_alive():
            raise Failure("a full disk has ended the daemon:\n" + daemon.tail())

    def judge(self):
        self.load.stop()
        kill.quiet(self.daemon)
        self.daemon.settle()
        self.daemon.stop()  # more is due within seconds
        return self.rig.check(self.daemon)

    def close(self):
        if self.daemon.is_alive():
            self.daemon.kill()
        self.disk.close()


def campaign(rig):
    current = None
    try:
        for number in rig.cycles(short=4, long=1000):
            if number % ROUND_CYCLES == 1:
                current = end_round(rig, current)
            current.cycle()
        current.judge()
    finally:
        if current:
            current.close()


def end_round(rig, finished):
    """The next one."""
    if finished:
        is_right = finished.judge()
        finished.close()
        if is_right:
            rig.discard(finished.daemon)
    return Round(rig)
