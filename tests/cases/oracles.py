"""What other programs answer to a case. Each function takes cases and gives, for each, {name and version: fires}; fires
are None where the program refuses the text or gives up.

Needed, all as Debian ships them: python3-apscheduler python3-croniter python3-dateutil python3-tz libquartz2-java
default-jdk-headless systemd, and Node.js with the packages that oracle.js names, in the folder NODE_PATH names.
"""

import calendar
import importlib.metadata
import itertools
import json
import pathlib
import signal
import subprocess
from datetime import date, datetime, timedelta, timezone

import dateutil.rrule
import dateutil.tz
import pytz
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from croniter import croniter

import reference

HERE = pathlib.Path(__file__).parent
PATIENCE_S = 3
YEAR_2037 = 2114380800


def name_of(package):
    return f"{package} {importlib.metadata.version(package)}"


class TooLong(Exception):
    pass


def attempt(ask, case):
    """The answer, or None for any refusal; programs that search for ever are stopped."""

    def stop(*_):
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE_S)
    try:
        return ask(case)
    except Exception:  # noqa: BLE001 - whatever it raises, it gives no answer
        return None
    finally:
        signal.alarm(0)


def is_within_tables(case):
    """dateutil and pytz know no clock changes after 2037."""
    last = case["fires"][-1] if case["fires"] else case["start_epoch"]
    return case["tz"] == "UTC" or last < YEAR_2037


def by_python(package, ask, can_ask=is_within_tables):
    name = name_of(package)
    return lambda cases: [{name: attempt(ask, case)} if can_ask(case) else {} for case in cases]


def start_of(case, zone):
    return datetime.fromtimestamp(case["start_epoch"], timezone.utc).astimezone(zone)


# ---- crontab ----


def ask_croniter(case):
    start = start_of(case, dateutil.tz.gettz(case["tz"]))
    fires = croniter(case["params"]["expr"], start, ret_type=float)
    return [int(fires.get_next()) for _ in range(case["k"])]


