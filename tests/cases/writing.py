"""Makes files of cases: completes each with the reference's answer, asks the oracles, and says who agrees.

A line is a request of `moonbeat next --batch` and beside it
    fires     what is expected
    source    who says so: "reference" and every oracle with the same answer
    oracles   those with another answer, and theirs (null: refuses it)
    rule      why ours stands where they differ
    note      what the case is about
A difference that no rule of ours explains stops the generator, to be looked into by a person.
"""

import json
import pathlib
import random
import sys
from datetime import datetime, timezone

import reference

HERE = pathlib.Path(__file__).parent

# Zones with odd rules, and years in which they show.
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Europe/Dublin", "Africa/Casablanca",
         "Pacific/Apia", "Antarctica/Troll", "Asia/Kathmandu", "America/Sao_Paulo", "Asia/Tehran", "Asia/Shanghai",
         "America/St_Johns", "Pacific/Chatham", "Asia/Kolkata", "Europe/London", "Africa/Cairo", "America/Havana",
         "Asia/Beirut", "Asia/Gaza", "America/Scoresbysund", "Pacific/Easter", "Asia/Pyongyang", "America/Caracas",
         "Europe/Istanbul", "Asia/Manila", "Pacific/Kiritimati", "America/Argentina/Buenos_Aires"]

# Around clock changes: zone, UTC instant shortly before, what happens.
CHANGES = [
    ("America/New_York", "2026-03-08T00:00", "gap 02:00-03:00"),
    ("America/New_York", "2026-10-31T20:00", "overlap 01:00-02:00"),
    ("America/New_York", "1987-04-04T20:00", "gap on the first Sunday of April"),
    ("Europe/Berlin", "2026-03-28T12:00", "gap 02:00-03:00"),
    ("Europe/Berlin", "2026-10-24T12:00", "overlap 02:00-03:00"),
    ("Europe/Berlin", "1980-04-05T12:00", "the first DST after the war"),
    ("Australia/Lord_Howe", "2026-04-04T00:00", "overlap of half an hour 01:30-02:00"),
    ("Australia/Lord_Howe", "2026-10-02T20:00", "gap of half an hour 02:00-02:30"),
    ("Europe/Dublin", "2026-03-28T12:00", "gap 01:00-02:00, winter time is the DST"),
    ("Europe/Dublin", "2026-10-24T12:00", "overlap 01:00-02:00, negative DST begins"),
    ("Africa/Casablanca", "2026-02-14T12:00", "overlap: Ramadan begins"),
    ("Africa/Casablanca", "2026-03-21T12:00", "gap: Ramadan ends"),
    ("Pacific/Apia", "2011-12-28T12:00", "30 December does not occur"),
    ("Pacific/Apia", "2012-03-31T00:00", "overlap 03:00-04:00"),
    ("Antarctica/Troll", "2026-03-28T12:00", "gap of two hours 01:00-03:00"),
    ("Antarctica/Troll", "2026-10-24T12:00", "overlap of two hours 01:00-03:00"),
    ("Asia/Kathmandu", "1985-12-31T12:00", "gap of a quarter of an hour after midnight"),
    ("America/Sao_Paulo", "2018-11-03T12:00", "gap at midnight"),
    ("America/Sao_Paulo", "2018-02-17T12:00", "overlap before midnight"),
    ("Asia/Tehran", "2022-03-21T00:00", "gap at midnight"),
    ("Asia/Tehran", "2022-09-21T00:00", "overlap before midnight"),
    ("Asia/Shanghai", "1991-04-13T00:00", "gap of 1991"),
    ("America/St_Johns", "2010-03-13T12:00", "gap at 00:01"),
    ("America/St_Johns", "2010-11-06T12:00", "overlap at 00:01"),
    ("Pacific/Chatham", "2026-09-26T00:00", "gap 02:45-03:45"),
    ("Pacific/Chatham", "2026-04-04T00:00", "overlap 02:45-03:45"),
    ("Africa/Cairo", "2010-08-10T00:00", "overlap for Ramadan"),
    ("America/Havana", "2026-03-07T12:00", "gap at midnight"),
    ("America/Havana", "2026-10-31T12:00", "overlap 00:00-01:00"),
    ("Asia/Pyongyang", "2018-05-04T00:00", "gap of half an hour before midnight, for good"),
    ("Asia/Pyongyang", "2015-08-14T00:00", "overlap of half an hour, for good"),
    ("America/Caracas", "2016-04-30T12:00", "gap of half an hour 02:30-03:00"),
    ("America/Caracas", "2007-12-08T12:00", "overlap of half an hour"),
    ("Pacific/Kiritimati", "1994-12-30T00:00", "31 December 1994 does not occur"),
    ("Europe/London", "2026-03-28T12:00", "gap 01:00-02:00"),
    ("Europe/London", "2026-10-24T12:00", "overlap 01:00-02:00"),
    ("America/Scoresbysund", "2024-03-30T00:00", "zone and DST change at once, no change of the clock"),
    ("Europe/Istanbul", "2016-03-26T12:00", "the last gap"),
    ("Asia/Manila", "1978-03-21T00:00", "gap at midnight"),
]

