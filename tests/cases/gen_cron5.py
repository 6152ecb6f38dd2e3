#!/usr/bin/env python3
"""Cases for crontab expressions. Run: NODE_PATH=... python3 tests/cases/gen_cron5.py (see oracles.py for its needs)."""

import oracles
from writing import CHANGES, ZONES, Writer

COMMON = ["* * * * *", "*/5 * * * *", "*/7 * * * *", "1-59/2 * * * *", "0 * * * *", "30 * * * *", "5,20,35,50 * * * *",
          "0 */2 * * *", "0 */6 * * *", "23 0-20/2 * * *", "0 0 * * *", "15 1 * * *", "30 2 * * *", "0 9 * * 1-5",
          "0 9-17 * * mon-fri", "*/15 8-18 * * 1-5", "0 0 * * 0", "0 0 * * 7", "0 0 1 * *", "0 0 31 * *", "0 12 29 2 *",
          "0 0 1 1 *", "0 0 1 */3 *", "0 0 1,15 * *", "0 4 8-14 * *", "45 23 * * sat", "0 22 * * sun-thu",
          "10/20 6/6 * * *", "0 0 28-31 * *", "59 23 31 12 *", "0 0 30 4,6,9,11 *", "7 7 7 7 *", "0 0 * jan,jul tue",
          "0 0 * 2 1", "*/59 * * * *", "0 0 1-7 * *", "0 0-23/5 * * *", "0,30 2 * * *", "5-10,50-55 3 * * *"]

# Local times that clocks of the zones in CHANGES skip or repeat, and others beside them.
NEAR_CHANGES = ["30 2 * * *", "0 2 * * *", "0 3 * * *", "30 1 * * *", "15 0 * * *", "45 23 * * *", "0 0 * * *",
                "*/10 * * * *", "*/20 1-3 * * *", "0 * * * *", "15 */1 * * *", "0,20,40 1-3 * * *", "0/15 2 * * *",
                "5 0-4 * * *", "30 0-3 * * *", "59 1,2,23 * * *", "* 2 * * *", "*/30 2 * * *", "10 * * * *",
                "3-59/14 0,1,2,3 * * *"]

EITHER = ["0 0 13 * 5", "0 12 1,15 * mon", "30 6 1-7 * sun", "0 0 31 * 1", "0 8 29 2 wed", "0 0 1 1 sat,sun",
          "0 0 10-20/5 6 2-4", "15 3 2-30/7 * 0-6/3"]
STAR = ["0 0 */2 * 1", "0 0 */10 * fri", "0 12 */5 2 tue", "0 0 13 * */2", "0 0 1-7 * */6", "0 0 */31 * *",
        "0 0 * * */3"]

SECONDS = ["*/10 * * * * *", "0 30 2 * * *", "30 0 0 1 * *", "15,45 */30 * * * *", "0 0 12 * * mon",
           "5/20 59 23 31 12 *", "0-58/29 0 0 * * 0", "59 59 1 * * *", "*/30 30 2 * * *", "1 2 3 4 5 *"]


def random_field(random, low, high, stars=0.4):
    kind = random.random()
    if kind < stars:
        return "*"
    if kind < stars + 0.12:
        return f"*/{random.randint(2, (high - low) // 2)}"
    first = random.randint(low, high)
    if kind < stars + 0.4:
        return str(first)
    last = random.randint(first, high)
    if kind < stars + 0.5 and last - first >= 2:
        return f"{first}-{last}/{random.randint(2, last - first)}"
    if kind < stars + 0.6 and last > first:
        return f"{first}-{last}"
    return ",".join(str(v) for v in sorted(random.sample(range(low, high + 1), random.randint(2, 4))))


