"""What was acknowledged is there, what was refused is not, and what broke off is one or the other.

Operations on one thing (a job, a kept value, a script, a pool) are taken as a register: the ways in which they may
have followed each other are tried, with those in flight at the same time in any order, and those without an answer
at any time until their daemon's end or not at all. No way may be left that explains the answers and the store:
then something is lost, or came from nowhere."""
import json
from collections import defaultdict

from reading import PAUSED

WAYS_MAX = 20_000
ABSENT = "null"
REVISIONS_KNOWN = 10  # of each script
WITHOUT_TRACE = {"show", "emit", "reload", "run_now", "cancel_run", "retry_listener", "discard_dead_letters"}  # see other rules


def judge(store, history, verdict):
    verdict.counts["acknowledged"] += sum(operation.is_certain for operation in history.operations)
    registers = defaultdict(list)
    for operation in history.operations:
        changes = list(changes_of(operation)) if operation.is_possible else []
        for subject, change in changes:
            registers[subject].append((operation, change))
        if operation.is_certain and not changes and operation.op not in WITHOUT_TRACE:
            verdict.unjudged["the operation %s" % operation.op] += 1
    for subject, changes in registers.items():
        judge_register(store, history, verdict, subject, changes)
    judge_all_or_none(store, history, verdict, registers)
    judge_dead_letters(store, history, verdict)


# ---- one register ----
#
# A change is a function of the value before: the value after, as text that can be compared, and whether the answer
# agrees. A way is the value so far and the operations in flight that have not happened in it.


def judge_register(store, history, verdict, subject, changes):
    ends = final_values(store, history, subject)
    if ends is None:
        verdict.unjudged["a %s that something else changes too" % subject[0]] += 1
        return
    moments = sorted([(operation.begin, True, at) for at, (operation, _) in enumerate(changes)]
                     + [(operation.end, False, at) for at, (operation, _) in enumerate(changes)])
    ways = {(ABSENT, frozenset())}
    for _, is_begin, at in moments:
        if is_begin:
            ways = {(value, waiting | {at}) for value, waiting in ways}
            continue
        operation, _ = changes[at]
        after = all_ways(ways, changes)
        if len(after) > WAYS_MAX:
            verdict.unjudged["too many ways"] += 1
            return
        if operation.is_certain:
            possible = {(value, waiting) for value, waiting in after if at not in waiting}
            if not possible:
                verdict.violate("answer", subject_name(subject), None, "what was acknowledged before to show in the answer",
                                "%s %s answered with %s" % (operation.op, brief(operation.params), brief(operation.result)))
                return
            ways = possible
        else:
            ways = {(value, waiting - {at}) for value, waiting in after}
    found = {shown(subject, value) for value, _ in all_ways(ways, changes)}
    if not found & ends:
        last = [operation for operation, _ in changes if operation.is_certain][-1:]
        verdict.violate("lost", subject_name(subject), None, "what was acknowledged: " + " or ".join(
            brief(value) for value in sorted(found)[:3]), "%s%s" % (
                brief(sorted(ends)[0]), ", the last acknowledged was %s" % last[0].op if last else ""))


def all_ways(ways, changes):
    """With those in flight happening now, in any order, or not yet."""
    reached, work = set(ways), list(ways)
    while work and len(reached) <= WAYS_MAX:
        value, waiting = work.pop()
        for at in waiting:
            operation, change = changes[at]
            for after in change(value, operation):
                way = (after, waiting - {at})
                if way not in reached:
                    reached.add(way)
                    work.append(way)
    return reached


def brief(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) < 200 else text[:200] + "..."


def subject_name(subject):
    return " ".join(str(part) for part in subject if part != "")


def text(value):
    return json.dumps(value, sort_keys=True)


# ---- what operations change ----


def changes_of(operation):
    """Pairs of a subject and the change."""
    op, params = operation.op, operation.params
    if op == "add_job":
        name = params.get("id") or (operation.result or {}).get("id")
        if name:
            yield ("job", name), add_of(params)
    elif op == "add_jobs":
        for spec in params["jobs"]:
            if "id" in spec:
                yield ("job", spec["id"]), add_of(spec)
    elif op in ("modify_job", "reschedule_job"):
        merged = params["changes"] if op == "modify_job" else {"trigger": params["trigger"]}
        yield ("job", params["job"]), modify_of(merged)
    elif op in ("pause_job", "resume_job"):
        yield ("job", params["job"]), pause_of(op == "pause_job")
    elif op == "remove_job":
        yield ("job", params["job"]), remove
    elif op in ("kv_set", "kv_incr"):
        script = "" if params.get("shared") else params.get("script", "")
        yield ("kv", script, params["key"]), set_kept if op == "kv_set" else add_to_kept
    elif op == "add_script":
        yield ("script", params["name"]), add_revision
    elif op == "rollback_script":
        yield ("script", params["name"]), roll_back
    elif op == "remove_script":
        yield ("script", params["name"]), remove
    elif op == "set_pool":
        yield ("pool", params["name"]), lambda value, _: [text(params["slots"])]
    elif op == "remove_pool":
        yield ("pool", params["name"]), remove


