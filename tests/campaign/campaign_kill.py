"""kill -9 at random moments under mixed load. Clients add, change, pause, run and remove jobs, tell of events, keep values
and add scripts; files are saved; history is pruned; and every due time must still be one run or part of one skip.

A cycle is a kill; before one in ten the daemon ends in good order and begins again."""
import random
import threading
import time

from client import Client, Gone, Refused
from rig import Failure, text_of

ROUND = 250        # kills of one daemon's life; then another begins on an empty folder
BATCH = 50         # kills between two verdicts
SEEN = ("acknowledged", "fires", "runs", "skips", "witnessed", "events", "events_due")  # each must have been there
KEEP_RUNS = 200    # of each job: the busy ones go over it

WITNESS = """
local function note(run)
  assert(fs.append("../witness.jsonl", ('{"is":"ran","run":"%s","attempt":%d,"at_us":%d,"result":%d}\\n'):format(
    run.id, run.attempt, time.now().us, run.attempt)))
  return run.attempt
end
"""

WORK = WITNESS + """
function once(run) return note(run) end
function slow(run) local result = note(run) sleep "50ms" return result end
function flaky(run) note(run) if run.attempt < 3 then error "not yet" end return run.attempt end
function fail(run) note(run) error "never" end
function long(run) local result = note(run) sleep "300ms" return result end
function longer(run) local result = note(run) sleep "2s" return result end
"""

SHELL = """printf '{"is":"ran","job":"shell","at_us":%s}\\n' "$(date +%s%6N)" >> ../witness.jsonl"""
OFTEN = {"max_interruptions": 1_000_000}
BUSY = [
    {"id": "tick", "trigger": "every 100ms", "run": "once", **OFTEN},
    {"id": "slow", "trigger": "every 400ms", "run": "long", **OFTEN},
    {"id": "all", "trigger": "every 250ms", "run": "once", "coalesce": "all", "overlap": "allow", **OFTEN},
    {"id": "earliest", "trigger": "every 150ms", "run": "slow", "coalesce": "earliest", **OFTEN},
    {"id": "careful", "trigger": "every 200ms", "run": "slow", "delivery": "at_most_once"},
    {"id": "flaky", "trigger": "every 1s", "run": "flaky", "retry": {"attempts": 3, "delay": "50ms"}, **OFTEN},
    {"id": "failing", "trigger": "every 700ms", "run": "fail", "retry": {"attempts": 2, "delay": "50ms"}, **OFTEN},
    {"id": "jittery", "trigger": "every 300ms jitter=100ms", "run": "once", **OFTEN},
    {"id": "seconds", "trigger": "* * * * * *", "run": "once", **OFTEN},
    {"id": "graceful", "trigger": "every 50ms", "run": "once", "misfire_grace_time": "100ms", **OFTEN},
    {"id": "punctual", "trigger": "every 800ms", "run": "once", "misfire_grace_time": "80ms", **OFTEN},
    {"id": "shell", "trigger": "every 1s", "command": SHELL, **OFTEN},
    {"id": "hears", "trigger": "on_event noise batch=5", "run": "once", **OFTEN},
    {"id": "calm", "trigger": "on_event noise debounce=300ms", "run": "slow", **OFTEN},
    {"id": "follows", "trigger": "after_job slow outcome=finished", "run": "once", **OFTEN},
    {"id": "alarmed", "trigger": "on_event job_error filter=(job=failing)", "run": "once", **OFTEN},
    {"id": "hand", "run": "once", "overlap": "allow", **OFTEN},
    {"id": "drags", "run": "longer", "overlap": "allow", **OFTEN},
    {"id": "drags-once", "run": "longer", "overlap": "allow", "delivery": "at_most_once"},
    {"id": "drags-shell", "command": "sleep 2", "overlap": "allow", **OFTEN},
]
"""The spec's "run" is the function; what the log and the file say is made of it below."""


def lua_text(value):
    if isinstance(value, dict):
        return "{ %s }" % ", ".join("%s = %s" % (key, lua_text(item)) for key, item in value.items())
    return "[==[%s]==]" % value if isinstance(value, str) else str(value)


