#!/usr/bin/env python3
"""Cases for recurrence rules: the examples of RFC 5545, section 3.8.5.3, with the answers printed there, and random
rules. Run: NODE_PATH=... python3 tests/cases/gen_rrule.py (see oracles.py for its needs).
"""

from datetime import datetime, timedelta

import dateutil.rrule

import oracles
import reference
from writing import CHANGES, DST_RULES, ZONES, Writer, epoch

RFC = "RFC 5545, 3.8.5.3"
RFC_ZONE = "America/New_York"


def days(first, last):
    """`970902`, `970911`: each day between."""
    first, last = (datetime.strptime(text, "%y%m%d") for text in (first, last))
    return [(first + timedelta(days=i)).strftime("%y%m%d") for i in range((last - first).days + 1)]


def listed(text):
    """`97: 9/2 9/4, 98: 1/6` as days."""
    found = []
    for part in text.split(","):
        year, _, dates = part.strip().partition(": ")
        found += [f"{year}{int(date.split('/')[0]):02}{int(date.split('/')[1]):02}" for date in dates.split()]
    return found


EVERY_DAY = "SU,MO,TU,WE,TH,FR,SA"
JANUARIES = days("980101", "980131") + days("990101", "990131") + days("000101", "000131")
FIVE_WEEKS = "97: 9/2 9/4 9/9 9/11 9/16 9/18 9/23 9/25 9/30 10/2"

