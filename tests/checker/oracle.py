"""When a trigger is due, found in the most naive way: a step of one minute (or second) after the other, and the wall
clock of each looked up. It serves date, interval and cron with their DST rules and with from, until, limit, offset and
jitter; of other kinds and of calendars it says that it does not know.

The rules: a cron whose minutes or hours begin with * goes by elapsed time, so whatever instant shows a matching wall
clock is due. Another one is due once a day: what falls into an hour that is left out comes at the first instant after
it (not when three hours or more are left out: then the day itself is), what an hour that is repeated shows twice comes
the first time. "gap" and "overlap" change that."""
import math
import re
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

SECOND = 1_000_000
HOUR = 3600
LONG_GAP_S = 3 * HOUR
UNITS = {"w": 7 * 86400 * SECOND, "d": 86400 * SECOND, "h": HOUR * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 1000,
         "us": 1}
MACROS = {"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
          "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
OPTIONS = {"from", "until", "limit", "limit_from", "offset", "jitter", "seed"}
WORDS = {"every": "interval", "in": "date", "after": "date", "at": "date", "cron": "cron"}


class Unknown(Exception):
    """Not of those that are judged here."""


def duration_us(value):
    """ "1h30m", "100ms", or seconds."""
    if isinstance(value, (int, float)):
        return round(value * SECOND)
    text, sign = value.strip(), 1
    if text.startswith("-"):
        text, sign = text[1:], -1
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return sign * round(float(text) * SECOND)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|us|[wdhms])", text)
    if "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise Unknown("duration %s" % value)
    return sign * sum(round(float(number) * UNITS[unit]) for number, unit in parts)


def instant_us(text, zone):
    """With an offset or Z; without, the wall clock of the zone, by the offset before a gap, the first of two."""
    text = text.replace("Z", "+00:00")
    fraction = re.search(r"\.(\d+)", text)
    whole = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    rest = int((fraction[1] + "000000")[:6]) if fraction else 0
    if whole.tzinfo is None:
        whole = whole.replace(tzinfo=zone)
    return int(whole.timestamp()) * SECOND + rest


def zone_of(trigger, rules_of=None):
    """`rules_of` tells of some zones whose rules they have in its stead."""
    name = trigger.get("timezone") or "UTC"
    name = (rules_of or {}).get(name, name)
    try:
        return timezone.utc if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Unknown("zone %s" % name) from error


def parse(trigger, timezone_name=None):
    """The JSON of a trigger that was given as text; an object stays as it is."""
    if isinstance(trigger, dict):
        return trigger if trigger.get("timezone") or not timezone_name else {**trigger, "timezone": timezone_name}
    words = [word for word in trigger.split() if "=" not in word]
    members = dict(word.split("=", 1) for word in trigger.split() if "=" in word)
    if timezone_name:
        members.setdefault("timezone", timezone_name)
    kind = WORDS.get(words[0])
    if kind == "interval":
        return {"kind": kind, "every": " ".join(words[1:]), **members}
    if kind == "date":
        return {"kind": kind, "at" if words[0] == "at" else "in": " ".join(words[1:]), **members}
    expression = " ".join(words[1:] if kind == "cron" else words)
    if len(expression.split()) in (5, 6) or expression in MACROS:
        return {"kind": "cron", "expression": expression, **members}
    raise Unknown("trigger %s" % trigger)


def make(trigger, rules_of=None):
    """Something with fires(after_us, until_us): the due times in (after_us, until_us], ascending, as they would be
    without jitter; and `jitter_us`. `trigger` is anchored."""
    kinds = {"date": Date, "interval": Interval, "cron": Cron}
    if trigger is None or trigger.get("kind") not in kinds:
        raise Unknown("a trigger of kind %s" % (trigger or {}).get("kind"))
    inner = {key: value for key, value in trigger.items() if key not in OPTIONS}
    zone = zone_of(trigger, rules_of)
    return Modified(kinds[trigger["kind"]](inner, zone), trigger, zone)


def reject_others(trigger, *known):
    others = set(trigger) - {"kind", "timezone", *known}
    if others:
        raise Unknown("a trigger with %s" % ", ".join(sorted(others)))