def declare(specs):
    """Lua that declares the specs, and the specs as the log says them."""
    source, jobs = WORK, []
    for spec in specs:
        options = {key: value for key, value in spec.items() if key not in ("id", "run", "command")}
        run = "command { shell = %s }" % lua_text(spec["command"]) if "command" in spec else spec["run"]
        members = ["%s = %s" % (key, lua_text(value)) for key, value in options.items()] + ["run = " + run]
        source += 'job "%s" { %s }\n' % (spec["id"], ", ".join(members))
        jobs.append({"id": spec["id"], **options})
    return source, jobs


class Load:
    """Several clients, each with a connection that is made anew when it breaks."""

    def __init__(self, rig, daemon):
        self.daemon, self.stopping, self.failures = daemon, threading.Event(), []
        works = [("adder1", self.add), ("adder2", self.add), ("many", self.add_many), ("changer", self.change),
                 ("hand", self.run_by_hand), ("keeper1", self.keep), ("keeper2", self.keep), ("remover", self.remove),
                 ("ear", self.listen), ("teller", self.tell), ("canceller", self.cancel)]
        self.threads = [threading.Thread(target=self.go_on, daemon=True, args=(name, work, random.Random(
            "%s/%s" % (rig.chance.random(), name)))) for name, work in works]
        self.added, self.serial = [], 0
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        if self.failures:
            raise Failure("the load: " + self.failures[0])

    def go_on(self, name, work, chance):
        while not self.stopping.is_set():
            try:
                with Client(self.daemon.socket, self.daemon.log, name, timeout=20) as client:
                    while not self.stopping.is_set():
                        work(client, name, chance)
            except Gone:
                time.sleep(0.003)
            except Exception as error:  # told by stop()
                self.failures.append("%s: %r" % (name, error))
                return

    def fresh_id(self, name):
        self.serial += 1
        return "%s-%d" % (name, self.serial)

    def in_seconds(self, seconds):
        return {"kind": "date", "at": text_of(self.daemon.log.now_us() + int(seconds * 1e6))}

    def add(self, client, name, chance):
        """Due in the past or within seconds, of a kind chosen by chance."""
        spec = {"id": self.fresh_id(name), "func": "busy.once", **OFTEN}
        kind = chance.choices(["date", "in", "careful", "flaky", "command", "repeated"], [40, 20, 15, 10, 5, 10])[0]
        spec["trigger"] = self.in_seconds(chance.uniform(-0.1, 2))
        if kind == "in":
            spec["trigger"] = "in %dms" % chance.randint(1, 1500)
        elif kind == "careful":
            spec.update(func="busy.slow", delivery="at_most_once")
            del spec["max_interruptions"]
        elif kind == "flaky":
            spec.update(func="busy.flaky", retry={"attempts": 3, "delay": "50ms"})
        elif kind == "command":
            del spec["func"]
            spec["run"] = {"shell": SHELL}
        elif kind == "repeated":
            spec["trigger"] = "every %dms" % chance.randint(100, 900)
        client.call("add_job", **spec)
        if kind == "repeated":
            self.added.append(spec["id"])
        time.sleep(chance.uniform(0, 0.03))

    def add_many(self, client, name, chance):
        trigger = self.in_seconds(chance.uniform(0, 2))
        client.call("add_jobs", jobs=[{"id": self.fresh_id(name), "func": "busy.once", "trigger": trigger, **OFTEN}
                                      for _ in range(10)])
        time.sleep(chance.uniform(0.1, 0.4))

    def change(self, client, name, chance):
        """What repeats is paused, resumed, rescheduled, changed."""
        if self.added:
            job = chance.choice(self.added[-20:])
            change = chance.choice([
                ("pause_job", {}), ("resume_job", {}), ("reschedule_job", {"trigger": "every %dms" % chance.randint(100, 900)}),
                ("modify_job", {"changes": {"priority": chance.randint(-9, 9)}}),
                ("reschedule_job", {"trigger": "*/5 * * * *"})])
            self.call(client, change[0], job=job, **change[1])
        self.serial += 1
        client.call("add_script", name="generation", source="function which() return %d end" % self.serial)
        time.sleep(chance.uniform(0, 0.1))

    def remove(self, client, name, chance):
        if len(self.added) > 8:
            self.call(client, "remove_job", job=self.added.pop(chance.randrange(len(self.added))))
        time.sleep(chance.uniform(0.05, 0.3))

    def call(self, client, op, **params):
        """For what may be gone, or never have come."""
        try:
            client.call(op, **params)
        except Refused as refused:
            if refused.code not in ("not_found", "conflict"):
                raise

    def run_by_hand(self, client, name, chance):
        client.call("run_now", job="hand")
        time.sleep(chance.uniform(0, 0.06))

    def cancel(self, client, name, chance):
        """What has begun and would go on for longer than the daemon lives."""
        run = client.call("run_now", job=chance.choice(["drags", "drags-once", "drags-shell"]))["run"]
        time.sleep(chance.uniform(0, 0.05))
        self.call(client, "cancel_run", run=run, now=chance.random() < 0.3)

    def tell(self, client, name, chance):
        """Bursts of events, for which jobs wait."""
        for _ in range(chance.randint(1, 4)):
            self.serial += 1
            client.call("emit", event="noise", data={"n": self.serial})
        time.sleep(chance.uniform(0.05, 0.4))

    def keep(self, client, name, chance):
        """Two clients on the same counter, and a value each."""
        client.call("kv_incr", key="together", by=chance.randint(1, 5))
        client.call("kv_set", key=name, value={"n": chance.randint(1, 1_000_000)})
        time.sleep(chance.uniform(0, 0.1))

    def listen(self, client, name, chance):
        client.call("subscribe", events=["job_executed", "job_error", "job_cancelled"])
        client.socket.settimeout(0.5)
        while not self.stopping.is_set():
            try:
                client.event()
            except TimeoutError:
                pass


