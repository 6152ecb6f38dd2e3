#!/usr/bin/env python3
"""Cases for the tz database: every zone at 40 instants. Run: python3 tests/cases/gen_tz.py

Half of the instants lie on both sides of clock changes from 1975 to 2037, spread over the zone's history, the others on
a grid of winters and summers from 1975 to 2100. The answers are those of Python's zoneinfo and of glibc's localtime,
which must agree. The version of the database is noted in each line, because other versions have other answers.
"""

import os
import pathlib
import time
import zoneinfo

import reference
from writing import Writer, epoch

INSTANTS = 40
GRID = [epoch(f"{year}-{day}") for year in (1975, 1984, 1993, 2002, 2011, 2020, 2029, 2045, 2074, 2100)
        for day in ("01-15T12:00", "07-15T12:00")]


def database_version():
    first = pathlib.Path("/usr/share/zoneinfo/tzdata.zi").read_text().partition("\n")[0]
    return first.rpartition(" ")[2]


def by_glibc(zone, instants):
    os.environ["TZ"] = zone
    time.tzset()
    there = [time.localtime(at) for at in instants]
    return [[t.tm_gmtoff, bool(t.tm_isdst), t.tm_zone] for t in there]


def changes_of(zone):
    """The first seconds of new offsets or names, found by halving where the ends of a fortnight differ."""
    info, step, found = zone.info, 14 * 86400, []

    def state(at):
        case = {"params": {"zone": info.key, "at": [at]}}
        return reference.tz(case)[0]

    low, before = epoch("1975-01-01T00:00"), None
    while low < epoch("2037-12-01T00:00"):
        before, high = before or state(low), low + step
        after = state(high)
        if before != after:
            a, b = low, high
            while b - a > 1:
                middle = (a + b) // 2
                a, b = (middle, b) if state(middle) == before else (a, middle)
            found.append(b)
        low, before = high, after
    return found


def instants_of(zone):
    changes = changes_of(zone)
    wanted = (INSTANTS - len(GRID)) // 2
    chosen = [changes[i * len(changes) // wanted] for i in range(wanted)] if len(changes) > wanted else changes
    instants = {at - back for at in chosen for back in (0, 1)} | set(GRID)
    filler = epoch("1977-03-03T03:03")
    while len(instants) < INSTANTS:
        instants.add(filler)
        filler += 2 * 365 * 86400 + 40 * 86400
    return sorted(instants)


def main():
    out = Writer("tz")
    source = f"zoneinfo and glibc, tzdata {database_version()}"
    for name in sorted(zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}):
        if name.startswith(("posix/", "right/")):
            continue
        at = instants_of(reference.Zone(name))
        out.add("tz", {"zone": name, "at": at}, "UTC", 0, INSTANTS, fires=by_glibc(name, at), source=source)
    out.write()


if __name__ == "__main__":
    main()
