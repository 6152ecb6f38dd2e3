"""The clock is set under the daemon: from 1 ms to ten years both ways, in eight zones, over their changes and over
2038; the machine sleeps; the daemon stands still.

A cell is one trigger in one zone under one such event: a fixed time of day, one in the hour that is left out or shown
twice, a wildcard, an interval. The rule for all: no due time runs early by the wall clock or twice; those that were
missed become one run, of the latest, and one recorded skip; the next one is never derived from now. The checker's
oracle knows the due times. A cycle is four daemons at once, each with the cells of one zone and one event."""
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from clock import SECOND, Clock
from rig import text_of, wait_until

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
YEAR = 365 * DAY + DAY // 4
AT_ONCE = 4
LIVE_SECONDS = 1.2  # between two events: long enough for each second's fire
SOURCE = "function work() end\n"

# A zone, and what to be near: its next change of the clock that leaves time out or shows it twice; or a moment.
PLACES = [
    ("Europe/Berlin", "gap"),
    ("America/New_York", "overlap"),
    ("Australia/Lord_Howe", "gap"),     # half an hour
    ("Asia/Kathmandu", "2038-01-19T03:14:08+00:00"),
    ("UTC", "2038-01-19T03:14:08+00:00"),
    ("America/Santiago", "gap"),        # at midnight, southern
    ("Asia/Tokyo", "2028-02-29T00:00:00+09:00"),
    ("Antarctica/Troll", "overlap"),    # two hours
]
SPANS = {"1 ms": 1000, "1 s": SECOND, "1 min": MINUTE, "1 h": HOUR, "1 day": DAY, "1 year": YEAR, "10 years": 10 * YEAR}


def find_change(zone, kind):
    """The zone's first one of 2026, and how long the wall clock leaps: (microseconds, seconds)."""
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    while True:
        following = at + timedelta(minutes=30)
        leap = following.astimezone(zone).utcoffset() - at.astimezone(zone).utcoffset()
        if leap and (leap.total_seconds() > 0) == (kind == "gap"):
            return int(following.timestamp()) * SECOND, int(leap.total_seconds())
        at = following


