"""RFC 5545's recurrence rules by brute force: of each period all days, of each day all times, and what the BY parts
leave of them. Used by reference.py; takes well-formed rules only.
"""

import heapq
import itertools
import re
from datetime import date, datetime, timedelta

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
SUB_DAILY = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
LAST_YEAR = 2200
DAY = timedelta(days=1)


def read_time(text):
    return datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")


def read_rule(text):
    parts = dict(part.split("=") for part in text.split(";"))
    rule = {"FREQ": parts["FREQ"], "INTERVAL": int(parts.get("INTERVAL", 1)), "WKST": parts.get("WKST", "MO"),
            "COUNT": int(parts["COUNT"]) if "COUNT" in parts else None, "UNTIL": parts.get("UNTIL")}
    for name in ("BYSECOND", "BYMINUTE", "BYHOUR", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS"):
        rule[name] = [int(value) for value in parts[name].split(",")] if name in parts else None
    rule["BYDAY"] = None
    if "BYDAY" in parts:
        matches = [re.fullmatch(r"([+-]?\d+)?(\w\w)", item) for item in parts["BYDAY"].split(",")]
        rule["BYDAY"] = [(int(m[1] or 0), WEEKDAYS.index(m[2])) for m in matches]
    return rule


# ---- which days ----


def week_of(day, wkst):
    """The number of the week around a day and how many its year has; week 1 is the first with four days in the year."""
    start = day - timedelta(days=(day.weekday() - wkst) % 7)
    year = (start + timedelta(days=3)).year
    first = date(year, 1, 4) - timedelta(days=(date(year, 1, 4).weekday() - wkst) % 7)
    after = date(year + 1, 1, 4) - timedelta(days=(date(year + 1, 1, 4).weekday() - wkst) % 7)
    return (start - first).days // 7 + 1, (after - first).days // 7


def position(index, size):
    """Of the element `index` (from 0) among `size`: its numbers from the front and from the back."""
    return index + 1, index - size


def is_by_day(rule, day):
    by_year = rule["FREQ"] == "YEARLY" and not rule["BYMONTH"]
    if by_year:
        first, last = date(day.year, 1, 1), date(day.year, 12, 31)
    else:
        first = day.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - DAY
    front, back = (day - first).days // 7 + 1, -((last - day).days // 7 + 1)
    return any(weekday == day.weekday() and nth in (0, front, back) for nth, weekday in rule["BYDAY"])


def has_day(rule, day, start):
    """Whether the BY parts of days, completed from DTSTART, leave a day."""
    year_size = date(day.year, 12, 31).timetuple().tm_yday
    month_size = ((day.replace(day=1) + timedelta(days=31)).replace(day=1) - day.replace(day=1)).days
    yday = day.timetuple().tm_yday
    if rule["BYMONTH"] and day.month not in rule["BYMONTH"]:
        return False
    if rule["BYWEEKNO"]:
        week, weeks = week_of(day, WEEKDAYS.index(rule["WKST"]))
        if not set(position(week - 1, weeks)) & set(rule["BYWEEKNO"]):
            return False
    if rule["BYYEARDAY"] and not set(position(yday - 1, year_size)) & set(rule["BYYEARDAY"]):
        return False
    if rule["BYMONTHDAY"] and not set(position(day.day - 1, month_size)) & set(rule["BYMONTHDAY"]):
        return False
    if rule["BYDAY"] and not is_by_day(rule, day):
        return False
    if rule["BYDAY"] or rule["BYMONTHDAY"] or rule["BYYEARDAY"] or rule["BYWEEKNO"]:
        return True
    if rule["FREQ"] == "WEEKLY":
        return day.weekday() == start.weekday()
    if rule["FREQ"] == "YEARLY":
        return day.day == start.day and (bool(rule["BYMONTH"]) or day.month == start.month)
    if rule["FREQ"] == "MONTHLY":
        return day.day == start.day
    return True


# ---- periods ----


def coarse_periods(rule, start):
    """The days of each year, month, week or day that INTERVAL leaves."""
    step = rule["INTERVAL"]
    if rule["FREQ"] == "YEARLY":
        for year in range(start.year, LAST_YEAR, step):
            first, after = date(year, 1, 1), date(year + 1, 1, 1)
            yield [first + i * DAY for i in range((after - first).days)]
    elif rule["FREQ"] == "MONTHLY":
        for index in itertools.count(start.year * 12 + start.month - 1, step):
            if index // 12 >= LAST_YEAR:
                return
            first = date(index // 12, index % 12 + 1, 1)
            after = (first + timedelta(days=31)).replace(day=1)
            yield [first + i * DAY for i in range((after - first).days)]
    else:
        size = 7 if rule["FREQ"] == "WEEKLY" else 1
        first = start.date()
        if size == 7:
            first -= timedelta(days=(first.weekday() - WEEKDAYS.index(rule["WKST"])) % 7)
        while first.year < LAST_YEAR:
            yield [first + i * DAY for i in range(size)]
            first += size * step * DAY


def times_of(rule, start):
    """Hours, minutes and seconds: those of the rule, of DTSTART, or all where the frequency is as fine."""
    level = {"HOURLY": 1, "MINUTELY": 2, "SECONDLY": 3}.get(rule["FREQ"], 0)
    hours = rule["BYHOUR"] or (range(24) if level >= 1 else [start.hour])
    minutes = rule["BYMINUTE"] or (range(60) if level >= 2 else [start.minute])
    seconds = rule["BYSECOND"] or (range(60) if level >= 3 else [start.second])
    return sorted(timedelta(hours=h, minutes=m, seconds=s) for h in hours for m in minutes for s in seconds)


def fine_periods(rule, start):
    """Of hours, minutes or seconds: the instances of each that INTERVAL leaves."""
    unit, times, day = SUB_DAILY[rule["FREQ"]], times_of(rule, start), start.date()
    origin = int((start - datetime(1, 1, 1)).total_seconds()) // unit
    while day.year < LAST_YEAR:
        if has_day(rule, day, start):
            midnight = datetime(day.year, day.month, day.day)
            locals_ = (midnight + time for time in times)
            for index, group in itertools.groupby(
                    locals_, key=lambda t: int((t - datetime(1, 1, 1)).total_seconds()) // unit):
                if (index - origin) % rule["INTERVAL"] == 0:
                    yield list(group)
        day += DAY


def periods(rule, start):
    if rule["FREQ"] in SUB_DAILY:
        yield from fine_periods(rule, start)
        return
    times = times_of(rule, start)
    for days in coarse_periods(rule, start):
        yield [datetime(d.year, d.month, d.day) + time for d in days if has_day(rule, d, start) for time in times]


def rule_instances(text, start, is_over):
    rule, count = read_rule(text), 0
    for period in periods(rule, start):
        if rule["BYSETPOS"]:
            size = len(period)
            period = [t for i, t in enumerate(period) if set(position(i, size)) & set(rule["BYSETPOS"])]
        for local in period:
            if local < start:
                continue
            if is_over(local) or (rule["COUNT"] is not None and count == rule["COUNT"]):
                return
            count += 1
            yield local
        if rule["COUNT"] is not None and count == rule["COUNT"]:
            return


def as_list(value):
    return value.split(",") if isinstance(value, str) else value or []


def instances(params, zone, resolve):
    """The local times of the whole set in order. DTSTART is one of them only if the rule says so, as in other programs;
    UNTIL in UTC is compared as an instant."""
    start, rule = read_time(params["dtstart"]), params.get("rrule")
    streams = [[] if rule else [start], sorted(read_time(t) for t in as_list(params.get("rdate")))]
    if rule:
        until = read_rule(rule)["UNTIL"]

        def is_over(local):
            if until is None:
                return False
            if until.endswith("Z"):
                instant = resolve(zone, local, {"gap": "shift", "overlap": "first"})[0]
                return datetime(1970, 1, 1) + timedelta(seconds=instant) > read_time(until)
            return local > read_time(until)

        streams.append(rule_instances(rule, start, is_over))
    excluded = {read_time(t) for t in as_list(params.get("exdate"))}
    previous = None
    for local in heapq.merge(*streams):
        if local != previous and local not in excluded:
            yield local
        previous = local