# What it says, DTSTART (at 09:00), the rule, the days printed (all at 09:00).
DAY_EXAMPLES = [
    ("daily for 10 occurrences", "970902", "FREQ=DAILY;COUNT=10", days("970902", "970911")),
    ("daily until December 24, 1997", "970902", "FREQ=DAILY;UNTIL=19971224T000000Z", days("970902", "971223")),
    ("every other day", "970902", "FREQ=DAILY;INTERVAL=2",
     listed("97: 9/2 9/4 9/6 9/8 9/10 9/12 9/14 9/16 9/18 9/20 9/22 9/24 9/26 9/28 9/30 10/2 10/4")),
    ("every 10 days, 5 occurrences", "970902", "FREQ=DAILY;INTERVAL=10;COUNT=5",
     listed("97: 9/2 9/12 9/22 10/2 10/12")),
    ("every day in January, for 3 years", "980101",
     f"FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY={EVERY_DAY}", JANUARIES),
    ("every day in January, for 3 years", "980101", "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1", JANUARIES),
    ("weekly for 10 occurrences", "970902", "FREQ=WEEKLY;COUNT=10",
     listed("97: 9/2 9/9 9/16 9/23 9/30 10/7 10/14 10/21 10/28 11/4")),
    ("weekly until December 24, 1997", "970902", "FREQ=WEEKLY;UNTIL=19971224T000000Z",
     listed("97: 9/2 9/9 9/16 9/23 9/30 10/7 10/14 10/21 10/28 11/4 11/11 11/18 11/25 12/2 12/9 12/16 12/23")),
    ("every other week", "970902", "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
     listed("97: 9/2 9/16 9/30 10/14 10/28 11/11 11/25 12/9 12/23, 98: 1/6 1/20 2/3 2/17")),
    ("Tuesday and Thursday for five weeks", "970902",
     "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", listed(FIVE_WEEKS)),
    ("Tuesday and Thursday for five weeks", "970902", "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", listed(FIVE_WEEKS)),
    ("every other week on Monday, Wednesday, Friday", "970901",
     "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
     listed("97: 9/1 9/3 9/5 9/15 9/17 9/19 9/29 10/1 10/3 10/13 10/15 10/17 10/27 10/29 10/31 11/10 11/12 11/14 "
            "11/24 11/26 11/28 12/8 12/10 12/12 12/22")),
    ("every other week on Tuesday and Thursday, 8 occurrences", "970902",
     "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", listed("97: 9/2 9/4 9/16 9/18 9/30 10/2 10/14 10/16")),
    ("monthly on the first Friday, 10 occurrences", "970905", "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
     listed("97: 9/5 10/3 11/7 12/5, 98: 1/2 2/6 3/6 4/3 5/1 6/5")),
    ("monthly on the first Friday until December 24, 1997", "970905",
     "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", listed("97: 9/5 10/3 11/7 12/5")),
    ("every other month on the first and last Sunday", "970907", "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
     listed("97: 9/7 9/28 11/2 11/30, 98: 1/4 1/25 3/1 3/29 5/3 5/31")),
    ("monthly on the second-to-last Monday", "970922", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
     listed("97: 9/22 10/20 11/17 12/22, 98: 1/19 2/16")),
    ("monthly on the third-to-the-last day", "970928", "FREQ=MONTHLY;BYMONTHDAY=-3",
     listed("97: 9/28 10/29 11/28 12/29, 98: 1/29 2/26")),
    ("monthly on the 2nd and 15th", "970902", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
     listed("97: 9/2 9/15 10/2 10/15 11/2 11/15 12/2 12/15, 98: 1/2 1/15")),
    ("monthly on the first and last day", "970930", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
     listed("97: 9/30 10/1 10/31 11/1 11/30 12/1 12/31, 98: 1/1 1/31 2/1")),
    ("every 18 months on the 10th to 15th", "970910",
     "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
     listed("97: 9/10 9/11 9/12 9/13 9/14 9/15, 99: 3/10 3/11 3/12 3/13")),
    ("every Tuesday, every other month", "970902", "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
     listed("97: 9/2 9/9 9/16 9/23 9/30 11/4 11/11 11/18 11/25, 98: 1/6 1/13 1/20 1/27 3/3 3/10 3/17 3/24 3/31")),
    ("yearly in June and July", "970610", "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
     listed("97: 6/10 7/10, 98: 6/10 7/10, 99: 6/10 7/10, 00: 6/10 7/10, 01: 6/10 7/10")),
    ("every other year in January, February, March", "970310", "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
     listed("97: 3/10, 99: 1/10 2/10 3/10, 01: 1/10 2/10 3/10, 03: 1/10 2/10 3/10")),
    ("every third year on the 1st, 100th and 200th day", "970101",
     "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
     listed("97: 1/1 4/10 7/19, 00: 1/1 4/9 7/18, 03: 1/1 4/10 7/19, 06: 1/1")),
    ("every 20th Monday of the year", "970519", "FREQ=YEARLY;BYDAY=20MO", listed("97: 5/19, 98: 5/18, 99: 5/17")),
    ("Monday of week number 20", "970512", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
     listed("97: 5/12, 98: 5/11, 99: 5/17")),
    ("every Thursday in March", "970313", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
     listed("97: 3/13 3/20 3/27, 98: 3/5 3/12 3/19 3/26, 99: 3/4 3/11 3/18 3/25")),
    ("every Thursday in June, July and August", "970605", "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
     listed("97: 6/5 6/12 6/19 6/26 7/3 7/10 7/17 7/24 7/31 8/7 8/14 8/21 8/28, "
            "98: 6/4 6/11 6/18 6/25 7/2 7/9 7/16 7/23 7/30 8/6 8/13 8/20 8/27, "
            "99: 6/3 6/10 6/17 6/24 7/1 7/8 7/15 7/22 7/29 8/5 8/12 8/19 8/26")),
    ("the first Saturday that follows the first Sunday", "970913",
     "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
     listed("97: 9/13 10/11 11/8 12/13, 98: 1/10 2/7 3/7 4/11 5/9 6/13")),
    ("U.S. presidential election day", "961105",
     "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", listed("96: 11/5, 00: 11/7, 04: 11/2")),
    ("the third of Tuesday, Wednesday, Thursday", "970904", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
     listed("97: 9/4 10/7 11/6")),
    ("the second-to-last weekday of the month", "970929", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
     listed("97: 9/29 10/30 11/27 12/30, 98: 1/29 2/26 3/30")),
    ("the start of the week counts: Monday", "970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
     listed("97: 8/5 8/10 8/19 8/24")),
    ("the start of the week counts: Sunday", "970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
     listed("97: 8/5 8/17 8/19 8/31")),
    ("an invalid date is ignored", "070115", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
     listed("07: 1/15 1/30 2/15 3/15 3/30")),
]

TWENTY_MINUTES = [f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 20, 40)]
HOURS = "9,10,11,12,13,14,15,16"