DST_RULES = {
    "crontab": "cronie: fixed times in a gap under three hours fire once at its end, twice-occurring ones at the "
               "first; wildcard ones go by elapsed time",
    "rrule": "RFC 5545, 3.3.5: in a gap by the offset before it, in an overlap the first",
}


def epoch(text):
    """Of a UTC time, `2026-03-08T00:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


def local_text(zone, instant):
    return reference.Zone(zone).local_at(instant).isoformat(sep=" ")


def differ_by_change(case, fires):
    """Whether another answer differs from ours only within a day or so of where the clock changes."""
    ours = case["fires"]
    if not ours or not fires:
        return False
    end = min(ours[-1], fires[-1]) if len(ours) == len(fires) == case["k"] else max(ours[-1], fires[-1])
    zone, day = reference.Zone(case["tz"]), 26 * 3600
    others = [i for i in set(ours) ^ set(fires) if i <= end]
    return bool(others) and all(zone.offset_at(i - day) != zone.offset_at(i + day) for i in others)


def crosses_change(case, fires):
    """Whether the clock changes between the start and the last fire."""
    first, last = case["start_epoch"] - 86400, max([*fires, *case["fires"], case["start_epoch"]]) + 86400
    zone, step = reference.Zone(case["tz"]), max(86400, (last - first) // 2000)
    return len({zone.offset_at(at) for at in range(first, last, step)}) > 1


# Who steps from its last fire and loses its way where the clock changes, far beyond that day.
STRAYS = {"croniter": "croniter strays at clock changes: it repeats instants, goes back or is an hour off from then on",
          "apscheduler": "APScheduler 3 strays at clock changes: it stays at an instant that occurs twice"}


class Writer:
    def __init__(self, name, oracles=(), dst_rule=DST_RULES["crontab"]):
        self.name, self.oracles, self.dst_rule = name, oracles, dst_rule
        self.cases, self.unexplained = [], 0
        self.random = random.Random(name)

    def add(self, kind, params, tz, start, k, note=None, rule=None, fires=None, source=None, dst=None):
        """`start`: epoch seconds or a UTC time as text. `fires` and `source` only where they come from elsewhere than
        the reference, which must agree."""
        case = {"id": f"{self.name}-{len(self.cases) + 1}", "kind": kind, "params": params, "tz": tz,
                "start_epoch": epoch(start) if isinstance(start, str) else start, "k": k}
        if dst:
            case["dst"] = dst
        case["fires"] = reference.fires_of(case)
        if fires is not None and fires != case["fires"]:
            print(f"the reference differs from {source}: {case}, not {fires}", file=sys.stderr)
            self.unexplained += 1
        case["source"] = f"{source}, reference" if source else "reference"
        if rule:
            case["rule"] = rule
        if note:
            case["note"] = note
        self.cases.append(case)

    def write(self):
        for oracle in self.oracles:
            for case, answers in zip(self.cases, oracle(self.cases)):
                if "dst" in case:
                    continue  # nobody else has such options
                for name, fires in answers.items():
                    self.compare(case, name, fires)
        with open(HERE / f"{self.name}.jsonl", "w") as out:
            for case in self.cases:
                out.write(json.dumps(case, separators=(",", ":")) + "\n")
        print(f"{self.name}: {len(self.cases)} cases, {sum('oracles' in c for c in self.cases)} with dissenters, "
              f"{self.unexplained} unexplained")
        if self.unexplained:
            sys.exit(1)

    def compare(self, case, name, fires):
        if fires == case["fires"]:
            case["source"] += f", {name}"
            return
        case.setdefault("oracles", {})[name] = fires
        if "rule" not in case and fires is not None and differ_by_change(case, fires):
            case["rule"] = self.dst_rule
        stray = STRAYS.get(name.split()[0])
        if "rule" not in case and fires and stray and crosses_change(case, fires):
            case["rule"] = stray
        if "rule" not in case and fires is not None:
            print(f"{name} differs: {json.dumps(case)}", file=sys.stderr)
            self.unexplained += 1
