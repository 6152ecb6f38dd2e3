"""kill -9 at every single system call that changes the disk, in six scenarios. By `strace`, which counts the calls of
each name in each thread and kills before the N-th: for every name and N that occurs in a scenario (--long), or for
some of them. The daemon then starts on what is left, and everything must be as it was acknowledged.

Only calls on the state folder count. Where the daemon is traced from its beginning, the thread that opens the store
has made as many calls before as the scheduler's first ones are: for these the library fault.c counts the calls of all
threads together, and kills. What is not met even so is told with its scenario."""
import os
import re
import shutil
import signal
import subprocess
import time

import campaign_kill as kill
from client import Gone
from process import is_sanitized
from rig import Failure, Skip, wait_until

CALLS = ("write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,ftruncate,fallocate,rename,renameat,renameat2,"
         "unlink,unlinkat,mkdir,mkdirat,openat,link,linkat,fchmod,chmod")
NAMES = ("", "/moonbeat.db", "/moonbeat.db-wal", "/moonbeat.db-shm", "/moonbeat.db-journal", "/moonbeat.db-lock",
         "/control.sock")
KINDS = {"pwrite64": "pwrite", "fdatasync": "fdatasync", "fsync": "fsync", "ftruncate": "ftruncate", "mkdir": "mkdir",
         "unlink": "unlink"}  # as fault.c names them
NEVER = 65_535          # of which none makes so many; strace's greatest
SAMPLES = 3             # of each scenario in the short form
ATTACH_SECONDS = 15
JOBS = [
    {"id": "tick", "trigger": "every 300ms", "run": "once", **kill.OFTEN},
    {"id": "careful", "trigger": "every 500ms", "run": "slow", "delivery": "at_most_once"},
    {"id": "hand", "run": "once", "overlap": "allow", **kill.OFTEN},
]


# ---- strace ----


def check_strace():
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip("strace cannot trace here: " + done.stderr.strip().split("\n")[0])


def words(daemon, call, number, output):
    """strace that kills at the number-th `call` of a thread."""
    paths = [word for name in NAMES for word in ("-P", str(daemon.state) + name)]
    return ["strace", "-f", "-qq", "-o", str(output), "-e", "trace=" + CALLS, "-e",
            "inject=%s:signal=SIGKILL:when=%d" % (call, number), *paths]


