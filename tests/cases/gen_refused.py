#!/usr/bin/env python3
"""Malformed texts. Run: python3 tests/cases/gen_refused.py

In the tables a `^` stands before the place that the error must name: the wrong number, name or tail, the first letter
of a range that is wrong as a whole, or the place where something is missing. Texts that are wrong as a whole have none.
Words behind the text must occur in the message.
"""

import json

from writing import HERE, epoch

CRONTAB = [
    ("^61 * * * *", "minute 61 is over 59"), ("0 ^24 * * *", "hour 24 is over 23"), ("0 0 ^32 * *", "32"),
    ("0 0 ^0 * *", "0"), ("0 0 * ^13 *", "13"), ("0 0 * ^0 *", "0"), ("0 0 * * ^8", "8"), ("  ^61   * * * *", "61"),
    ("0,15,^60 * * * *", "60"), ("0 1-^25 * * *", "25"), ("*/^0 * * * *", "0"), ("0 */^0 * * *", "0"),
    ("5-20/^0 * * * *", "0"), ("0 0 */^0 * *", "0"), ("*/^60 * * * *", "60"), ("0 */^24 * * *", "24"),
    ("*/^ * * * *", None), ("*/^x * * * *", None), ("10-20/^15 * * * *", "15"), ("^30-10 * * * *", "backwards"),
    ("0 ^22-2 * * *", "backwards"), ("0 0 ^20-10 * *", "backwards"), ("0 0 * ^nov-feb *", "backwards"),
    ("0 0 * * ^5-1", "backwards"), ("0 0 * * ^mom", 'did you mean "mon"'), ("0 0 * ^jann *", 'did you mean "jan"'),
    ("0 0 * * mon-^fry", 'did you mean "fri"'), ("0 0 * * mon^#2", None), ("0 0 * * ^friL", None), ("0 0 ^L * *", None),
    ("0 0 15^W * *", None), ("0 0 ^? * *", None), ("0 0 1^st * *", None), ("^a * * * *", None), ("5^x * * * *", None),
    ("1-5^-7 * * * *", None), ("0 0 1,^,2 * *", None), ("0 0 ^,1 * *", None), ("0 0 1,^ * *", None),
    ("5-^ * * * *", None), ("^-5 * * * *", None), ("*^5 * * * *", None), ("*/5^/2 * * * *", None), ("**", None),
    ("1^.5 * * * *", None), ("0^x10 * * * *", None), ("^99999999999999999999 * * * *", None),
    ("0 0 * * mon-fri/2^x", None), ("0 0 * * *^x", None), ("* * * *^", "4 fields"), ("*^", "1 field"), ("^", None),
    ("0 0 30 2 *", "February has no day 30"), ("0 0 31 4 *", "April has no day 31"),
    ("0 0 31 2,4,6,9,11 *", "never fires"),
    ("^@dayly", 'did you mean "@daily"'), ("^@", None), ("^@reboot", None),
    ("CRON_TZ=^Europe/Berln 0 0 * * *", "Europe/Berlin"),
    ("CRON_TZ=^ 0 0 * * *", None), ("* * * * * ^*", "five"), ("0 0 * * * ^2026", "five"), ("0 0 * * 1 ^x", None),
    ("0\u20130 * * * *", None), ("*\u00a0* * * *", None),
]