def remove(value, _):
    return [ABSENT] if value != ABSENT else []


def add_of(spec):
    def add(value, operation):
        # One that is there is replaced when it is finished or the spec says so: that it was accepted is enough.
        return [text({"spec": spec, "paused": spec.get("enabled") is False})]
    return add


def modify_of(changes):
    def modify(value, operation):
        if value == ABSENT:
            return []
        job = json.loads(value)
        before = job["spec"].get("enabled", True)
        job["spec"] = {key: item for key, item in {**job["spec"], **changes}.items() if item is not None}
        after = job["spec"].get("enabled", True)
        if before != after:
            job["paused"] = not after
        return [text(job)]
    return modify


def pause_of(is_paused):
    def pause(value, operation):
        if value == ABSENT:
            return []
        return [text({**json.loads(value), "paused": is_paused})]
    return pause


def add_revision(value, operation):
    """The newest is the last; the same again is no new one."""
    revisions, source = json.loads(value) or [], operation.params["source"]
    return [text([*revisions, source][-REVISIONS_KNOWN:] if revisions[-1:] != [source] else revisions)]


def roll_back(value, operation):
    """To the one before the newest, or to one that its number names: to any, as numbers are not known here."""
    revisions = json.loads(value) or []
    former = revisions[:-1] if operation.params.get("revision") else revisions[-2:-1]
    return [text([*revisions, source][-REVISIONS_KNOWN:]) for source in former]


def set_kept(value, operation):
    params = operation.params
    if "expected" in params and text(params["expected"]) != value:
        return []
    return [text(params.get("value"))]


def add_to_kept(value, operation):
    total = (json.loads(value) or 0) + operation.params.get("by", 1)
    if operation.is_certain and operation.result["value"] != total:
        return []
    return [text(total)]


# ---- what the store shows ----


def shown(subject, value):
    """Of a script's revisions the newest."""
    return text(json.loads(value)[-1]) if subject[0] == "script" and value != ABSENT else value


def final_values(store, history, subject):
    """The values that agree with the store; None: nothing can be said."""
    kind, name = subject[0], subject[-1]
    if kind == "kv":
        mine = [operation for operation in history.operations if operation.params.get("key") == name]
        if any("ttl" in operation.params for operation in mine):
            return None
        return {text(store.kv[subject[1:]][0] if subject[1:] in store.kv else None)}
    if kind == "script":
        return {text(store.sources[name]) if name in store.scripts else ABSENT}
    if kind == "pool":
        return {text(store.pools[name]) if name in store.pools else ABSENT}
    if any(spec["id"] == name for file in history.files for spec in file["jobs"]):
        return None  # its file says what it is
    job = store.by_id.get(name)
    if job is None:
        return {ABSENT} if not history.retention.get("age_us") else None
    if job.spec.get("unique") or job.spec.get("max_failures"):
        return None
    return {text({"spec": job.spec, "paused": job.state == PAUSED})}


def judge_all_or_none(store, history, verdict, registers):
    """Of jobs that were added together without an answer, all are there or none."""
    for operation in history.operations:
        if operation.op != "add_jobs" or operation.acked_us is not None:
            continue
        ids = [spec["id"] for spec in operation.params["jobs"] if len(registers["job", spec.get("id")]) == 1]
        there = [name for name in ids if name in store.by_id]
        if there and len(there) < len(ids) and not history.retention.get("age_us"):
            verdict.violate("torn", ids[0], None, "all %d jobs of one add_jobs or none" % len(ids), "%d" % len(there))


def judge_dead_letters(store, history, verdict):
    """Who sent them on, or threw them away, finds none of then."""
    for operation in history.operations:
        if operation.op not in ("retry_listener", "discard_dead_letters") or not operation.is_certain:
            continue
        name = operation.params["listener"]
        left = [died_us for died_us in store.dead_letters.get(name, ())
                if died_us < operation.sent_us and not history.is_ambiguous(died_us, operation.sent_us)]
        if left:
            verdict.violate("lost", name, None, "no dead letter of before %s" % operation.op, "%d" % len(left))