class Place:
    """Where the cells of a daemon are: a zone, and the moment that the event is to meet."""

    def __init__(self, name, near):
        self.name, self.zone, self.leap = name, ZoneInfo(name), 0
        if near in ("gap", "overlap"):
            self.at_us, self.leap = find_change(self.zone, near)
        else:
            self.at_us = int(datetime.fromisoformat(near).timestamp()) * SECOND

    def _wall(self, us):
        """Seconds of the day, as the zone's clock shows them."""
        local = datetime.fromtimestamp(us // SECOND, self.zone)
        return (local.hour * 60 + local.minute) * 60 + local.second

    def _daily(self, wall):
        return "cron %d %d %d * * *" % (wall % 60, wall // 60 % 60, wall // 3600 % 24)

    def triggers(self, span_us):
        """By kind; the longer the event, the coarser, so that the oracle may step through all of it."""
        if span_us <= MINUTE:
            wildcard, every = "cron * * * * * *", "1s"
        elif span_us <= DAY:
            wildcard, every = "cron * * * * *", "7m"
        else:
            wildcard, every = "cron 0 */6 * * *", "5h"
        changed = self._wall(self.at_us - SECOND) + 1 + abs(self.leap) // 2 * (1 if self.leap > 0 else -1)
        return {
            "fixed": self._daily(self._wall(self.at_us + SECOND)),
            "changed": self._daily(changed),  # in the middle of what is left out, or comes twice
            "wildcard": wildcard,
            "interval": "every " + every,
        }


class Session:
    """One daemon that lives through one event."""

    def __init__(self, rig, place, event, span_us, name):
        self.rig, self.place, self.event, self.span_us = rig, place, event, span_us
        self.daemon = rig.daemon(name)
        self.is_fine, self.is_refused = True, False

    def live(self):
        self.rig.total["faults"] += 1
        self.event(self)

    def _begin(self, at_us):
        self.clock = Clock(self.rig, self.daemon, at_us)
        self.daemon.write("work", SOURCE, jobs=[])
        self.daemon.start()
        with self.daemon.client() as client:
            for kind, trigger in self.place.triggers(self.span_us).items():
                client.call("add_job", id=kind, func="work.work", trigger=trigger, timezone=self.place.name)
        time.sleep(LIVE_SECONDS)

    def _end(self):
        self.daemon.settle()
        if self.daemon.log.now_us() < self.place.at_us:
            return self._fail("the event never came")
        self.daemon.stop()
        self.is_fine &= self.rig.check(self.daemon)
        text = self.daemon.stderr.read_text()
        if ("the clock was set" in text) != self.is_told:
            self._fail("it says %sthat the clock was set" % ("" if "the clock was set" in text else "nothing of it "))

    def _fail(self, text):
        self.is_fine = False
        self.rig.violate("clock", "%s by %g s in %s: %s" % (
            self.event.__name__, self.span_us / SECOND, self.place.name, text))

    def forward(self):
        self.is_told = self.span_us >= SECOND
        self._begin(self.place.at_us - 2 * SECOND)
        self.clock.step(self.span_us)
        time.sleep(LIVE_SECONDS)
        self._end()

    def backward(self):
        """And on again: what is behind the cursor has run, what is before it runs once."""
        self.is_told = self.span_us >= SECOND
        self._begin(self.place.at_us - SECOND)
        self.clock.step(-self.span_us)
        time.sleep(LIVE_SECONDS)
        self._say_nothing_twice()
        self.clock.step(self.span_us + 2 * SECOND)
        time.sleep(LIVE_SECONDS)
        self.is_told = True
        self._end()

    def _say_nothing_twice(self):
        """While the clock is behind, only what lies before the cursor may be told as next."""
        with self.daemon.client(logged=False) as client:
            now_us = self.daemon.log.now_us()
            for job in client.pages("list", "jobs"):
                if job["last_run_at"] and job["next_run_at"] and job["next_run_at"] <= job["last_run_at"]:
                    self._fail("%s: at %s the next fire is %s, and %s has run" % (
                        job["id"], text_of(now_us), job["next_run_at"], job["last_run_at"]))

    def suspended(self):
        self.is_told = False
        self._begin(self.place.at_us - 2 * SECOND)
        self.clock.suspend(self.span_us)
        time.sleep(LIVE_SECONDS)
        self._end()

    def in_a_namespace(self):
        """The same on a machine whose other clocks are years ahead, where there are time namespaces."""
        words = ["unshare", "-T", "--monotonic", "630720000", "--boottime", "630720000"]
        if os.system(" ".join(words) + " true 2>/dev/null") == 0:
            self.daemon.wrap = words
        else:
            self.is_refused = True
        self.suspended()

    def stopped(self):
        self.is_told = False
        self._begin(self.place.at_us - 2 * SECOND)
        os.kill(self.daemon.process.pid, signal.SIGSTOP)
        time.sleep(self.span_us / SECOND)
        os.kill(self.daemon.process.pid, signal.SIGCONT)
        time.sleep(LIVE_SECONDS)
        self._end()


EVENTS = [(way, span) for span in SPANS.values() for way in (Session.forward, Session.backward)] + [
    (Session.suspended, 8 * HOUR), (Session.suspended, 3 * DAY), (Session.in_a_namespace, 8 * HOUR),
    (Session.stopped, 3 * SECOND)]


def cells(rig):
    """Of the short form a part, in which each zone and each event is."""
    places = [Place(*place) for place in PLACES]
    everything = [(place, *event) for place in places for event in EVENTS]
    if rig.long or rig.options.cycles:
        return everything
    first = rig.chance.randrange(len(places))
    return [(places[(first + number) % len(places)], *event) for number, event in enumerate(EVENTS)]


def campaign(rig):
    wanted, judged, refused = cells(rig), 0, 0
    batches = -(-len(wanted) // AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in rig.cycles(short=batches, long=batches):
            batch = wanted[(number - 1) * AT_ONCE:number * AT_ONCE]
            sessions = [Session(rig, *cell, "d%d-%d" % (number, at)) for at, cell in enumerate(batch)]
            list(pool.map(Session.live, sessions))
            for session in sessions:
                count = len(session.place.triggers(session.span_us))
                judged, refused = judged + count, refused + count * session.is_refused
                if session.is_fine:
                    rig.discard(session.daemon)
    if refused:
        rig.note("time namespaces are refused here (unshare -T): %d of the cells were a suspended machine and no more" % refused)
    rig.note("%d cells in %d zones" % (judged, len({place.name for place, *_ in wanted})))