QUARTZ = [
    ("0 0 12 * * ^*", "Quartz wants ? in day-of-month or day-of-week"),
    ("0 0 12 1 * ^MON", "Quartz wants ? in day-of-month or day-of-week"), ("0 0 12 ? * ^?", "?"),
    ("^60 0 0 1 * ?", "60"), ("0 ^60 0 1 * ?", "60"), ("0 0 ^24 1 * ?", "24"), ("0 0 0 ^32 * ?", "32"),
    ("0 0 0 ^0 * ?", "0"), ("0 0 0 1 ^13 ?", "13"), ("0 0 0 ? * ^8", "8"), ("0 0 0 ? * ^0", "0"),
    ("0 0 0 1 * ? ^1969", "1969"), ("0 0 0 1 * ? ^2030-2020", "backwards"), ("0 0 0 ^32W * ?", "32"),
    ("0 0 0 ^0W * ?", "0"), ("0 0 0 L-^31 * ?", "31"), ("0 0 0 L^X * ?", None), ("0 0 0 L-^ * ?", None),
    ("0 0 0 ? * 6#^6", "6"), ("0 0 0 ? * 6#^0", "0"), ("0 0 0 ? * 6#^", None), ("0 0 0 ? * ^8#1", "8"),
    ("0 ^? 12 1 * ?", "?"), ("^? 0 12 1 * ?", "?"), ("0 0 12 1 ^? ?", "?"), ("0 0/^60 12 1 * ?", "60"),
    ("0 */^0 12 1 * ?", "0"), ("0 0 12 ? ^JANN MON", "JAN"), ("0 0 12 ? * ^MOM", "mon"), ("0 0 12 ? * ^MONX", None),
    ("0 0 12 ?^5 * MON", None), ("0 0 12 ? *^", "5 fields"), ("0 0 12 1 * ? 2026 ^1", "8 fields"), ("^", None),
    ("0 0 12 1,^,2 * ?", None), ("0 0 12 30 2 ?", "February has no day 30"), ("0 0 12 31 4 ?", "April has no day 31"),
    ("0 0 12 ? * 6L^L", None), ("0 0 12 15W^W * ?", None),
]

FIELDS = [
    ("minute", "^60", "60"), ("hour", "^24", "24"), ("second", "^75", "75"), ("day", "^32", "32"), ("day", "^0", "0"),
    ("month", "^13", "13"), ("month", "^0", "0"), ("week", "^54", "54"), ("week", "^0", "0"),
    ("day_of_week", "^7", "7"),
    ("day_of_week", "^mom", "mon"), ("day_of_week", "^fri-mon", "backwards"), ("hour", "^22-2", "backwards"),
    ("minute", "*/^60", "60"), ("minute", "*/^0", "0"), ("minute", "10-20/^15", "15"), ("day", "^lastx", None),
    ("day", "2nd ^fryday", "fryday"), ("day_of_week", "mon-fri/2^x", None), ("day", "1,^,2", None), ("hour", "^", None),
    ("hour", "5^x", None), ("month", "^foo", None), ("month", "^febx", None), ("hour", "^?", None), ("day", "^L", None),
]

CALENDAR = [
    ("^25:00", "25"), ("10:^60", "60"), ("10:00:^60", "60"), ("*-^13-01", "13"), ("*-01-^32", "32"), ("*-01-^0", "0"),
    ("Mon 2026-^13-01", "13"), ("^Fri..Mon 9:00", "backwards"), ("^dayly", "daily"), ("^Mom 10:00", "mon"),
    ("10:00 ^Europe/Berln", "Europe/Berlin"), ("10:00:0/^0", "0"), ("*:0/^0", "0"),
    ("*-02-30", "February has no day 30"),
    ("*-04-31 10:00", "April has no day 31"), ("Mon 10:00 ^foo", "foo"), ("10:00 ^11:00", None), ("^", None),
    ("10:^", None), ("*-*-^", None), ("*-*-*^x", None), ("*:^*/15", None), ("^10..5:00", "backwards"),
    ("Mon..^ 10:00", None), ("Wed..Sat,Tue 12-10-15 1:2:3", "never fires"), ("*-*-*^-*", None),
]

