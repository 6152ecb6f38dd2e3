"""What the cron-like texts mean: which days, which times of day, and whether they go by elapsed time.

Used by reference.py. The readers take well-formed texts only.
"""

import calendar
import re
from datetime import date

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "mon tue wed thu fri sat sun".split()
MACROS = {"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
          "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}


class Schedule:
    """`times` are seconds of the day; `is_wildcard`: the text of a time field begins with `*`."""

    def __init__(self, has_day, clock, clock_texts, last_year=9999):
        hours, minutes, seconds = clock
        self.has_day = has_day
        self.times = sorted(h * 3600 + m * 60 + s for h in hours for m in minutes for s in seconds)
        self.is_wildcard = any(text.startswith("*") for text in clock_texts)
        self.last_year = last_year


def days_in(day):
    return calendar.monthrange(day.year, day.month)[1]


def days_left(day):
    return days_in(day) - day.day


def is_nth_weekday(day, nth):
    """The nth of its weekday in the month; "last" too."""
    return days_left(day) < 7 if nth == "last" else (day.day - 1) // 7 + 1 == nth


def number(text, names, first):
    """Names are abbreviations of three letters or longer ones beginning with them."""
    return int(text) if text.isdigit() else names.index(text.lower()[:3]) + first


# ---- crontab ----


def split_zone(text, zone):
    match = re.match(r"CRON_TZ=(\S+)\s+(.*)", text)
    return (match[2], match[1]) if match else (text, zone)


def crontab_values(text, low, high, names=()):
    values = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            first, last = low, high
        else:
            first = number(first, names, low)
            last = number(last, names, low) if last else high if step else first
            if len(names) == 7 and last == 0 and first > 0:
                last = 7
        values.update(range(first, last + 1, int(step or 1)))
    return values


def read_crontab(text):
    parts = MACROS.get(text, text).split()
    second = parts.pop(0) if len(parts) == 6 else "0"
    minute, hour, day_text, month, weekday_text = parts
    months = crontab_values(month, 1, 12, MONTHS)
    days = crontab_values(day_text, 1, 31)
    weekdays = {(value + 6) % 7 for value in crontab_values(weekday_text, 0, 6, ["sun"] + WEEKDAYS[:6])}
    is_either = not day_text.startswith("*") and not weekday_text.startswith("*")

    def has_day(day):
        by_date, by_weekday = day.day in days, day.weekday() in weekdays
        return day.month in months and (by_date or by_weekday if is_either else by_date and by_weekday)

    clock = crontab_values(hour, 0, 23), crontab_values(minute, 0, 59), crontab_values(second, 0, 59)
    return Schedule(has_day, clock, (hour, minute, second))


# ---- APScheduler's fields ----

KEYWORDS = {"year": (1970, 9999, "*"), "month": (1, 12, "1"), "day": (1, 31, "1"), "week": (1, 53, "*"),
            "day_of_week": (0, 6, "*"), "hour": (0, 23, "0"), "minute": (0, 59, "0"), "second": (0, 59, "0")}
ORDINALS = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": "last"}


def keyword_test(text, name):
    """A function of (value, day) for one field."""
    low, high, _ = KEYWORDS[name]
    names = MONTHS if name == "month" else WEEKDAYS
    tests = []
    for item in text.split(","):
        words = item.lower().split()
        if len(words) == 2:
            nth, weekday = ORDINALS[words[0]], number(words[1], WEEKDAYS, 0)
            tests.append(lambda _, day, nth=nth, weekday=weekday:
                         day.weekday() == weekday and is_nth_weekday(day, nth))
        elif words == ["last"]:
            tests.append(lambda _, day: days_left(day) == 0)
        else:
            span, _, step = words[0].partition("/")
            first, _, last = span.partition("-")
            if first == "*":
                first, last = low, high
            else:
                first = number(first, names, low)
                last = number(last, names, low) if last else high if step else first
            values = range(first, last + 1, int(step or 1))
            tests.append(lambda value, _, values=values: value in values)
    return lambda value, day: any(test(value, day) for test in tests)


def read_keywords(params):
    given = [name for name in KEYWORDS if name in params]
    finest = list(KEYWORDS).index(given[-1])
    texts = {name: str(params[name]) if name in params else "*" if i < finest else KEYWORDS[name][2]
             for i, name in enumerate(KEYWORDS)}
    tests = {name: keyword_test(text, name) for name, text in texts.items()}

    def has_day(day):
        values = {"year": day.year, "month": day.month, "day": day.day, "week": day.isocalendar()[1],
                  "day_of_week": day.weekday()}
        return all(tests[name](value, day) for name, value in values.items())

    clock = [[v for v in range(KEYWORDS[name][1] + 1) if tests[name](v, None)]
             for name in ("hour", "minute", "second")]
    years = [int(y) for y in re.findall(r"\d{4}", texts["year"])]
    is_open = not years or "*" in texts["year"] or re.search(r"(^|,)\d+/", texts["year"])
    return Schedule(has_day, clock, [texts[n] for n in ("hour", "minute", "second")], 9999 if is_open else max(years))


# ---- Quartz ----


def quartz_values(text, low, high, names=()):
    values = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if first in ("*", "?"):
            first, last = low, high
        else:
            first = number(first, names, low)
            last = number(last, names, low) if last else high if step else first
        if last < first:
            last += high - low + 1  # ranges wrap around
        values.update((value - low) % (high - low + 1) + low for value in range(first, last + 1, int(step or 1)))
    return values


def nearest_weekday(year, month, day):
    """Monday to Friday, within the month."""
    there = date(year, month, day)
    last = days_in(there)
    if there.weekday() == 5:
        return day - 1 if day > 1 else day + 2
    if there.weekday() == 6:
        return day + 1 if day < last else day - 2
    return day


def quartz_day_test(text):
    if text == "?":
        return lambda day: True
    back = re.fullmatch(r"L(?:-(\d+))?(W?)", text)
    if back:
        def from_last(day):
            target = days_in(day) - int(back[1] or 0)
            if target < 1:
                return False
            return day.day == (nearest_weekday(day.year, day.month, target) if back[2] else target)
        return from_last
    if text.endswith("W"):
        target = int(text[:-1])
        return lambda day: target <= days_in(day) and day.day == nearest_weekday(day.year, day.month, target)
    days = quartz_values(text, 1, 31)
    return lambda day: day.day in days


def quartz_weekday_test(text):
    names = ["sun"] + WEEKDAYS[:6]
    if text == "?":
        return lambda day: True
    if text == "L":
        text = "SAT"
    special = re.fullmatch(r"(\w+?)(?:#(\d)|(L))", text)
    if special:
        weekday, nth = (number(special[1], names, 1) + 5) % 7, "last" if special[3] else int(special[2])
        return lambda day: day.weekday() == weekday and is_nth_weekday(day, nth)
    weekdays = {(value + 5) % 7 for value in quartz_values(text, 1, 7, names)}
    return lambda day: day.weekday() in weekdays


def read_quartz(text):
    second, minute, hour, day, month, weekday, *year = text.upper().split()
    months, years = quartz_values(month, 1, 12, MONTHS), quartz_values(year[0] if year else "*", 1970, 9999)
    by_date, by_weekday = quartz_day_test(day), quartz_weekday_test(weekday)

    def has_day(there):
        return there.year in years and there.month in months and by_date(there) and by_weekday(there)

    clock = quartz_values(hour, 0, 23), quartz_values(minute, 0, 59), quartz_values(second, 0, 59)
    return Schedule(has_day, clock, (hour, minute, second), max(years))


# ---- systemd ----

SHORTHANDS = {"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00",
              "weekly": "Mon *-*-* 00:00:00", "monthly": "*-*-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00",
              "semiannually": "*-01,07-01 00:00:00", "semi-annually": "*-01,07-01 00:00:00",
              "yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00"}


def component_test(text, low, high):
    values = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("..")
        if first == "*":
            first, last = low, high
        else:
            first = int(first)
            last = int(last) if last else high if step else first
        values.update(range(first, last + 1, int(step or 1)))
    return values


def last_days_test(text):
    """Behind `~`: days counted back from the month's last, which is 1; a step goes towards the end of the month."""
    values = set()
    for item in text.split(","):
        first, _, step = item.partition("/")
        values.update(range(int(first), 0, -int(step)) if step else [int(first)])
    return lambda day: days_left(day) + 1 in values


def weekdays_test(text):
    weekdays = set()
    for item in text.split(","):
        first, _, last = item.partition("..")
        first = number(first, WEEKDAYS, 0)
        last = number(last, WEEKDAYS, 0) if last else first
        weekdays.update(range(first, last + 1))
    return weekdays


def read_oncalendar(text, zone):
    words = text.split()
    if len(words) > 1 and re.match(r"[A-Z]\w+/|UTC$|[A-Z]{3}$", words[-1]):
        zone = words.pop()
    words = SHORTHANDS.get(" ".join(words).lower(), " ".join(words)).split()
    weekdays, date_text, time_text = set(range(7)), "*-*-*", "00:00:00"
    if words[0][0].isalpha():
        weekdays = weekdays_test(words.pop(0).rstrip(","))
    for word in words:
        if ":" in word:
            time_text = word
        else:
            date_text = word
    match = re.fullmatch(r"(?:(.+?)-)?(.+?)([-~])(.+)", date_text)
    years, months = component_test(match[1] or "*", 1, 9999), component_test(match[2], 1, 12)
    years = {year + 2000 if year < 70 else year + 1900 if year < 100 else year for year in years} \
        if match[1] and re.fullmatch(r"\d\d", match[1]) else years
    if match[3] == "~":
        by_date = last_days_test(match[4])
    else:
        days = component_test(match[4], 1, 31)
        by_date = lambda day: day.day in days  # noqa: E731
    hour, minute, *second = time_text.split(":")
    second = second[0] if second else "00"

    def has_day(day):
        return day.year in years and day.month in months and by_date(day) and day.weekday() in weekdays

    clock = component_test(hour, 0, 23), component_test(minute, 0, 59), component_test(second, 0, 59)
    return Schedule(has_day, clock, (hour, minute, second), max(years)), zone