class Date:
    def __init__(self, trigger, zone):
        reject_others(trigger, "at", "in", "anchor")
        if "at" in trigger:
            self.at_us = instant_us(trigger["at"], zone)
        elif "anchor" in trigger:
            self.at_us = instant_us(trigger["anchor"], zone) + duration_us(trigger["in"])
        else:
            raise Unknown("a date that is not anchored")

    def fires(self, after_us, until_us):
        return [self.at_us] if after_us < self.at_us <= until_us else []


class Interval:
    def __init__(self, trigger, zone):
        reject_others(trigger, "every", "start", "end", "anchor")
        self.every_us = duration_us(trigger["every"])
        if "start" in trigger:
            self.first_us = instant_us(trigger["start"], zone)
        elif "anchor" in trigger:
            self.first_us = instant_us(trigger["anchor"], zone) + self.every_us
        else:
            raise Unknown("an interval that is not anchored")
        self.last_us = instant_us(trigger["end"], zone) if "end" in trigger else math.inf

    def count(self, after_us, until_us):
        last_us = min(until_us, self.last_us)
        if last_us < self.first_us:
            return 0
        return (last_us - self.first_us) // self.every_us - max(-1, (after_us - self.first_us) // self.every_us)

    def fires(self, after_us, until_us):
        steps = max(0, (after_us - self.first_us) // self.every_us + 1)
        at_us, found = self.first_us + steps * self.every_us, []
        while at_us <= min(until_us, self.last_us):
            found.append(at_us)
            at_us += self.every_us
        return found


def read_field(text, low, high, names=()):
    values = set()
    for item in text.lower().split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            first, last = low, high
        else:
            first = read_number(first, names, low)
            last = read_number(last, names, low) if last else high if step else first
            if names is DAYS and last == 0 and first > 0:
                last = 7
        values.update(range(first, last + 1, int(step or 1)))
    if not values or min(values) < low or max(values) > high:
        raise Unknown("the field %s" % text)
    return values


def read_number(text, names, low):
    if text.isdigit():
        return int(text)
    if text[:3] in names:
        return names.index(text[:3]) + (low if names is MONTHS else 0)
    raise Unknown("the field %s" % text)


class Cron:
    def __init__(self, trigger, zone):
        reject_others(trigger, "expression", "gap", "overlap")
        parts = MACROS.get(trigger["expression"], trigger["expression"]).split()
        if len(parts) == 5:
            parts.insert(0, "0")
        if len(parts) != 6:
            raise Unknown("cron %s" % trigger["expression"])
        second, minute, hour, day, month, weekday = parts
        self.seconds = sorted(read_field(second, 0, 59))
        self.minutes, self.hours = read_field(minute, 0, 59), read_field(hour, 0, 23)
        self.days, self.months = read_field(day, 1, 31), read_field(month, 1, 12, MONTHS)
        self.weekdays = {value % 7 for value in read_field(weekday, 0, 7, DAYS)}
        self.either_day = not day.startswith("*") and not weekday.startswith("*")
        self.by_elapsed = any(text.startswith("*") for text in (second, minute, hour))
        self.gap, self.overlap = trigger.get("gap", "first"), trigger.get("overlap", "first")
        if self.gap not in ("first", "skip") and not self.by_elapsed:
            raise Unknown("gap=%s" % self.gap)
        self.zone, self.hours_known = zone, {}

    def has_minute(self, local_s):
        """Whether the minute that begins at these seconds of the wall clock matches."""
        return local_s // 60 % 60 in self.minutes and self.has_hour(local_s)

    def has_hour(self, local_s):
        """The same of the hour and the day."""
        if local_s // HOUR % 24 not in self.hours:
            return False
        local = datetime.fromtimestamp(local_s, timezone.utc)
        if local.month not in self.months:
            return False
        by_date, by_weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday

    def offset(self, at_s):
        return int(datetime.fromtimestamp(at_s, self.zone).utcoffset().total_seconds())

    def fires(self, after_us, until_us):
        found = []
        for at_s in range(after_us // SECOND // HOUR * HOUR, until_us // SECOND + 1, HOUR):
            if at_s not in self.hours_known:
                self.hours_known[at_s] = self._hour(at_s)
            found += self.hours_known[at_s]
        return [us for us in found if after_us < us <= until_us]

    def _hour(self, at_s):
        found = []
        before, behind = self.offset(at_s - 60), self.offset(at_s + HOUR)
        is_plain = before == behind and before % HOUR == 0  # one hour of the wall clock
        if not is_plain or self.has_hour(at_s + before):
            for minute_s in range(at_s, at_s + HOUR, 60):
                if before == behind:
                    self._minute(minute_s, before, before, found)
                else:
                    self._minute(minute_s, self.offset(minute_s - 60), self.offset(minute_s), found)
        return sorted(set(found))

    def _minute(self, at_s, before, offset, found):
        if offset > before and not self.by_elapsed:
            left_out = range(at_s + before, at_s + offset, 60)
            if self.gap == "first" and offset - before < LONG_GAP_S and any(map(self.has_minute, left_out)):
                found.append(at_s * SECOND)
        if self.has_minute(at_s + offset) and (self.by_elapsed or self._is_wanted(at_s, offset)):
            found += [(at_s + second) * SECOND for second in self.seconds]

    def _is_wanted(self, at_s, offset):
        """Of a wall clock that is shown twice: the first, the second, or both."""
        local = datetime.fromtimestamp(at_s, self.zone)
        first, second = (int(local.replace(fold=fold).timestamp()) for fold in (0, 1))
        if first == second or self.overlap == "both" or second < first:
            return True
        return at_s == (first if self.overlap == "first" else second)


class Modified:
    """The options that every kind has, in their order."""

    def __init__(self, inner, trigger, zone):
        self.inner = inner
        self.from_us = instant_us(trigger["from"], zone) if "from" in trigger else -math.inf
        self.until_us = instant_us(trigger["until"], zone) if "until" in trigger else math.inf
        self.offset_us = duration_us(trigger.get("offset", 0))
        self.jitter_us = duration_us(trigger.get("jitter", 0))
        if "limit" in trigger:
            self._limit(int(trigger["limit"]), trigger, zone)

    def _limit(self, limit, trigger, zone):
        if "limit_from" not in trigger:
            raise Unknown("a limit that is not anchored")
        from_us = max(instant_us(trigger["limit_from"], zone), self.from_us - 1)
        span = HOUR * SECOND
        while span < 50 * 366 * 86400 * SECOND:
            fires = self.inner.fires(from_us, from_us + span)
            if len(fires) >= limit:
                self.until_us = min(self.until_us, fires[limit - 1])
                return
            span *= 4

    @property
    def date_us(self):
        """Of a date when it is due, else None."""
        return self.inner.at_us + self.offset_us if isinstance(self.inner, Date) else None

    def fires(self, after_us, until_us):
        """Without jitter: what is due at `us` begins at `us` or up to jitter_us later."""
        inner = self.inner.fires(after_us - self.offset_us, until_us - self.offset_us)
        return [us + self.offset_us for us in inner if self.from_us <= us <= self.until_us]

    def count(self, after_us, until_us):
        """How many there are in (after_us, until_us]."""
        if isinstance(self.inner, Interval) and self.from_us == -math.inf:
            return self.inner.count(after_us - self.offset_us, min(until_us - self.offset_us, self.until_us))
        return len(self.fires(after_us, until_us))

    def base_of(self, us):
        """Which due time a run at `us` is for, jitter taken away; None: it is not due at all."""
        found = self.fires(us - max(1, self.jitter_us), us)
        return found[-1] if found else None

    def next(self, after_us, until_us):
        """The first one in (after_us, until_us], or None."""
        step = HOUR * SECOND
        if isinstance(self.inner, Interval):
            step = self.inner.every_us
        while after_us < until_us:
            found = self.fires(after_us, min(after_us + step, until_us))
            if found:
                return found[0]
            after_us += step
            step = min(step * 2, 1000 * HOUR * SECOND)
        return None