# The same with times of 2 September 1997.
TIME_EXAMPLES = [
    ("every 3 hours until 13:00 (its list, of 3, belongs to 17:00: erratum 3883)",
     "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000Z", ["09:00", "12:00"]),
    ("every 3 hours from 9:00 to 17:00", "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", ["09:00", "12:00", "15:00"]),
    ("every 15 minutes for 6 occurrences", "FREQ=MINUTELY;INTERVAL=15;COUNT=6",
     ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15"]),
    ("every hour and a half for 4 occurrences", "FREQ=MINUTELY;INTERVAL=90;COUNT=4", ["09:00", "10:30", "12:00",
    "13:30"]),
    ("every 20 minutes from 9:00 to 16:40 every day", f"FREQ=DAILY;BYHOUR={HOURS};BYMINUTE=0,20,40", TWENTY_MINUTES),
    ("every 20 minutes from 9:00 to 16:40 every day", f"FREQ=MINUTELY;INTERVAL=20;BYHOUR={HOURS}", TWENTY_MINUTES),
]


def instant(zone, text):
    return reference.resolve(reference.Zone(zone), datetime.strptime(text, "%y%m%dT%H:%M"),
                             {"gap": "shift", "overlap": "first"})[0]


def add_rfc_examples(out):
    def add(note, start, rule, texts, **more):
        fires = [instant(RFC_ZONE, text) for text in texts]
        params = {"dtstart": f"{datetime.strptime(start, '%y%m%d'):%Y%m%d}T090000", "rrule": rule, **more}
        is_finite = "COUNT" in rule or "UNTIL" in rule
        out.add("rrule", params, RFC_ZONE, instant(RFC_ZONE, f"{start}T09:00") - 1, len(fires) + is_finite, note,
                fires=fires, source=RFC)

    for note, start, rule, texts in DAY_EXAMPLES:
        add(note, start, rule, [f"{day}T09:00" for day in texts])
    for note, rule, texts in TIME_EXAMPLES:
        add(note, "970902", rule, [f"970902T{time}" for time in texts])
    add("every Friday the 13th; DTSTART is an instance that EXDATE removes", "970902",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        [f"{day}T09:00" for day in listed("98: 2/13 3/13 11/13, 99: 8/13, 00: 10/13")], exdate=["19970902T090000"])


def random_rule(random):
    def some(low, high, most=3):
        return ",".join(str(v) for v in sorted(random.sample(range(low, high + 1), random.randint(1, most))))

    def weekdays(nth=()):
        names = random.sample(["MO", "TU", "WE", "TH", "FR", "SA", "SU"], random.randint(1, 4))
        return ",".join(random.choice(nth) + name if nth else name for name in names)

    frequency = random.choice(["YEARLY", "YEARLY", "MONTHLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"])
    parts = {"FREQ": frequency}
    if random.random() < 0.6:
        parts["INTERVAL"] = random.randint(2, 4 if frequency in ("YEARLY", "HOURLY") else 7)
    shapes = {
        "YEARLY": [{"BYMONTH": some(1, 12)}, {"BYYEARDAY": random.choice(["1,-1", "60,366", "-10", "100,200,300"])},
                   {"BYDAY": weekdays(["1", "-1", "10", "53", "-52"])},
                   {"BYMONTH": some(1, 12), "BYDAY": weekdays(["2", "-1"])},
                   {"BYMONTH": some(1, 12), "BYMONTHDAY": "-1"},
                   {"BYWEEKNO": random.choice(["53", "1", "-1", "10,20"]), "BYDAY": weekdays()},
                   {"BYMONTHDAY": "13", "BYDAY": "FR"}, {"BYMONTH": "2", "BYMONTHDAY": "29"},
                   {"BYMONTH": some(1, 12), "BYDAY": weekdays(), "BYSETPOS": random.choice(["1,-1", "-2", "3"])}],
        "MONTHLY": [{}, {"BYMONTHDAY": random.choice(["-1", "31", "29,30", "1,15,-2"])},
                    {"BYDAY": weekdays(["1", "5", "-1"])},
                    {"BYDAY": weekdays(), "BYSETPOS": random.choice(["1", "-1", "2,-2"])},
                    {"BYDAY": weekdays(), "BYMONTHDAY": "1,2,3,4,5,6,7"}, {"BYMONTH": "1,4,7", "BYMONTHDAY": "31"}],
        "WEEKLY": [{}, {"BYDAY": weekdays()}, {"BYDAY": weekdays(), "WKST": random.choice(["SU", "WE"])},
                   {"BYDAY": "MO,WE,FR", "BYSETPOS": "-1"}, {"BYMONTH": some(1, 12), "BYDAY": weekdays()}],
        "DAILY": [{}, {"BYMONTH": some(1, 12)}, {"BYDAY": weekdays()},
                  {"BYHOUR": some(0, 23), "BYMINUTE": some(0, 59, 2)},
                  {"BYMONTHDAY": "1,-1"}, {"BYHOUR": "8,12,18", "BYSETPOS": "-1"}],
        "HOURLY": [{}, {"BYMINUTE": some(0, 59)}, {"BYDAY": weekdays()}, {"BYHOUR": some(0, 23, 6)}],
        "MINUTELY": [{}, {"BYHOUR": some(0, 23)}, {"BYSECOND": "0,30"}],
    }
    parts.update(random.choice(shapes[frequency]))
    return parts


def synchronized(parts, base):
    """DTSTART must be an instance of its own rule; else the set is not defined."""
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    for _ in range(3):
        try:
            first = next(iter(dateutil.rrule.rrulestr(text, dtstart=base)), None)
        except ValueError:  # such as hours that the interval never meets
            first = None
        if first is None or first == base:
            return text, first
        base = first
    return text, None


def add_random_rules(out, count):
    made = 0
    while made < count:
        random, zone = out.random, out.random.choice(ZONES)
        base = datetime(random.randint(1975, 2090), 1, 1, random.randint(0, 23), random.choice([0, 15, 30]))
        base += timedelta(days=random.randrange(365))
        text, first = synchronized(random_rule(random), base)
        if first is None:
            continue
        if random.random() < 0.3:
            text += f";COUNT={random.randint(1, 12)}"
        elif random.random() < 0.3:
            text += f";UNTIL={first + timedelta(days=random.randint(1, 900)):%Y%m%dT%H%M%S}"
        start = reference.seconds_of(first) - 2 * 86400
        if text.split(";")[0][5:] in ("YEARLY", "MONTHLY", "WEEKLY") and random.random() < 0.4:
            start += random.randint(0, 1500) * 86400
        rule = "ISO 8601: only years with a Thursday at either end have a week 53" if "BYWEEKNO=53" in text else None
        out.add("rrule", {"dtstart": f"{first:%Y%m%dT%H%M%S}", "rrule": text}, zone, start, 6, rule=rule)
        made += 1


def add_sets(out):
    rule = "FREQ=WEEKLY;COUNT=6"
    for zone in ("UTC", "Europe/Berlin", "America/Sao_Paulo"):
        for more in ({"exdate": ["20261013T093000", "20261027T093000"]},
                {"rdate": ["20261014T120000", "20270101T000000"]},
                     {"rdate": ["20261013T093000"]}, {"rdate": ["20261008T080000"], "exdate": ["20261006T093000"]},
                     {"exdate": "20261013T093000,20261020T093000"}, {"rdate": "20261013T100000,20261015T110000"}):
            out.add("rrule", {"dtstart": "20261006T093000", "rrule": rule, **more}, zone, "2026-10-01T00:00", 9,
                    "RDATE and EXDATE")
    out.add("rrule", {"dtstart": "20260105T080000", "rrule": "FREQ=YEARLY;BYWEEKNO=2,20"}, "UTC", "2026-01-01T00:00", 5,
            "weeks without a weekday: all their days")
    for rule in ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "FREQ=WEEKLY;BYDAY=TU;COUNT=3", "FREQ=MONTHLY;BYMONTHDAY=31"):
        out.add("rrule", {"dtstart": "20260105T080000", "rrule": rule}, "Europe/Dublin", "2026-01-01T00:00", 5,
                "DTSTART is not what the rule says, and no instance")
    for until in ("20261101T053000Z", "20261101T053001Z", "20261101T063000Z"):
        out.add("rrule", {"dtstart": "20261030T013000", "rrule": f"FREQ=DAILY;UNTIL={until}"}, "America/New_York",
                "2026-10-29T00:00", 9, "UNTIL in UTC beside an overlap")


