"""What a job waited for, and when: the triggers that the operations and files of the log have given it, one after the
other, and whether it was paused. A window of the log may touch a change of which it is not known whether it was first:
then the job may have had either."""
import json
import math
from dataclasses import dataclass

import oracle
from eras import in_force, shown_between

KINDS = ("on_event", "after_job")
OPTIONS = {"kind", "debounce", "throttle", "batch"}
MEMBERS = {"on_event": {"event", "filter"}, "after_job": {"job", "outcome"}}
BATCH_OF_BURST = 1000
DEBOUNCE_MOST = 10  # a stream without a pause is cut after so many debounces


@dataclass(frozen=True)
class Wish:
    """A trigger that waits for events; `topic` is an event's name or a job's id."""
    kind: str
    topic: str
    filter: tuple       # of pairs
    outcome: str
    debounce_us: int
    throttle_us: int
    batch: int

    def wants(self, event):
        if self.kind == "after_job":
            state = event["state"]
            return self.outcome == "finished" or (state == "succeeded" if self.outcome == "succeeded"
                                                  else state not in ("succeeded", "cancelled"))
        return all(name in event and scalar(event[name]) == value for name, value in self.filter)


def scalar(value):
    return value if isinstance(value, str) else json.dumps(value)


def wish_of(trigger, timezone_name=None):
    """None: it waits for no event."""
    if trigger is None:
        return None
    if isinstance(trigger, str):
        if trigger.split()[:1] not in ([kind] for kind in KINDS):
            oracle.parse(trigger, timezone_name)
            return None
        words = trigger.split()
        if '"' in trigger:
            raise oracle.Unknown("trigger %s" % trigger)
        members = dict(word.split("=", 1) for word in words[2:])
        if "filter" in members:  # (name=value), of one
            members["filter"] = dict([members["filter"].strip("()").split("=", 1)])
        trigger = {"kind": words[0], "event" if words[0] == "on_event" else "job": words[1], **members}
    kind = trigger.get("kind")
    if kind in ("date", "interval", "cron"):
        return None
    if kind not in KINDS or set(trigger) - OPTIONS - MEMBERS[kind]:
        raise oracle.Unknown("a trigger of kind %s" % kind)
    debounce_us, throttle_us = (oracle.duration_us(trigger.get(name, 0)) for name in ("debounce", "throttle"))
    batch = int(trigger.get("batch") or (BATCH_OF_BURST if debounce_us or throttle_us else 1))
    wanted = tuple(sorted((name, scalar(value)) for name, value in trigger.get("filter", {}).items()))
    return Wish(kind, trigger["event" if kind == "on_event" else "job"], wanted, trigger.get("outcome", "succeeded"),
                debounce_us, throttle_us, batch)


@dataclass
class Change:
    begin: float    # places in the log
    end: float
    from_us: float  # and the times between which it happened
    until_us: float
    is_certain: bool
    value: object
    has_place = True


class Register:
    """The values that something may have had, as changes have followed each other."""

    def __init__(self, initial, changes):
        self.initial, self.changes = set(initial), changes

    def values(self):
        return self.initial | {change.value for change in self.changes}

    def during(self, history, cause):
        """Of all changes that may have been the last before some moment of the cause."""
        before = [change for change in self.changes if change.is_certain and is_before(history, change, cause)]
        found = set() if before else set(self.initial)
        for change in self.changes:
            if not is_behind(history, change, cause) and not any(other.begin > change.end for other in before):
                found.add(change.value)
        return found


def is_before(history, change, cause):
    if cause.has_place:
        return change.end < cause.begin
    return change.until_us < cause.from_us and is_order(history, change.until_us, cause.from_us)


def is_behind(history, change, cause):
    if cause.has_place:
        return change.begin > cause.end
    return change.from_us > cause.until_us and is_order(history, change.from_us, cause.until_us)


def is_order(history, us, other_us):
    """Whether the clock tells which of the two was first: not when it has shown both times twice."""
    return not (history.is_ambiguous(us) and history.is_ambiguous(other_us))


def change_by(history, operation, value):
    until_us = math.inf if operation.until_us is None else operation.until_us
    from_us, until_us = shown_between(history, operation.begin, operation.end, operation.sent_us, until_us)
    return Change(operation.begin, operation.end, from_us, until_us, operation.is_certain, value)


def triggers_of(job, history, changes):
    """The wishes of the job that is there; None while it was not."""
    return Register(*(added_triggers(history, changes) if job.is_added else declared_triggers(job, history, changes)))


def added_triggers(history, changes):
    initial, found = {"absent"}, []
    for operation in changes:
        result = operation.result if isinstance(operation.result, dict) else {}
        if operation.op == "remove_job":
            value = "absent"
        elif operation.op in ("add_job", "reschedule_job"):
            value = wish_of(result.get("trigger", operation.params.get("trigger")), operation.params.get("timezone"))
        else:
            raise oracle.Unknown("an event trigger that was changed by %s" % operation.op)
        found.append(change_by(history, operation, value))
    return initial, found


def declared_triggers(job, history, changes):
    if changes:
        raise oracle.Unknown("a declared job that was changed by hand")
    spoken = [(file, next((spec for spec in file["jobs"] if spec["id"] == job.id), None))
              for file in history.files if file["script"] == job.script]
    if not spoken or spoken[-1][1] is None:
        raise oracle.Unknown("no word of it in the log")
    last = wish_of(spoken[-1][1].get("trigger"))
    at = len(spoken) - 1  # where the stretch begins in which it has been declared as it is
    while at > 0 and spoken[at - 1][1] is not None and wish_of(spoken[at - 1][1].get("trigger")) == last:
        at -= 1
    is_first = all(spec is None for _, spec in spoken[:at])
    begin = spoken[at][0]["n"]
    from_us, sure_us, sure = in_force(history, [file for file, _ in spoken[at:]])
    change = Change(begin, sure, from_us, sure_us, True, last)
    # What was there before may be the same job: that the file was away may have been overlooked.
    return {"absent"} if is_first else {"absent", last}, [change]


def pauses_of(job, history):
    """Whether it was paused; by a file, or by the option, it may have been from the beginning."""
    found = []
    for operation in history.operations_of[job.id]:
        is_paused = pause_by(operation, job.id)
        if operation.is_possible and is_paused is not None:
            found.append(change_by(history, operation, is_paused))
    declared = [spec for file in history.files for spec in file["jobs"] if spec["id"] == job.id]
    return Register({spec.get("enabled") is False for spec in [job.spec, *declared]}, found)


def pause_by(operation, name):
    """What an operation makes of it; None: nothing."""
    if operation.op in ("pause_job", "resume_job"):
        return operation.op == "pause_job"
    specs = {"add_job": [operation.params], "add_jobs": operation.params.get("jobs"),
             "modify_job": [operation.params.get("changes")]}.get(operation.op, ())
    for spec in specs:
        if operation.op == "modify_job" and "enabled" not in spec or operation.op == "add_jobs" and spec.get("id") != name:
            continue
        return spec.get("enabled") is False
    return None