def ask_node_lines(cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run(["node", HERE / "oracle.js"], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask_node(cases):
    return [answer["fires"] for answer in ask_node_lines(cases)]


# ---- APScheduler ----


def step_through(trigger, case):
    previous, now, fires = None, start_of(case, pytz.utc) + timedelta(seconds=1), []
    while len(fires) < case["k"]:
        found = trigger.get_next_fire_time(previous, now)
        if found is None:
            break
        fires.append(int(found.timestamp()))
        previous, now = found, found + timedelta(seconds=1)
    return fires


def ask_cron_trigger(case):
    return step_through(CronTrigger(**case["params"], timezone=pytz.timezone(case["tz"])), case)


def ask_interval_trigger(case):
    return step_through(IntervalTrigger(**case["params"], timezone=pytz.timezone(case["tz"])), case)


# ---- dateutil ----


def ask_date(case):
    """RFC 5545's reading of a time in a gap is dateutil's resolve_imaginary."""
    local = datetime.fromisoformat(case["params"]["run_date"]).replace(tzinfo=dateutil.tz.gettz(case["tz"]))
    instant = int(dateutil.tz.resolve_imaginary(local).timestamp())
    return [instant] if instant > case["start_epoch"] else []


def place(case, locals_, gap="shift"):
    """The fires of local times, which come in order and may be endless."""
    zone, fires = reference.Zone(case["tz"]), []
    start = zone.local_at(case["start_epoch"]) - timedelta(days=1)
    soon = itertools.dropwhile(lambda local: local < start, locals_)
    for local in itertools.islice(soon, case["k"] + 100):
        fires += reference.resolve(zone, local, {"gap": gap, "overlap": "first"})
    return sorted({fire for fire in fires if fire > case["start_epoch"]})[:case["k"]]


def is_plain(case):
    """Rules that can be asked as local times: no instants in UTC, no sets."""
    params = case["params"]
    return "rrule" in params and not params["rrule"].endswith("Z") and "Z;" not in params["rrule"] and \
        "rdate" not in params and "exdate" not in params


def ask_dateutil_rule(case):
    start = datetime.strptime(case["params"]["dtstart"], "%Y%m%dT%H%M%S")
    return place(case, dateutil.rrule.rrulestr(case["params"]["rrule"], dtstart=start))


def ask_dateutil_calendar(case):
    """Months and years, or days and weeks, are what dateutil's rules of the same frequency do."""
    params = case["params"]
    months = params.get("months", 0) + 12 * params.get("years", 0)
    every_days = params.get("days", 0) + 7 * params.get("weeks", 0)
    frequency = dateutil.rrule.MONTHLY if months else dateutil.rrule.DAILY
    start = datetime.fromisoformat(params["start_date"]).replace(
        hour=params.get("hour", 0), minute=params.get("minute", 0), second=params.get("second", 0))
    end = datetime.fromisoformat(params["end_date"] + " 23:59:59") if "end_date" in params else None
    rule = dateutil.rrule.rrule(frequency, dtstart=start, interval=months or every_days, until=end)
    return place(case, rule, "skip")


def is_one_unit(case):
    params = case["params"]
    return not (("months" in params or "years" in params) and ("days" in params or "weeks" in params))


def dates_by_steps(params):
    """Each date from the one before: years and months first, passing over months without its day, then the rest."""
    day = date.fromisoformat(params["start_date"])
    while day:
        yield datetime(day.year, day.month, day.day)
        year, month, found = day.year, day.month, None
        while not found:
            month += params.get("months", 0)
            year, month = year + params.get("years", 0) + (month - 1) // 12, (month - 1) % 12 + 1
            if day.day <= calendar.monthrange(year, month)[1]:
                found = date(year, month, day.day)
        day = found + timedelta(weeks=params.get("weeks", 0), days=params.get("days", 0))


def ask_stepping_calendar(case):
    """APScheduler 4 has no release yet to be asked: this is what its source says that it does."""
    params = case["params"]
    time = timedelta(hours=params.get("hour", 0), minutes=params.get("minute", 0), seconds=params.get("second", 0))
    return place(case, (day + time for day in dates_by_steps(params)), "skip")


def ask_stepping(cases):
    name = "apscheduler 4 by its source"
    return [{} if is_one_unit(case) else {name: attempt(ask_stepping_calendar, case)} for case in cases]


def ask_npm_rrule(cases):
    plain = [case for case in cases if is_plain(case)]
    answers = {answer["id"]: answer["fires"] for answer in ask_node_lines(plain)}
    return [{name: None if fires is None else place(case, [reference.EPOCH + timedelta(seconds=f) for f in fires])
             for name, fires in answers.get(case["id"], {}).items()} for case in cases]


# ---- Quartz ----


def quartz_text(params):
    if "expr" in params:
        return params["expr"]
    weekdays = reference.fields.weekdays_test(params.get("weekdays", "mon..sun").replace("-", ".."))
    digits = "".join(str((weekday + 1) % 7 + 1) for weekday in sorted(weekdays))
    return f"daily {params['every'].rstrip('m')} {params['start_time']} {params['end_time']} {digits}"


def ask_quartz_daily(cases):
    """Quartz asks the system's zone, here UTC, and has no limit of a day."""
    can_ask = [case["tz"] == "UTC" and "repeat" not in case["params"] for case in cases]
    answers = iter(ask_quartz([case for case, can in zip(cases, can_ask) if can]))
    return [next(answers) if can else {} for can in can_ask]


def ask_quartz(cases):
    lines = "".join("\t".join([quartz_text(c["params"]), c["tz"], str(c["start_epoch"]), str(c["k"])]) + "\n" for c in cases)
    java = pathlib.Path("/usr/share/java")
    done = subprocess.run(
        ["java", "-Duser.timezone=UTC", "-cp", f"{java / 'quartz2.jar'}:{java / 'slf4j-api.jar'}", HERE / "QuartzOracle.java"],
        input=lines, capture_output=True, text=True, check=True)
    name = "Quartz " + (java / "quartz2.jar").resolve().stem.partition("-")[2]
    return [{name: None if line.startswith("refused") else [int(i) for i in line.split(",") if i]}
            for line in done.stdout.split("\n")[:len(cases)]]


# ---- systemd ----


def ask_one_calendar(case):
    """Its zone goes into the expression and the answers come in UTC."""
    expression = case["params"]["expr"]
    if not expression.endswith(" UTC") and "/" not in expression.split()[-1].lstrip("0123456789.,:*-~/"):
        expression += " " + case["tz"]
    done = subprocess.run(["systemd-analyze", "calendar", f"--iterations={case['k']}",
                           f"--base-time=@{case['start_epoch']}", expression],
                          capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"})
    fires = []
    for line in done.stdout.splitlines():
        head, _, tail = line.strip().partition(": ")
        if head == "Next elapse" or head.startswith("Iter."):
            if tail.strip() != "never":
                at = datetime.strptime(tail.split(" ", 1)[1], "%Y-%m-%d %H:%M:%S UTC")
                fires.append(reference.seconds_of(at))
    return fires


def ask_systemd(cases):
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    name = "systemd " + version.split()[1]
    return [{name: attempt(ask_one_calendar, case)} for case in cases]


def ask_croniter_of_five(cases):
    """croniter reads a sixth field as seconds, too, but as the last one."""
    is_same = [case["kind"] == "cron5" for case in cases]
    return [by_python("croniter", ask_croniter)([case])[0] if same else {} for case, same in zip(cases, is_same)]


CRONITER = ask_croniter_of_five
CRON_TRIGGER = by_python("apscheduler", ask_cron_trigger)
INTERVAL_TRIGGER = by_python("apscheduler", ask_interval_trigger,
                             lambda case: "start_date" in case["params"] and is_within_tables(case))
DATEUTIL_DATE = by_python("python-dateutil", ask_date)
DATEUTIL_RULE = by_python("python-dateutil", ask_dateutil_rule, is_plain)
APSCHEDULER4_CALENDAR = ask_stepping
DATEUTIL_CALENDAR = by_python("python-dateutil", ask_dateutil_calendar, is_one_unit)
NODE_CRON = ask_node
NPM_RRULE = ask_npm_rrule
QUARTZ = ask_quartz
QUARTZ_DAILY = ask_quartz_daily
SYSTEMD = ask_systemd
