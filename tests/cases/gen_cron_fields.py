#!/usr/bin/env python3
"""Cases for APScheduler's cron fields. Run: python3 tests/cases/gen_cron_fields.py (see oracles.py for its needs)."""

import oracles
from writing import CHANGES, ZONES, Writer

SETS = [
    {"hour": 9}, {"minute": "*/10"}, {"second": "*/15"}, {"day": "last", "hour": 23, "minute": 59},
    {"day": "1st mon"}, {"day": "2nd fri", "hour": "8-10"}, {"day": "3rd wed,last sun", "hour": 1},
    {"day": "last sun", "hour": 2, "minute": 30}, {"day": "5th sat", "hour": 12}, {"day": "1,15,last"},
    {"week": 53}, {"week": "1", "day_of_week": "mon", "hour": 6}, {"week": "*/13", "day_of_week": 0}, {"week": "53,1"},
    {"day_of_week": "mon-fri", "hour": 9, "minute": 30}, {"day_of_week": "sun"}, {"day_of_week": 6, "hour": 3},
    {"day_of_week": "0,2,4", "hour": "*/6"}, {"day_of_week": "*/2", "hour": 0}, {"month": "jan-mar", "day": 31},
    {"month": "*/5"}, {"month": "6-8,11-12", "day": "3rd tue", "hour": 0},
    {"year": "2024/4", "month": 2, "day": 29}, {"year": "*/3"}, {"year": "*/2", "month": "6"},
    {"year": "2027-2030", "month": 5}, {"year": 2026, "month": 12, "day": 31},
    {"year": "2026,2028", "day": "last"}, {"month": 2, "day": "last", "hour": 12}, {"day": "*/10", "hour": 4},
    {"day": "10-20/5", "day_of_week": "mon,tue"}, {"day": "13", "day_of_week": "fri", "hour": 13},
    {"hour": "0-23/7", "minute": "5-59/25"}, {"minute": 30, "second": "10,50"}, {"day": "28-31", "hour": 22},
    {"month": "feb,jul", "day": "last fri", "hour": 18, "minute": 45, "second": 5}, {"day": 31, "hour": 7},
    {"year": "2099", "month": "2", "day": "last"}, {"week": "10-12/2", "hour": 15}, {"second": 30}, {"month": 10},
]

NEAR_CHANGES = [{"hour": 2, "minute": 30}, {"hour": "1-3", "minute": "0,20,40"}, {"minute": "*/20"}, {"hour": "*/1"},
                {"hour": 0}, {"hour": "0-4", "minute": 15}, {"minute": 45}, {"hour": 23, "minute": "30-59/15"}]

WINDOWS = [{"start_date": "2026-03-10 09:00:00"}, {"start_date": "2026-01-20", "end_date": "2026-03-31 23:59:59"},
           {"end_date": "2026-01-05 12:00:00"}, {"start_date": "2026-02-01 00:00:00",
           "end_date": "2026-02-03 00:00:00"}]


def main():
    out = Writer("cron_fields", [oracles.CRON_TRIGGER])
    for params in SETS:
        for zone, start, k in (("UTC", "2026-01-01T00:00", 6), ("America/New_York", "2023-10-20T17:01", 5),
                               ("Asia/Kathmandu", "1985-06-01T00:00", 4), ("Europe/Berlin", "2096-02-01T00:00", 4)):
            out.add("cron_fields", params, zone, start, k)
    for zone, start, note in CHANGES:
        for params in out.random.sample(NEAR_CHANGES, 3):
            out.add("cron_fields", params, zone, start, 8, note)
    for limits in WINDOWS:
        for params in ({"hour": 0}, {"hour": "9,21"}, {"day": "*/7"}, {"minute": 0, "hour": "*/8"}):
            for zone in ("UTC", "Australia/Lord_Howe"):
                out.add("cron_fields", {**params, **limits}, zone, "2026-01-01T00:00", 6)
    for _ in range(60):
        params = {"hour": out.random.choice([out.random.randrange(24), "*/5", "3-20/4", "6,18"]),
                  "minute": str(out.random.randrange(60))}
        name = out.random.choice(["day", "day_of_week", "week", "month"])
        params[name] = {"day": out.random.choice(["last", "1st sun", "4th thu", "5-25/10", "29"]),
                        "day_of_week": out.random.choice(["sat,sun", "tue-thu", "1", "0-6/3"]),
                        "week": out.random.randrange(1, 54), "month": out.random.choice(["*/4", "apr", "3-9/3"])}[name]
        out.add("cron_fields", params, out.random.choice(ZONES), out.random.randrange(157766400, 4102444800), 4)
    for gap, overlap in (("skip", "first"), ("first", "both"), ("shift", "second")):
        for zone, start, note in CHANGES[:8]:
            out.add("cron_fields", {"hour": "1-3", "minute": "15,45"}, zone, start, 8, note,
                    dst={"gap": gap, "overlap": overlap})
    out.write()


if __name__ == "__main__":
    main()
