#!/usr/bin/env python3
"""Cases for Quartz expressions. Run: python3 tests/cases/gen_quartz.py (see oracles.py for its needs)."""

import oracles
from writing import CHANGES, ZONES, Writer

EXPRESSIONS = [
    "0 0 12 * * ?", "0 15 10 ? * *", "0 15 10 * * ?", "0 15 10 * * ? *", "0 15 10 * * ? 2027", "0 * 14 * * ?",
    "0 0/5 14 * * ?", "0 0/5 14,18 * * ?", "0 0-5 14 * * ?", "0 10,44 14 ? 3 WED", "0 15 10 ? * MON-FRI",
    "0 15 10 15 * ?", "0 15 10 L * ?", "0 15 10 L-2 * ?", "0 15 10 ? * 6L", "0 15 10 ? * 6L 2026-2029",
    "0 15 10 ? * 6#3", "0 0 12 1/5 * ?", "0 11 11 11 11 ?", "0 0 0 LW * ?", "0 0 0 L-3W * ?", "0 0 0 15W * ?",
    "0 0 0 1W * ?", "0 30 8 28W * ?", "0 0 6 ? * SAT,SUN", "0 0 6 ? * L", "0 0 6 ? * FRI-MON", "0 0 6 ? * 6-2",
    "0 0 22-4 * * ?", "0 50-10 3 * * ?", "0 0 0 25-5 * ?", "0 0 0 1 NOV-FEB ?", "0 0 0 1 10-3/2 ?", "50-10/7 0 0 * * ?",
    "0 0 0 29 2 ?", "0 0 0 29 2 ? 2028-2100/4", "0 0 0 31 * ?", "0 0 0 30W 4,6,9,11 ?", "0 0 0 31W 1,3,5 ?",
    "0 0 12 ? * FRI#5", "0 0 12 ? * MON#1", "0 0 12 ? * 1#2", "0 0 12 ? JAN,JUN SUNL", "0 0 12 ? * 7L",
    "0 0 12 L 2 ?", "0 0 12 L-27 * ?", "0 0 12 ? 2 2#5", "*/20 * * * * ?", "0/20 30 12 * * ?", "5 4 3 2 1 ? 2027/3",
    "0 0 8 ? * 2/2", "0 0 0 1 */4 ?", "0 0 0 1 2/5 ?", "30 45 23 31 12 ?", "0 0 9-17/4 ? * TUE-THU",
    "0 0 0 ? 12 MON-FRI", "0 0/45 * * * ?", "0 5/20 1/6 * * ?", "10,20,30 0 0 1 1 ?", "0 0 0 1,15,20-22 * ?",
    "0 0 0 L-1 * ?", "0 0 0 L-1W 1-6 ?", "0 0 10 ? * THU#4 2026", "0 0 10 ? 11 5#4", "0 0 0 1 1 ? */3",
    "0 0 6 15 * ? 2027-2033/3",
]

NEAR_CHANGES = ["0 30 2 * * ?", "0 */20 * * * ?", "0 0/20 1-3 * * ?", "0 0 * * * ?", "0 0 0 * * ?", "0 15 0-4 * * ?",
                "0 45 1 ? * *", "0 0 3 ? * SUN", "30 59 1,2 * * ?", "0 10 */1 * * ?"]


def main():
    out = Writer("quartz", [oracles.QUARTZ])

    def add(expression, *rest, **more):
        out.add("quartz", {"expr": expression}, *rest, **more)

    for expression in EXPRESSIONS:
        for zone, start in (("UTC", "2026-01-01T00:00"), ("Europe/Berlin", "2026-05-31T22:00"),
                            ("America/New_York", "2024-12-24T18:00"), ("Asia/Tehran", "2028-02-20T00:00"),
                            ("UTC", "2098-11-30T00:00"), ("Asia/Shanghai", "1999-12-01T00:00")):
            rule = "ours looks farther than Quartz's hundred years" if expression.endswith("2 2#5") else None
            add(expression, zone, start, 5, rule=rule)
    for zone, start, note in CHANGES:
        for expression in out.random.sample(NEAR_CHANGES, 4):
            add(expression, zone, start, 7, note)
    for _ in range(60):
        hour, minute = out.random.randrange(24), out.random.randrange(60)
        day = out.random.choice(["L", "LW", "L-5", "12W", "3W", "22-3", "7/9", "1-31/6", "2,4,28"])
        weekday = out.random.choice(["MON#2", "4L", "SAT-TUE", "2-6", "WED,SUN", "7#4"])
        month = out.random.choice(["*", "*", "*/3", "OCT-APR", "2", "5,8"])
        both = (day, "?") if out.random.random() < 0.5 else ("?", weekday)
        add(f"{out.random.randrange(60)} {minute} {hour} {both[0]} {month} {both[1]}", out.random.choice(ZONES),
            out.random.randrange(157766400, 4102444800), 5)
    for gap, overlap in (("skip", "both"), ("shift", "second"), ("first", "second")):
        for zone, start, note in CHANGES[:10]:
            add("0 0/30 1-2 * * ?", zone, start, 8, note, dst={"gap": gap, "overlap": overlap})
    out.write()


if __name__ == "__main__":
    main()