RRULE = [
    ("FREQ=DAILY;COUNT=3;^COUNT=4", "COUNT"), ("FREQ=DAILY;^FREQ=DAILY", "FREQ"),
    ("FREQ=DAILY;BYDAY=MO;^BYDAY=TU", "BYDAY"),
    ("FREQ=DAILY;COUNT=3;^UNTIL=19980101T000000", "COUNT"), ("FREQ=DAILY;UNTIL=19980101T000000;^COUNT=3", "UNTIL"),
    ("FREQ=^DALY", "DAILY"), ("FREQ=^", None), ("FREQ=DAILY;INTERVAL=^0", "0"), ("FREQ=DAILY;INTERVAL=^-1", None),
    ("FREQ=DAILY;COUNT=^0", "0"), ("FREQ=DAILY;COUNT=^x", None), ("FREQ=DAILY;COUNT=^3x", None),
    ("FREQ=DAILY;UNTIL=^tomorrow", None), ("FREQ=DAILY;UNTIL=^19981301T000000", None), ("FREQ=DAILY;^BYFOO=1", None),
    ("FREQ=DAILY;^BYDYA=MO", "BYDAY"), ("FREQ=DAILY;BYHOUR=^24", "24"), ("FREQ=DAILY;BYMINUTE=^60", "60"),
    ("FREQ=DAILY;BYSECOND=^61", "61"), ("FREQ=MONTHLY;BYMONTHDAY=^32", "32"), ("FREQ=MONTHLY;BYMONTHDAY=^0", "0"),
    ("FREQ=MONTHLY;BYMONTHDAY=^-32", "32"), ("FREQ=YEARLY;BYYEARDAY=^367", "367"), ("FREQ=YEARLY;BYYEARDAY=^0", "0"),
    ("FREQ=YEARLY;BYWEEKNO=^54", "54"), ("FREQ=YEARLY;BYMONTH=^13", "13"), ("FREQ=YEARLY;BYMONTH=^0", "0"),
    ("FREQ=MONTHLY;BYDAY=^XX", None), ("FREQ=MONTHLY;BYDAY=^0MO", None), ("FREQ=YEARLY;BYDAY=^54MO", "54"),
    ("FREQ=DAILY;BYDAY=^1MO", None), ("FREQ=DAILY;^BYWEEKNO=2", "YEARLY"), ("FREQ=WEEKLY;^BYMONTHDAY=3", "WEEKLY"),
    ("FREQ=DAILY;^BYYEARDAY=3", None), ("FREQ=MONTHLY;^BYSETPOS=1", "BYSETPOS"),
    ("FREQ=DAILY;BYHOUR=1;BYSETPOS=^0", "0"),
    ("FREQ=DAILY;WKST=^XX", None), ("FREQ=DAILY;BYDAY=MO,^,TU", None), ("FREQ=DAILY;^;COUNT=3", None),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never fires"), ("^", None), ("FREQ=DAILY;BYHOUR=^1x", None),
]

