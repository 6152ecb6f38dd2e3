#!/usr/bin/env python3
"""Cases for interval, date, calendar_interval and daily_interval. Run: python3 tests/cases/gen_simple.py (see oracles.py)."""

from datetime import datetime, timedelta

import oracles
from writing import CHANGES, ZONES, Writer, epoch, local_text


def write_intervals():
    out = Writer("interval", [oracles.INTERVAL_TRIGGER])
    lengths = [{"seconds": 1}, {"seconds": 90}, {"minutes": 7}, {"hours": 1}, {"hours": 1, "minutes": 30}, {"days": 1},
               {"weeks": 1}, {"weeks": 2, "days": 3, "hours": 4, "minutes": 5, "seconds": 6}, {"hours": 25},
               {"days": 31}, {"seconds": 86399}, {"weeks": 52}]
    for i, length in enumerate(lengths):
        zone, start, note = CHANGES[i * 3 % len(CHANGES)]
        begin = local_text(zone, epoch(start))
        out.add("interval", {**length, "start_date": begin}, zone, start, 6, note)
        out.add("interval", {**length, "start_date": begin}, zone, epoch(start) - 40 * 86400, 3, "before the start")
        out.add("interval", {**length, "start_date": begin}, zone, epoch(start) + 123456789, 4, "long after the start")
        out.add("interval", length, zone, start, 3, "no start: from the moment asked on")
    for zone in ZONES[:12]:
        limits = {"start_date": "2026-03-01 08:00:00", "end_date": "2026-03-03 08:00:00"}
        out.add("interval", {"hours": 12, **limits}, zone, "2026-01-01T00:00", 9, "the end is inclusive")
        out.add("interval", {"hours": 13, **limits}, zone, "2026-03-02T00:00", 9, "the end is between two fires")
        out.add("interval", {"days": 1, "start_date": "1975-06-01 00:00:00"}, zone, "2100-02-28T00:00", 3)
    for _ in range(40):
        zone, length = out.random.choice(ZONES), {"minutes": out.random.randrange(1, 5000)}
        begin = out.random.randrange(157766400, 2000000000)
        out.add("interval", {**length, "start_date": local_text(zone, begin)}, zone,
                begin + out.random.randrange(-10 ** 6, 10 ** 8), 4)
    out.write()


def write_dates():
    out = Writer("date", [oracles.DATEUTIL_DATE])
    for zone, start, note in CHANGES:
        base = datetime.fromisoformat(local_text(zone, epoch(start))).replace(hour=0, minute=0)
        for day in (0, 1, 2):
            for time in ("00:10:00", "01:45:00", "02:15:30", "23:40:00"):
                hour, minute, second = map(int, time.split(":"))
                local = base + timedelta(days=day, hours=hour, minutes=minute, seconds=second)
                if out.random.random() < 0.4:
                    text = local.isoformat(sep=out.random.choice(" T"))
                    out.add("date", {"run_date": text}, zone, epoch(start) - 86400, 2, note)
    for zone, text, start in (("UTC", "2026-03-01", "2026-02-28T23:59"),
            ("Asia/Kathmandu", "2026-03-01", "1975-01-01T00:00"),
                              ("UTC", "2000-02-29 00:00:00", "2000-02-29T00:00"), ("UTC", "9999-12-31 23:59:59", 0),
                              ("Europe/Berlin", "2026-06-01 12:00:00", "2026-06-01T10:00"),
                              ("Europe/Berlin", "2026-06-01 12:00:00", "2026-06-01T09:59"),
                              ("Asia/Shanghai", "2100-02-28 23:59:59", "2099-01-01T00:00")):
        out.add("date", {"run_date": text}, zone, start, 3, "strictly after")
    out.write()