def save_changing(daemon, chance):
    """One job that stays and some that come and go, as a file that is edited."""
    specs = [{"id": "kept", "trigger": "every 10h", "run": "once"}]
    specs += [{"id": "changing-%d" % i, "trigger": "every 10h", "run": "once"} for i in range(chance.randint(0, 4))]
    daemon.write("changing", *declare(specs))


def quiet(daemon):
    """Pauses what is due all the time, so that everything can come to an end."""
    with daemon.client("quiet") as client:
        repeated = [job["id"] for job in client.pages("list", "jobs", state="active")
                    if job["trigger"] and job["trigger"]["kind"] in ("interval", "cron")]
        for job in repeated:
            client.call("pause_job", job=job)
    return repeated


def begin(rig):
    daemon = rig.daemon(config={"keep_runs": KEEP_RUNS})
    daemon.write("busy", *declare(BUSY))
    save_changing(daemon, rig.chance)
    daemon.start()
    return daemon, Load(rig, daemon)


def finish(rig, daemon, load):
    load.stop()
    daemon.wait_ready()
    quiet(daemon)
    daemon.settle()
    daemon.kill()
    if rig.check(daemon, seen=SEEN):
        rig.discard(daemon)


def campaign(rig):
    daemon, load = begin(rig)
    for number in rig.cycles(short=40, long=10_000):
        if rig.chance.random() < 0.5:
            save_changing(daemon, rig.chance)
        time.sleep(rig.chance.uniform(0.03, 0.4))
        if rig.chance.random() < 0.1:
            daemon.stop()
            daemon.launch()
            time.sleep(rig.chance.uniform(0.03, 0.4))
        rig.inject("kill -9", daemon.kill)
        if number % ROUND and number % BATCH == 0:
            rig.check(daemon, final=False)
        daemon.launch()
        if number % ROUND == 0:
            finish(rig, daemon, load)
            daemon, load = begin(rig)
    finish(rig, daemon, load)
