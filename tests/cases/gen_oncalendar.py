#!/usr/bin/env python3
"""Cases for systemd's calendar expressions. Run: python3 tests/cases/gen_oncalendar.py (see oracles.py)."""

import oracles
from writing import CHANGES, ZONES, Writer

EXPRESSIONS = [
    "minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually",
    "Sat,Thu,Mon..Wed,Sat..Sun", "Mon,Sun 12-*-* 2,1:23", "Wed *-1", "Wed..Wed,Wed *-1", "Wed, 17:48",
    "Wed..Sat,Tue 29-10-16 1:2:3", "*-*-7 0:0:0", "10-15", "monday *-12-* 17:00", "Mon,Fri *-*-3,1,2 *:30:45",
    "12,14,13,12:20,10,30", "12..14:10,20,30", "mon,fri *-1/2-1,3 *:30:45", "03-05 08:05:40", "08:05:40", "05:40",
    "Sat,Sun 12-05 08:05:40", "Sat,Sun 08:05:40", "2027-03-05 08:05:40", "2026..2028-*-01", "11-05 08:05:40",
    "*:0/15", "*-*-1/2 10:00", "*-*~1 23:00", "Mon *-05~07/1", "*-02~03 12:00", "*-*~5/2 06:00", "*-*~01,03",
    "Mon..Fri *-*-* 09..17:00", "Fri *-*-13", "*-02-29 00:00:00", "*-*-31 12:00", "*-06..08-01 00:00",
    "*:*:0/20", "00/6:30", "*-*-01..07 04:05:06", "Sun *-*-22..28 02:00", "2028-02-29", "*-1,7-1 0:0:30/10",
    "2099-12-31 23:59:59", "*-*-* 00..02/2:15:00", "tue *-*-8..14", "*-12-24..26 18:30",
]

NEAR_CHANGES = ["02:30", "*:0/20", "1..3:0/20", "hourly", "daily", "0..4:15", "01:45:30", "Sun 03:00", "*-*-* *:10:00",
                "23:30", "00:05"]


def main():
    out = Writer("oncalendar", [oracles.SYSTEMD])

    def add(expression, *rest, **more):
        out.add("oncalendar", {"expr": expression}, *rest, **more)

    for expression in EXPRESSIONS:
        for zone, start in (("UTC", "2026-01-01T00:00"), ("Europe/Berlin", "2026-05-31T21:59"),
                            ("America/New_York", "2023-12-30T06:00")):
            add(expression, zone, start, 5)
    for zone in ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"):
        add(f"Mon..Fri 09:30 {zone}", "Asia/Tokyo", "2026-03-06T00:00", 4, "the zone in the expression wins")
        add(f"*-*-01 00:00:00 {zone}", "America/Havana", "2026-01-31T12:00", 4, "the zone in the expression wins")
    for zone, start, note in CHANGES:
        for expression in out.random.sample(NEAR_CHANGES, 4):
            add(expression, zone, start, 6, note)
    for _ in range(60):
        weekday = out.random.choice(["", "", "Mon..Thu ", "Sat,Sun ", "Fri "])
        day = out.random.choice(["*", "*", "1/3", "~1", "~3/1", "5..9", "10,20,30"])
        month = out.random.choice(["*", "*", "*", "2", "3..5", "1/4"])
        date = f"*-{month}{day}" if day[0] == "~" else f"*-{month}-{day}"
        time = out.random.choice(["{h}:{m}", "{h}:{m}:30", "{h},23:{m}", "0/8:{m}", "{h}:0/17"])
        add(f"{weekday}{date} {time.format(h=out.random.randrange(23), m=out.random.randrange(60))}",
            out.random.choice(ZONES), out.random.randrange(631152000, 4102444800), 5)
    for gap, overlap in (("skip", "both"), ("shift", "second"), ("first", "second")):
        for zone, start, note in CHANGES[:8]:
            add("1..2:0/30", zone, start, 8, note, dst={"gap": gap, "overlap": overlap})
    out.write()


if __name__ == "__main__":
    main()