class Tracer:
    """strace on a daemon that runs already."""

    def __init__(self, daemon, call, number, output):
        self.process = subprocess.Popen([*words(daemon, call, number, output), "-p", str(daemon.process.pid)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.is_on(daemon) or not daemon.is_alive(), ATTACH_SECONDS, "strace attaches")

    def is_on(self, daemon):
        """Whether each thread has a tracer."""
        try:
            tasks = os.listdir("/proc/%d/task" % daemon.process.pid)
            for task in tasks:
                with open("/proc/%d/task/%s/status" % (daemon.process.pid, task), encoding="utf-8") as status:
                    if "TracerPid:\t0\n" in status.read():
                        return False
            return True
        except OSError:
            return False

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(ATTACH_SECONDS)


def calls_made(output):
    """Of each name the most that one thread has made."""
    counts = {}
    for line in output.read_text(errors="replace").split("\n"):
        made = re.match(r"(\d+) +(\w+)\(", line)
        if made:
            counts[made[2], made[1]] = counts.get((made[2], made[1]), 0) + 1
    most = {}
    for (call, _), count in counts.items():
        most[call] = max(count, most.get(call, 0))
    return most


def hidden_calls(output):
    """Those that strace meets no kill at, as another thread had made as many before and dies in their place: names,
    and numbers among the calls of all threads."""
    counts, together, reached, hidden = {}, {}, set(), []
    for line in output.read_text(errors="replace").split("\n"):
        made = re.match(r"(\d+) +(\w+)\(", line)
        if not made:
            continue
        thread, call = made[1], made[2]
        counts[thread, call] = counts.get((thread, call), 0) + 1
        together[call] = together.get(call, 0) + 1
        if (call, counts[thread, call]) in reached:
            hidden.append((call, together[call]))
        reached.add((call, counts[thread, call]))
    return hidden


# ---- the scenarios: what is prepared, and what is done while calls are counted ----


def nothing(rig, daemon):
    pass


def prepare_running(rig, daemon):
    daemon.start()


def prepare_stopped(rig, daemon):
    daemon.start()
    daemon.stop()
    daemon.write("busy", *kill.declare(JOBS[:2] + [{"id": "new", "trigger": "every 400ms", "run": "once"}]))


def prepare_crash(rig, daemon):
    """Runs that were cut off, a retry that waits, and due times that pass."""
    daemon.start()
    with daemon.client() as client:
        for number in range(3):
            client.call("add_job", id="long-%d" % number, func="busy.long", trigger="in 10ms", **kill.OFTEN)
        client.call("add_job", id="flaky", func="busy.flaky", trigger="in 10ms",
                    retry={"attempts": 3, "delay": "200ms"}, **kill.OFTEN)
        time.sleep(0.15)
    daemon.kill()


def prepare_drain(rig, daemon):
    daemon.start()
    with daemon.client() as client:
        due = {"kind": "date", "at": kill.text_of(daemon.log.now_us() + 600_000)}
        client.call("add_jobs", jobs=[{"id": "due-%d" % n, "func": "busy.once", "trigger": due, **kill.OFTEN}
                                      for n in range(25)])


def add_jobs(rig, daemon):
    with daemon.client() as client:
        for number in range(4):
            client.call("add_job", id="one-%d" % number, func="busy.once", trigger="in %dms" % (50 + 100 * number),
                        **kill.OFTEN)
        client.call("add_jobs", jobs=[{"id": "many-%d" % n, "func": "busy.once", "trigger": "every 1h"} for n in range(10)])
        client.call("reschedule_job", job="many-1", trigger="every 250ms")
        client.call("remove_job", job="many-2")
        client.call("run_now", job="hand")
        client.call("pause_job", job="many-3")
        client.call("kv_set", key="a", value=[1, 2])
        client.call("kv_incr", key="n", by=3)


def see_drained(rig, daemon):
    with daemon.client(logged=False) as client:
        wait_until(lambda: not [job for job in client.pages("list", "jobs", state="active") if job["id"].startswith("due-")],
                   30, "what is due runs")


def save_and_reload(rig, daemon):
    daemon.write("busy", *kill.declare(JOBS[1:] + [{"id": "tick", "trigger": "every 700ms", "run": "once", **kill.OFTEN},
                                                   {"id": "new", "trigger": "0 9 * * *", "run": "once"}]))
    with daemon.client() as client:
        client.call("reload")
        client.call("add_script", name="other", source="function f() end")


def live_a_little(rig, daemon):
    if daemon.wait_ready():
        time.sleep(0.4)


SCENARIOS = {  # name: what is prepared, whether the daemon is then started under strace, and what is done
    "start": (nothing, True, live_a_little),
    "again": (prepare_stopped, True, live_a_little),
    "recover": (prepare_crash, True, live_a_little),
    "add": (prepare_running, False, add_jobs),
    "drain": (prepare_drain, False, see_drained),
    "reload": (prepare_running, False, save_and_reload),
}


# ---- one trial ----


class Trial:
    """A kill before the number-th `call` of a thread or, `together`, of all threads."""

    def __init__(self, scenario, call="fsync", number=NEVER, together=False):
        self.scenario, self.call, self.number, self.together = scenario, call, number, together
        self.prepare, self.is_traced_start, self.act = SCENARIOS[scenario]

    def __str__(self):
        return "%s %d%s of %s" % (self.call, self.number, " of all" * self.together, self.scenario)

    def begin(self, rig, daemon, output):
        """What is to be ended afterwards, if anything is."""
        if not self.is_traced_start:
            return Tracer(daemon, self.call, self.number, output)
        if self.together:
            daemon.env = {"LD_PRELOAD": str(rig.shim("fault")), "FAULT_KIND": KINDS[self.call],
                          "FAULT_AT": str(self.number), "FAULT_KILL": "1"}
        else:
            daemon.wrap = [*words(daemon, self.call, self.number, output), "-D"]  # -D: the daemon itself is our child
        daemon.launch()
        daemon.wrap, daemon.env = [], {}
        return None

    def kills(self, rig, daemon, output):
        tracer = self.begin(rig, daemon, output)
        try:
            if daemon.is_alive():
                self.act(rig, daemon)
        except Gone:
            daemon.process.wait(ATTACH_SECONDS)  # its threads end one by one
        finally:
            if tracer:
                tracer.end()
        if daemon.is_alive() and not self.together and calls_made(output).get(self.call, 0) >= self.number:
            wait_until(lambda: not daemon.is_alive(), ATTACH_SECONDS, "the kill at %s takes effect" % self)
        return not daemon.is_alive()


def try_one(rig, trial):
    """The calls that were made, and those of them that strace meets no kill at, when it ended alive; None: it was
    killed, or they are not known."""
    daemon = rig.daemon("%s-%s-%d%s" % (trial.scenario, trial.call, trial.number, "-together" * trial.together))
    output = daemon.root / "strace.txt"
    daemon.write("busy", *kill.declare(JOBS))
    trial.prepare(rig, daemon)
    made = None
    if trial.kills(rig, daemon, output):
        rig.inject("SIGKILL at %s" % trial)
        if daemon.wait_end() != -signal.SIGKILL or trial.number == NEVER:
            raise Failure("%s: the daemon ended without a kill\n%s" % (trial, daemon.tail()))
    else:
        made = None if trial.together else (calls_made(output), hidden_calls(output))
        daemon.kill()
    daemon.start()
    kill.quiet(daemon)
    daemon.settle()
    daemon.stop()
    if rig.check(daemon):
        rig.discard(daemon)
    return made


def told(counts):
    return ", ".join("%s %d" % item for item in sorted(counts.items()))


def find_trials(rig, scenario):
    """All of them, and a line that tells of the calls."""
    made, hidden = try_one(rig, Trial(scenario))
    found = [Trial(scenario, call, number) for call, count in made.items() for number in range(1, count + 1)]
    unmet = {}
    for call, number in hidden:
        if SCENARIOS[scenario][1] and call in KINDS and not is_sanitized(rig.moonbeat):
            found.append(Trial(scenario, call, number, together=True))
        else:
            unmet[call] = unmet.get(call, 0) + 1
    together = sum(trial.together for trial in found)
    rig.note("%s: %s%s%s" % (scenario, told(made), "; counted together: %d" % together if together else "",
                             "; not reached: " + told(unmet) if unmet else ""))
    return found


def campaign(rig):
    check_strace()
    trials = []
    for scenario in SCENARIOS:
        found = find_trials(rig, scenario)
        trials += found if rig.long else rig.chance.sample(found, min(SAMPLES, len(found)))
    for number in rig.cycles(short=len(trials), long=len(trials)):
        try_one(rig, trials[(number - 1) % len(trials)])
    rig.expect_faults(rig.total["faults"])
