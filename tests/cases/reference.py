#!/usr/bin/env python3
"""The rules of moonbeat's triggers in their plainest form, as a second opinion.

    python3 tests/cases/reference.py < lines.jsonl > answers.jsonl

reads and writes what `moonbeat next --batch` reads and writes. It goes through the days one by one,
asks of each whether it is scheduled, and looks up with Python's zoneinfo which instants show the
local times of that day. No arithmetic is saved, so that there is little to get wrong. It knows
well-formed lines only, and needs nothing but Python 3.9 and the system's tz database.
"""

import calendar
import itertools
import json
import sys
import zoneinfo
from datetime import date, datetime, timedelta, timezone

import reference_fields as fields
import reference_rrule as rrule

EPOCH = datetime(1970, 1, 1)
LONG_GAP_S = 3 * 3600
SEARCH_YEARS = 410  # after which Gregorian dates, weekdays and leap years have all repeated
CRON_RULES = {"gap": "first", "overlap": "first"}


# ---- from wall clocks to instants ----


class Zone:
    def __init__(self, name):
        self.info = zoneinfo.ZoneInfo(name)

    def offset_at(self, instant):
        there = (EPOCH + timedelta(seconds=instant)).replace(tzinfo=timezone.utc).astimezone(self.info)
        return int(there.utcoffset().total_seconds())

    def local_at(self, instant):
        return EPOCH + timedelta(seconds=instant + self.offset_at(instant))

    def instants_of(self, local):
        """The instants whose wall clock shows `local`: none in a gap, two in an overlap."""
        found = set()
        for fold in (0, 1):
            offset = int(local.replace(tzinfo=self.info, fold=fold).utcoffset().total_seconds())
            instant = seconds_of(local) - offset
            if self.offset_at(instant) == offset:
                found.add(instant)
        return sorted(found)

    def gap_of(self, local):
        """Of a local time that does not occur: the first instant after the gap, the offsets before and after."""
        before, after = (int(local.replace(tzinfo=self.info, fold=fold).utcoffset().total_seconds())
                         for fold in (0, 1))
        low, high = seconds_of(local) - after, seconds_of(local) - before
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.offset_at(middle) == before else (low, middle)
        return high, before, after


def seconds_of(local):
    return (local - EPOCH) // timedelta(seconds=1)


def resolve(zone, local, rules):
    """The instants at which a local time fires."""
    instants = zone.instants_of(local)
    if instants:
        return {"first": instants[:1], "second": instants[-1:], "both": instants}[rules["overlap"]]
    end, before, after = zone.gap_of(local)
    if rules["gap"] == "shift":
        return [seconds_of(local) - before]
    if rules["gap"] == "first" and after - before < LONG_GAP_S:
        return [end]
    return []


def in_order(dated_instants, start, k):
    """The first `k` instants after `start`. They come day by day, sorted only roughly; what lies two days back is
    final."""
    waiting, fires = set(), []
    for day, instant in dated_instants:
        if instant is not None and instant > start:
            waiting.add(instant)
        final = seconds_of(datetime(day.year, day.month, day.day)) - 2 * 86400
        if waiting and min(waiting) < final:
            fires += sorted(i for i in waiting if i < final)
            waiting = {i for i in waiting if i >= final}
        if len(fires) >= k:
            return fires[:k]
    return (fires + sorted(waiting))[:k]


def days_from(zone, start, last_year=9999):
    try:
        day = zone.local_at(start).date() - timedelta(days=2)
    except OverflowError:
        day = date.min
    last_year = min(last_year, day.year + SEARCH_YEARS)
    while day.year <= last_year:
        yield day
        if day == date.max:
            return
        day += timedelta(days=1)


def dated(zone, days, has_day, times, rules):
    for day in days:
        if has_day(day):
            for time in times:
                local = datetime(day.year, day.month, day.day) + timedelta(seconds=time)
                for instant in resolve(zone, local, rules):
                    yield day, instant
        yield day, None


def scan_seconds(zone, schedule, start, k):
    """A schedule of many times a day that goes by elapsed time: each second is asked."""
    times, fires, instant = set(schedule.times), [], start
    while len(fires) < k:
        instant += 1
        local = zone.local_at(instant)
        if schedule.has_day(local.date()) and local.hour * 3600 + local.minute * 60 + local.second in times:
            fires.append(instant)
    return fires


def fires_of_schedule(schedule, zone, case):
    """Of what says days and times of day (see reference_fields.Schedule)."""
    start, k = case["start_epoch"], case["k"]
    first, last = window(zone, case["params"])
    after = max(start, first - 1) if first is not None else start
    rules = {**CRON_RULES, **case.get("dst", {})}
    if schedule.is_wildcard:
        rules = {"gap": "skip", "overlap": "both"}
        if len(schedule.times) > 2000:
            return scan_seconds(zone, schedule, after, k)
    days = days_from(zone, after, schedule.last_year)
    return until(in_order(dated(zone, days, schedule.has_day, schedule.times, rules), after, k), last)


# ---- dates as people write them ----


def read_local(text):
    return datetime.fromisoformat(text.replace("T", " "))