def random_expression(random):
    minute, hour = random_field(random, 0, 59, 0.15), random_field(random, 0, 23, 0.3)
    month = random_field(random, 1, 12, 0.7)
    if random.random() < 0.5:
        day, weekday = random_field(random, 1, 28, 0.5), "*"
    else:
        day, weekday = "*", random_field(random, 0, 6, 0.3)
    return f"{minute} {hour} {day} {month} {weekday}"


def main():
    out = Writer("cron5", [oracles.CRONITER, oracles.NODE_CRON])

    def add(expression, *rest, **more):
        out.add("cron5", {"expr": expression}, *rest, **more)

    for expression in COMMON:
        add(expression, "UTC", "2026-01-01T00:00", 6)
        add(expression, "America/New_York", "2026-02-27T12:34", 6)
        add(expression, "Asia/Shanghai", "1999-12-30T23:59", 5)
    for zone, start, note in CHANGES:
        for expression in out.random.sample(NEAR_CHANGES, 11):
            add(expression, zone, start, 12 if "*/" in expression or expression[0] == "*" else 5, note)
    vixie = "Vixie: both day fields restricted means either"
    star = "Vixie: a day field that begins with * is unrestricted, so both must match"
    for expressions, rule in ((EITHER, vixie), (STAR, star)):
        for expression in expressions:
            for zone, start in (("UTC", "2026-01-01T00:00"), ("Europe/Berlin", "2023-12-25T10:00"),
                                ("America/Sao_Paulo", "2018-10-20T00:00")):
                add(expression, zone, start, 8, rule=rule)
    for year in (1896, 1900, 1975, 1996, 1999, 2000, 2001, 2027, 2099, 2100):
        for expression in ("0 0 29 2 *", "0 0 28-31 2 *", "0 12 31 * *", "30 6 29 2 1", "0 0 1 3 *", "1 0 * 2 sun"):
            rule = vixie if expression.endswith(" 1") else None
            add(expression, "UTC", f"{year}-01-15T00:00", 5, "leap years and month ends", rule=rule)
    for expression in ("0 0 29 2 */7", "30 12 29 2 */5", "0 0 31 12 */6", "15 15 13 */2 */5", "0 0 */31 1 */4"):
        add(expression, "Europe/Berlin", "1990-01-01T00:00", 4, "rare days", rule=star)
    for expression in SECONDS:
        for zone, start in (("UTC", "2026-12-31T23:58"), ("Europe/Berlin", "2026-03-28T23:59"),
                            ("America/New_York", "2026-11-01T04:55")):
            out.add("cron", {"expression": expression}, zone, start, 6, "seconds first")
    for macro in ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"):
        for zone, start in (("UTC", "2026-01-01T00:00"), ("America/Havana", "2026-03-07T20:00"),
                            ("America/Sao_Paulo", "2018-02-17T20:00")):
            add(macro, zone, start, 5)
    for zone in ("Asia/Tokyo", "Europe/Berlin", "America/New_York"):
        add(f"CRON_TZ={zone} 30 2 * * *", "UTC", "2026-03-07T00:00", 4, "the zone in the expression wins")
    for _ in range(330):
        start = out.random.randrange(157766400, 4102444800)
        add(random_expression(out.random), out.random.choice(ZONES), start, out.random.choice((3, 5, 8)))
    for gap in ("first", "skip", "shift"):
        for overlap in ("first", "second", "both"):
            for expression in ("30 2 * * *", "15 1,2,3 * * *", "*/30 2 * * *", "0 0 * * *"):
                for zone, start, note in (CHANGES[0], CHANGES[1], CHANGES[6], CHANGES[7], CHANGES[12], CHANGES[17]):
                    if out.random.random() < 0.5:
                        add(expression, zone, start, 5, note, dst={"gap": gap, "overlap": overlap})
    for zone, start in (("UTC", 253370764800), ("America/New_York", 253370764800)):
        add("0 12 * * 1", zone, start, 3, "the year 9999", rule="the calendar ends with the year 9999")
    out.write()


if __name__ == "__main__":
    main()
