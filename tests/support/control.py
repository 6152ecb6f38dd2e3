"""The control socket from outside: a load that survives kills of the daemon, and a dump of what is there.

  control.py load SOCKET SEED FILE   keeps adding until SIGTERM; every acknowledgement becomes a line of FILE
  control.py dump SOCKET JOB...      jobs, runs with their attempts, and the skips of those jobs, a JSON object per line

What is written to FILE was acknowledged before it was written, so everything in it must be found later.
"""
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

stopping = threading.Event()


class Gone(Exception):
    """The daemon has ended; whether the last request was carried out is not known."""


class Control:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.last_id = 0
        try:
            self.socket.connect(path)
        except OSError as error:
            raise Gone from error
        self.lines = self.socket.makefile("rb")

    def send(self, op, params):
        self.last_id += 1
        frame = json.dumps({"id": self.last_id, "op": op, "params": params}) + "\n"
        try:
            self.socket.sendall(frame.encode())
        except OSError as error:
            raise Gone from error
        return self.last_id

    def receive(self):
        try:
            line = self.lines.readline()
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone from error
        if not line.endswith(b"\n"):
            raise Gone
        return json.loads(line)

    def call(self, op, **params):
        number = self.send(op, params)
        answer = self.receive()
        assert answer["id"] == number, answer
        if "error" in answer and answer["error"]["code"] == "unavailable":
            raise Gone  # it is stopping
        if "error" in answer:
            raise RuntimeError("%s %s: %s" % (op, params, answer["error"]["message"]))
        return answer["result"]


def in_seconds(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


class Load:
    """Several threads with a connection each; a connection that breaks is made anew."""

    def __init__(self, path, seed, out):
        self.path, self.seed, self.out = path, seed, out
        self.lock = threading.Lock()

    def note(self, **facts):
        with self.lock:
            self.out.write(json.dumps(facts) + "\n")

    def keep_busy(self, name, work):
        chance = random.Random("%s/%s" % (self.seed, name))
        state = {"n": 0}
        while not stopping.is_set():
            try:
                control = Control(self.path)
                while not stopping.is_set():
                    work(control, name, chance, state)
            except Gone:
                time.sleep(0.005)
            except Exception as error:
                self.note(kind="failure", text="%s: %r" % (name, error))
                raise

    def add(self, control, name, chance, state):
        """One job, due in the past or within seconds, of a kind chosen by chance."""
        state["n"] += 1
        job = "%s-%d" % (name, state["n"])
        spec = {"id": job, "func": "work.once", "args": [state["n"]]}
        kind = chance.choices(["date", "in", "careful", "flaky", "command"], [50, 20, 15, 10, 5])[0]
        spec["trigger"] = {"kind": "date", "at": in_seconds(chance.uniform(-0.1, 3))}
        if kind == "in":
            spec["trigger"] = "in %dms" % chance.randint(1, 2000)
        elif kind == "careful":
            spec.update(func="work.slow", delivery="at_most_once")
        elif kind == "flaky":
            spec.update(func="work.flaky", retry={"attempts": 3, "delay": "100ms"})
        if kind != "careful":
            spec["max_interruptions"] = 1000  # more than the kills of any test
        if kind == "command":
            del spec["func"], spec["args"]
            spec["run"] = {"shell": "echo %s - $(date +%%s%%6N) >> lines" % job}
        added = control.call("add_job", **spec)
        self.note(kind="job", job=job, due=added["next_run_at"], what=kind)
        time.sleep(chance.uniform(0, 0.02))

    def add_many(self, control, name, chance, state):
        """All or nothing."""
        state["n"] += 1
        ids = ["%s-%d-%d" % (name, state["n"], i) for i in range(20)]
        due = in_seconds(chance.uniform(0, 2))
        control.call("add_jobs", jobs=[{"id": i, "func": "work.once", "max_interruptions": 1000,
                                        "trigger": {"kind": "date", "at": due}} for i in ids])
        for i in ids:
            self.note(kind="job", job=i, due=None, what="many")
        time.sleep(chance.uniform(0.1, 0.3))

    def run_now(self, control, name, chance, state):
        run = control.call("run_now", job="hand")
        self.note(kind="run", run=run["run"])
        time.sleep(chance.uniform(0, 0.05))

    def change(self, control, name, chance, state):
        """A job far away, a script and a kept value, each moved on by one: what was acknowledged last, or later,
        must be in force."""
        state["n"] += 1
        n = state["n"]
        control.call("add_script", name="generation", source="function which() return %d end" % n)
        self.note(kind="script", number=n)
        at = datetime(2100, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=n)
        control.call("reschedule_job", job="far", trigger={"kind": "date", "at": at.isoformat()})
        self.note(kind="far", number=n)
        control.call("pause_job" if n % 2 else "resume_job", job="far")
        self.note(kind="paused", number=n)
        time.sleep(chance.uniform(0, 0.1))

    def listen(self, control, name, chance, state):
        """An event is told after the commit of what it tells."""
        control.call("subscribe", events=["job_executed"])
        while not stopping.is_set():
            push = control.receive()
            event = push["event"]
            self.note(kind="executed", run=event["run"], attempt=event["attempt"])

    def run(self):
        works = [("a", self.add), ("b", self.add), ("c", self.add), ("d", self.add), ("many", self.add_many),
                 ("hand", self.run_now), ("change", self.change), ("ear", self.listen)]
        threads = [threading.Thread(target=self.keep_busy, args=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        stopping.wait()
        for thread in threads[:-1]:  # the last one waits for what may not come
            thread.join(30)
        with self.lock:
            self.out.flush()


def load(path, seed, out):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with open(out, "w", encoding="utf-8") as file:
        Load(path, seed, file).run()
        os._exit(0)


def pages(control, op, members, **params):
    """Of `list` the next page is asked for by `after`, of `runs` by `before`."""
    key = "after" if op == "list" else "before"
    while True:
        page = control.call(op, limit=1000, **params)
        yield from page[members]
        if not page["next"]:
            return
        params[key] = page["next"]


def dump(path, jobs):
    control = Control(path)
    for job in pages(control, "list", "jobs"):
        print(json.dumps({"is": "job", **job}))
    for run in list(pages(control, "runs", "runs")):
        if run["attempt"] > 1:
            run["attempts"] = control.call("run", run=run["id"])["attempts"]
        print(json.dumps({"is": "run", **run}))
    for job in jobs:
        for skip in control.call("skips", job=job, limit=1000)["skips"]:
            print(json.dumps({"is": "skip", **skip}))


if __name__ == "__main__":
    if sys.argv[1] == "load":
        load(*sys.argv[2:])
    else:
        dump(sys.argv[2], sys.argv[3:])