def read_instant(zone, text):
    """A local time, in a gap by the offset before it (RFC 5545, 3.3.5), in an overlap the first; or with an offset."""
    local = read_local(text)
    if local.tzinfo:
        return int(local.timestamp())
    return resolve(zone, local, {"gap": "shift", "overlap": "first"})[0]


def window(zone, params):
    first, last = (params.get(name) for name in ("start_date", "end_date"))
    return (first and read_instant(zone, first)), (last and read_instant(zone, last))


def until(fires, last):
    return [fire for fire in fires if last is None or fire <= last]


# ---- the kinds ----


def cron(case):
    """cron5's `expr` has five fields; the `expression` of moonbeat's own cron may have seconds in front."""
    params = case["params"]
    text, zone_name = fields.split_zone(params.get("expr") or params["expression"], case["tz"])
    return fires_of_schedule(fields.read_crontab(text), Zone(zone_name), case)


def cron_fields(case):
    return fires_of_schedule(fields.read_keywords(case["params"]), Zone(case["tz"]), case)


def quartz(case):
    return fires_of_schedule(fields.read_quartz(case["params"]["expr"]), Zone(case["tz"]), case)


def oncalendar(case):
    schedule, zone_name = fields.read_oncalendar(case["params"]["expr"], case["tz"])
    return fires_of_schedule(schedule, Zone(zone_name), case)


def interval(case):
    params, start = case["params"], case["start_epoch"]
    first, last = window(Zone(case["tz"]), params)
    units = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
    every = sum(params.get(name, 0) * length for name, length in units.items())
    origin = start + every if first is None else first
    index = max(0, (start - origin) // every + 1)
    return until([origin + (index + i) * every for i in range(case["k"])], last)


def at_date(case):
    instant = read_instant(Zone(case["tz"]), case["params"]["run_date"])
    return [instant] if instant > case["start_epoch"] else []


def calendar_dates(params):
    """The start and k times the years and months, passing over months without its day, then k times the rest."""
    start = date.fromisoformat(params["start_date"])
    step = timedelta(weeks=params.get("weeks", 0), days=params.get("days", 0))
    for k in itertools.count():
        months = start.month - 1 + k * params.get("months", 0)
        year, month = start.year + k * params.get("years", 0) + months // 12, months % 12 + 1
        try:
            if start.day <= calendar.monthrange(year, month)[1]:
                yield date(year, month, start.day) + k * step
        except (ValueError, OverflowError):
            return  # behind the year 9999


def calendar_interval(case):
    params, zone = case["params"], Zone(case["tz"])
    time = timedelta(hours=params.get("hour", 0), minutes=params.get("minute", 0), seconds=params.get("second", 0))
    last = date.fromisoformat(params["end_date"]) if "end_date" in params else date.max
    rules = {"gap": "skip", "overlap": "first", **case.get("dst", {})}
    fires = []
    for day in calendar_dates(params):
        if day > last or len(fires) >= case["k"]:
            break
        local = datetime(day.year, day.month, day.day) + time
        fires += [i for i in resolve(zone, local, rules) if i > case["start_epoch"] and i not in fires[-2:]]
    return fires[:case["k"]]


def daily_interval(case):
    """Every so many minutes between two times of day, each day anew; by elapsed time where clocks change."""
    params = case["params"]
    first, last = (int(text[:2]) * 3600 + int(text[3:]) * 60 for text in (params["start_time"], params["end_time"]))
    times = list(range(first, last + 1, int(params["every"].rstrip("m")) * 60))[:params.get("repeat")]
    weekdays = fields.weekdays_test(params.get("weekdays", "mon..sun").replace("-", ".."))
    schedule = fields.Schedule(lambda day: day.weekday() in weekdays, ([0], [0], times), "*")
    if "dst" in case:
        schedule.is_wildcard = False
    return fires_of_schedule(schedule, Zone(case["tz"]), case)


def recurrence(case):
    zone = Zone(case["tz"])
    rules = {"gap": "shift", "overlap": "first", **case.get("dst", {})}
    instances = rrule.instances(case["params"], zone, resolve)
    dated_instants = ((local.date(), i) for local in instances for i in resolve(zone, local, rules))
    return in_order(dated_instants, case["start_epoch"], case["k"])


def tz(case):
    info = zoneinfo.ZoneInfo(case["params"]["zone"])
    answers = []
    for at in case["params"]["at"]:
        there = datetime.fromtimestamp(at, info)
        answers.append([int(there.utcoffset().total_seconds()), bool(there.dst()), there.tzname()])
    return answers


KINDS = {"cron5": cron, "cron": cron, "cron_fields": cron_fields, "quartz": quartz, "oncalendar": oncalendar,
         "interval": interval, "date": at_date, "calendar_interval": calendar_interval,
         "daily_interval": daily_interval,
         "rrule": recurrence, "tz": tz}


def fires_of(case):
    return KINDS[case["kind"]](case)


def main():
    for line in sys.stdin:
        case = json.loads(line)
        answer = {"id": case["id"]}
        try:
            answer["fires"] = fires_of(case)
        except zoneinfo.ZoneInfoNotFoundError:
            answer["unknown_zone"] = True
        print(json.dumps(answer, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