def write_calendar_intervals():
    out = Writer("calendar_interval", [oracles.DATEUTIL_CALENDAR, oracles.APSCHEDULER4_CALENDAR])
    counted = "all is added to the start, k times for the k-th date; APScheduler 4 steps from the date before"
    steps = [({"months": 1}, "2026-01-31"), ({"months": 1}, "2026-01-30"), ({"months": 3}, "2025-11-30"),
             ({"years": 1}, "2024-02-29"), ({"years": 1}, "2096-02-29"), ({"years": 4}, "1976-02-29"),
             ({"days": 1}, "2026-02-27"), ({"weeks": 2}, "2026-12-20"), ({"days": 45}, "1999-12-01"),
             ({"years": 1, "months": 6}, "2026-08-31"), ({"weeks": 1, "days": 1}, "2026-02-01"),
             ({"months": 1, "days": 3}, "2026-05-10"), ({"months": 12}, "2028-02-29"), ({"days": 7}, "2099-12-25"),
             ({"months": 2}, "2026-12-31"), ({"months": 5}, "1975-03-31")]
    for params, first in steps:
        for zone, time in (("UTC", {}), ("Europe/Berlin", {"hour": 9, "minute": 30}),
                           ("America/New_York", {"hour": 23, "minute": 59, "second": 59})):
            for start in (f"{first}T00:00", f"{int(first[:4]) + 3}{first[4:7]}-15T12:00"):
                case = {"params": params}
                out.add("calendar_interval", {**params, **time, "start_date": first}, zone, start, 6,
                        rule=None if oracles.is_one_unit(case) else counted)
    for zone, start, note in CHANGES:
        first = local_text(zone, epoch(start) - 86400)[:10]
        for params in ({"days": 1, "hour": 2, "minute": 30}, {"days": 1, "hour": 0},
                {"weeks": 1, "hour": 1, "minute": 45},
                       {"days": 2, "hour": 23, "minute": 45}):
            out.add("calendar_interval", {**params, "start_date": first}, zone, epoch(start) - 2 * 86400, 5, note)
    for gap, overlap in (("first", "second"), ("shift", "both"), ("skip", "second")):
        for zone, start, note in CHANGES[:14]:
            first = local_text(zone, epoch(start))[:10]
            out.add("calendar_interval", {"days": 1, "hour": 2, "minute": 30,
                    "start_date": first}, zone, start, 4, note,
                    dst={"gap": gap, "overlap": overlap})
    for last in ("2026-04-30", "2026-05-31", "2026-03-01"):
        out.add("calendar_interval", {"months": 1, "start_date": "2026-01-31", "end_date": last, "hour": 8},
                "Asia/Tehran", "2026-01-01T00:00", 9, "the end is inclusive")
    for params, first in (({"months": 1, "days": 1}, "2026-01-30"), ({"years": 1, "weeks": 1}, "2024-02-29")):
        for zone, start in (("UTC", f"{first}T00:00"), ("America/New_York", f"{int(first[:4]) + 3}-02-10T12:00")):
            out.add("calendar_interval", {**params, "hour": 6, "start_date": first}, zone, start, 6, rule=counted)
    out.write()


def write_daily_intervals():
    out = Writer("daily_interval", [oracles.QUARTZ_DAILY])
    shapes = [{"every": "72m", "start_time": "09:00", "end_time": "17:00", "weekdays": "mon-fri"},
              {"every": "30m", "start_time": "00:00", "end_time": "03:00"},
              {"every": "45m", "start_time": "22:15", "end_time": "23:59", "weekdays": "sat,sun"},
              {"every": "1440m", "start_time": "02:30", "end_time": "02:30"},
              {"every": "20m", "start_time": "01:00", "end_time": "04:00", "repeat": 4},
              {"every": "7m", "start_time": "12:00", "end_time": "12:35", "weekdays": "wed"}]
    for params in shapes:
        for start in ("2026-01-01T12:00", "2028-02-28T23:00", "1999-12-31T00:00"):
            out.add("daily_interval", params, "UTC", start, 10)
        for zone, start, note in out.random.sample(CHANGES, 12):
            out.add("daily_interval", params, zone, start, 14, note)
    for gap, overlap in (("first", "first"), ("shift", "second")):
        for zone, start, note in CHANGES[:10]:
            out.add("daily_interval", shapes[1], zone, start, 14, note, dst={"gap": gap, "overlap": overlap})
    out.write()


if __name__ == "__main__":
    write_intervals()
    write_dates()
    write_calendar_intervals()
    write_daily_intervals()