OTHERS = [
    ("cron5", {}, "UTC", "expr"), ("cron5", {"expr": 5}, "UTC", None), ("cron5", {"expr": None}, "UTC", None),
    ("cron5", {"expr": "0 0 * * *", "foo": 1}, "UTC", "foo"), ("cron5",
    {"expr": "0 0 * * *"}, "Europe/Berln", "Europe/Berlin"),
    ("cron5", {"expr": "0 0 * * *"}, "Amercia/New_York", "America/New_York"), ("cron5",
    {"expr": "0 0 * * *"}, "../etc/passwd", None),
    ("cron_fields", {}, "UTC", None), ("cron_fields", {"hours": 5}, "UTC", "hour"),
    ("cron_fields", {"year": "*/4", "month": 2, "day": 29}, "UTC", "never fires"),
    ("cron_fields", {"month": 2, "day": 30}, "UTC", "never fires"), ("cron_fields", {"hour": 1.5}, "UTC", None),
    ("cron_fields", {"hour": 1, "start_date": "2026-02-30"}, "UTC", "February 2026 has no day 30"),
    ("cron_fields", {"hour": 1, "start_date": "2026-02-03", "end_date": "2026-02-01"}, "UTC", None),
    ("quartz", {}, "UTC", "expr"), ("quartz", {"expr": "0 0 0 1 * ?"}, "Mars/Olympus", "Mars/Olympus"),
    ("interval", {}, "UTC", None), ("interval", {"seconds": 0}, "UTC", None), ("interval",
    {"seconds": -5}, "UTC", "negative"),
    ("interval", {"second": 5}, "UTC", "seconds"), ("interval", {"seconds": "x"}, "UTC", None),
    ("interval", {"weeks": 99999999}, "UTC", None), ("interval", {"hours": 1, "start_date": "yesterday"}, "UTC", None),
    ("interval", {"seconds": 5, "start_date": "2026-01-02", "end_date": "2026-01-01"}, "UTC", "before"),
    ("date", {}, "UTC", "run_date"), ("date", {"run_date": "2026-02-30 00:00:00"}, "UTC",
    "February 2026 has no day 30"),
    ("date", {"run_date": "2026-02-03 24:00:01"}, "UTC", "24"), ("date", {"run_date": "2026-13-03"}, "UTC", "13"),
    ("date", {"run_date": "2026-02-03 12:00:00 x"}, "UTC", None), ("date", {"run_date": ""}, "UTC", None),
    ("date", {"run_date": "2025-02-29"}, "UTC", "February 2025 has no day 29"),
    ("calendar_interval", {"start_date": "2026-01-01"}, "UTC", None),
    ("calendar_interval", {"days": 1, "hour": 24, "start_date": "2026-01-01"}, "UTC", "24"),
    ("calendar_interval", {"days": 1, "minute": 60, "start_date": "2026-01-01"}, "UTC", "60"),
    ("calendar_interval", {"days": -1, "start_date": "2026-01-01"}, "UTC", "-1"),
    ("calendar_interval", {"days": 1, "start_date": "2026-02-30"}, "UTC", "February 2026 has no day 30"),
    ("calendar_interval", {"days": 1, "start_date": "2026-02-03", "end_date": "2026-02-01"}, "UTC", None),
    ("calendar_interval", {"day": 1, "start_date": "2026-01-01"}, "UTC", "days"),
    ("rrule", {"dtstart": "19970902T090000"}, "UTC", "rrule"),
    ("rrule", {"dtstart": "19971302T090000", "rrule": "FREQ=DAILY"}, "UTC", None),
    ("rrule", {"dtstart": "19970902T250000", "rrule": "FREQ=DAILY"}, "UTC", None),
    ("rrule", {"dtstart": "19970902T090000", "rrule": "FREQ=DAILY", "exdate": ["tomorrow"]}, "UTC", None),
    ("rrule", {"dtstart": "19970902T090000", "rrule": "FREQ=DAILY", "rdate": [5]}, "UTC", None),
    ("oncalendar", {}, "UTC", "expr"), ("frob", {}, "UTC", "frob"), ("tz",
    {"zone": "Mars/Olympus", "at": [0]}, "UTC", "Mars/Olympus"),
    ("tz", {"zone": "UTC"}, "UTC", "at"), ("tz", {"zone": "UTC", "at": ["x"]}, "UTC", None),
]


def texts():
    for kind, table in (("cron5", CRONTAB), ("quartz", QUARTZ), ("oncalendar", CALENDAR)):
        for text, says in table:
            yield kind, "expr", text, {}, says
    for name, text, says in FIELDS:
        yield "cron_fields", name, text, {}, says
    for text, says in RRULE:
        yield "rrule", "rrule", text, {"dtstart": "19970902T090000"}, says


def main():
    cases = []

    def add(kind, params, tz, error, says):
        case = {"id": f"refused-{len(cases) + 1}", "kind": kind, "params": params, "tz": tz,
                "start_epoch": epoch("2026-01-01T00:00"), "k": 1, "error": error, "source": "by hand"}
        cases.append({**case, "says": says} if says else case)

    for kind, name, text, more, says in texts():
        column = text.find("^") + 1
        add(kind, {**more, name: text.replace("^", "")}, "UTC", {"column": column} if column else True, says)
    for kind, params, tz, says in OTHERS:
        add(kind, params, tz, True, says)
    with open(HERE / "refused.jsonl", "w") as out:
        for case in cases:
            out.write(json.dumps(case, separators=(",", ":")) + "\n")
    print(f"refused: {len(cases)} cases")


if __name__ == "__main__":
    main()