def add_sets_without_rule(out):
    """DTSTART and RDATEs: no oracle is asked, since they cannot say it as a rule."""
    for zone in ("UTC", "America/New_York", "Pacific/Apia"):
        for more in ({"rdate": ["20111230T120000", "20120115T093000"]}, {"rdate": "20111229T093000"},
                     {"rdate": "20120101T000000,20111225T093000", "exdate": "20111229T093000"}):
            out.add("rrule", {"dtstart": "20111229T093000", **more}, zone, "2011-12-20T00:00", 5,
                    "RFC 5545, 3.8.5.2: a set of DTSTART and RDATEs")


def main():
    out = Writer("rrule", [oracles.DATEUTIL_RULE, oracles.NPM_RRULE], DST_RULES["rrule"])
    add_rfc_examples(out)
    add_random_rules(out, 320)
    add_sets(out)
    for zone, start, note in CHANGES:
        first = reference.Zone(zone).local_at(epoch(start)).date()
        for time in ("T023000", "T001500", "T014500"):
            for rule in ("FREQ=DAILY", "FREQ=DAILY;COUNT=3", "FREQ=HOURLY"):
                if out.random.random() < 0.35:
                    out.add("rrule", {"dtstart": f"{first:%Y%m%d}{time}", "rrule": rule}, zone,
                            epoch(start) - 2 * 86400, 40 if rule == "FREQ=HOURLY" else 5, note)
    add_sets_without_rule(out)
    out.write()


if __name__ == "__main__":
    main()
