"""Hand-made stories for the tests of the checker: stores without the constraints of real ones, so that they can be
wrong, and the log lines that go with them."""
import json
import sqlite3
import tempfile
from pathlib import Path

from judge import judge
from reading import ACTIVE, BY_EVENT, BY_HAND, BY_SCHEDULE, SUCCEEDED, History, Store, text_of, us_of

T0 = 1_795_000_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

TABLES = """
CREATE TABLE jobs(number, id, origin, script, trigger, spec);
CREATE TABLE job_progress(number, state, next_us, last_us, runs_kept, paused_us, error);
CREATE TABLE runs(scheduled_us, job, state, cause, attempt, fence, previous_us, due_us, claimed_us, started_us,
  finished_us, args, result, error, events);
CREATE TABLE pending_events(job, number, at_us, due_us, event);
CREATE TABLE attempts(scheduled_us, job, attempt, state, fence, due_us, claimed_us, started_us, finished_us, result,
  error);
CREATE TABLE skips(number INTEGER PRIMARY KEY, job, first_us, last_us, count, reason, recorded_us);
CREATE TABLE kv(script, key, value, expires_us);
CREATE TABLE scripts(name, origin, path, version, error, loaded_us);
CREATE TABLE script_sources(script, number, version, created_us, source);
CREATE TABLE pools(name, slots);
CREATE TABLE unique_keys(key, job, added_us);
CREATE TABLE listeners(number, script, name);
CREATE TABLE dead_letters(listener, died_us);
CREATE TABLE meta(key, value);
INSERT INTO meta VALUES('job_numbers', 9);
"""


class Story:
    """Jobs, runs, skips and log lines; what is not said is right."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(TABLES)
        self.lines, self.numbers, self.fence, self.previous = [], {}, 100, {}
        self.n = 0

    def say(self, kind, **facts):
        self.n += 1
        self.lines.append({"is": kind, "n": self.n, **facts})

    def operate(self, op, at_us, acked=True, result=None, client="c", **params):
        self.n += 1
        self.say("op", begin=self.n, client=client, op=op, params=params, sent_us=at_us - 1000,
                 acked_us=at_us + 1000 if acked else None, **({"result": result or {}} if acked else {}))

    def add(self, name, every_us=MINUTE, at_us=T0, state=ACTIVE, next_us=None, acked=True, trigger=None,
            answer_us=None, **options):
        number = len(self.numbers) + 1
        spec = {"id": name, "func": "a.f", "trigger": trigger or "every %dus" % every_us, **options}
        trigger = trigger or {"kind": "interval", "every": "%dus" % every_us, "anchor": text_of(at_us)}
        self.numbers[name] = number
        self.operate("add_job", at_us, acked=acked, result={"id": name, "trigger": trigger,
                                                            "next_run_at": text_of(answer_us or at_us + every_us)}, **spec)
        self.database.execute("INSERT INTO jobs VALUES(?,?,1,'a',?,?)", (number, name, json.dumps(trigger), json.dumps(spec)))
        self.database.execute("INSERT INTO job_progress VALUES(?,?,?,NULL,0,NULL,NULL)", (number, state, next_us))

    def run(self, name, scheduled_us, claimed_us=None, state=SUCCEEDED, cause=BY_SCHEDULE, attempt=1, witness=True,
            result=None, witness_us=None, fence=None, finished_us=None, previous_us=..., events=None,
            args=None):
        number = self.numbers[name]
        claimed_us = scheduled_us + 1000 if claimed_us is None else claimed_us
        self.fence += 1
        previous = self.previous.get(name) if previous_us is ... else previous_us
        self.database.execute("INSERT INTO runs VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,?)", (
            scheduled_us, number, state, cause, attempt, fence or self.fence, previous, None, claimed_us, claimed_us + 100,
            finished_us or claimed_us + 5000, None if args is None else json.dumps(args), result, json.dumps(events) if events else None))
        self.previous[name] = scheduled_us
        if witness:
            self.ran(name, scheduled_us, attempt, witness_us or claimed_us + 200)

    def by_hand(self, name, at_us, acked=True, result=None, args=None, kept=..., **facts):
        """Somebody asks for a run, and it is made; `kept`: other arguments in the store than those."""
        asked = {} if args is None else {"args": args}
        self.operate("run_now", at_us, acked=acked, job=name, result=result or {"run": "%s@%s" % (name, text_of(at_us))},
                     **asked)
        self.run(name, at_us, claimed_us=at_us, cause=BY_HAND, args=args if kept is ... else kept, **facts)

    def ran(self, name, scheduled_us, attempt, at_us, **facts):
        self.lines.append({"is": "ran", "run": "%s@%s" % (name, text_of(scheduled_us)), "attempt": attempt, "at_us": at_us,
                           **facts})

    def attempt(self, name, scheduled_us, number, state, fence, witness=True):
        self.database.execute("INSERT INTO attempts VALUES(?,?,?,?,?,NULL,?,?,?,NULL,NULL)", (
            scheduled_us, self.numbers[name], number, state, fence, scheduled_us + 1000, scheduled_us + 1100,
            scheduled_us + 2000))
        if witness:
            self.ran(name, scheduled_us, number, scheduled_us + 1200)

    def wait(self, name, trigger, at_us=T0, **options):
        """A job that waits for events."""
        self.add(name, at_us=at_us, trigger=trigger, **options)

    def emit(self, at_us, acked=True, event="order", **data):
        """The event, as a run has it."""
        self.operate("emit", at_us, acked=acked, event=event, data=data)
        return {"event": event, "at": text_of(at_us), **data}

    def heard(self, name, at_us, *events, **facts):
        self.run(name, at_us, claimed_us=at_us, cause=BY_EVENT, events=list(events), **facts)

    def queue(self, name, *events):
        for number, event in enumerate(events):
            self.database.execute("INSERT INTO pending_events VALUES(?,?,?,?,?)", (
                self.numbers[name], number, us_of(event["at"]), us_of(event["at"]), json.dumps(event)))

    def skip(self, name, first_us, last_us, count, reason=0, recorded_us=None):
        self.database.execute("INSERT INTO skips(job, first_us, last_us, count, reason, recorded_us) VALUES(?,?,?,?,?,?)", (
            self.numbers[name], first_us, last_us, count, reason, recorded_us or last_us + MINUTE))

    def kinds(self):
        with tempfile.TemporaryDirectory() as folder:
            path, log = Path(folder) / "moonbeat.db", Path(folder) / "log"
            self.database.commit()
            copy = sqlite3.connect(path)
            self.database.backup(copy)
            copy.close()
            log.write_text("".join(json.dumps(line) + "\n" for line in self.lines) + '{"is": "cut o')
            self.verdict = judge(Store(folder), History([log]))
        return {one["kind"] for one in self.verdict.violations}


def at(minutes):
    return T0 + round(minutes * MINUTE)


def right(*steps_us):
    """A job of every minute with runs for 1, 2 and 4 minutes and one late fire; settled at 4.5 minutes. Its clock may
    have been set before."""
    story = Story()
    for step_us in steps_us:
        story.say("clock", at_us=T0 - 10 * MINUTE, step_us=step_us)
    story.say("daemon", what="started", at_us=T0 - SECOND)
    story.say("daemon", what="ready", at_us=T0 - SECOND // 2)
    story.add("tick", next_us=at(2))
    story.run("tick", at(1))
    story.run("tick", at(2))
    story.skip("tick", at(3), at(3), 1, recorded_us=at(4) + 1000)
    story.run("tick", at(4))
    story.say("settled", at_us=at(4) + 30 * SECOND)
    return story
