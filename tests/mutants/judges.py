"""Who may notice that something is wrong: the simulator, the checker over lives of the simulator, and the campaigns
against the real daemon. Each works in sizes that grow (lives or cycles), as long as it has no complaint.

What the checker can say nothing of (its `unjudged`) is no complaint: of a life that has broken off early much is.

What a program that hangs has done wrong is for the judge to say, by a limit of its own on what it waits for. One that
is not done after PATIENCE_S has said nothing, which is no verdict (OutOfTime)."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass

PATIENCE_S = 900
UNJUDGED = "unjudged"  # a kind of the checker's, which it tells behind all others


class OutOfTime(Exception):
    """No verdict: a judge has not come to its end."""


@dataclass
class Verdict:
    complaint: str  # empty: it is content
    after: str      # how much it has seen


def run(tree, *command):
    """Its exit status and what it has said; else raises OutOfTime. Of what a mutant does nothing stays: neither
    files nor a daemon."""
    with tempfile.TemporaryDirectory(prefix="moonbeat-judge-", ignore_cleanup_errors=True) as scratch, subprocess.Popen(
            command, cwd=tree.root, env=os.environ | {"TMPDIR": scratch}, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, errors="replace", start_new_session=True) as process:
        try:
            said, complained = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise OutOfTime("no end within %d s" % PATIENCE_S) from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said + complained


def last_words(said):
    return (said.strip().splitlines() or ["(nothing)"])[-1]


def blame_in(said):
    """The simulator's sentence and its seed."""
    return re.search(r"^seed (\d+): (.*)\n+again with", said.replace("\r", ""), re.MULTILINE)


class Sim:
    """The simulator, whose own book is compared after each step of a life; a seed is a life."""
    targets, sizes = ("sim",), (8, 60)

    def work(self, tree, size):
        status, said = run(tree, tree.build_folder / "tests" / "sim", "--seeds", "1..%d" % size)
        blame = blame_in(said)
        if blame:
            return Verdict(blame[2], "%s lives" % blame[1])
        # One in which not every state was reached is content with what it saw.
        if status == 0 or "were never reached" in said:
            return Verdict("", "%d lives" % size)
        return Verdict("ends with %s: %s" % (status, last_words(said)), "%d lives" % size)


class Judged:
    """The checker alone, over what those lives of the simulator have left that CTest has it judge, too: up to where
    their own book has found something, which is not asked."""
    targets, sizes = ("sim",), (8, 32)

    def work(self, tree, size):
        for seed in range(1, size + 1):
            status, said = run(tree, sys.executable, "tests/sim/judge.py", tree.build_folder / "tests" / "sim",
                               "%d..%d" % (seed, seed), "--checker-alone")
            first = re.search(r"^seed \d+: (.*)", said, re.MULTILINE)
            if status != 0 and not (first and first[1].startswith(UNJUDGED + ": ")):
                return Verdict(first[1] if first else last_words(said), "%d lives" % seed)
        return Verdict("", "%d lives" % size)


class Campaign:
    """A campaign against the real daemon, and the checker over what it leaves."""
    def __init__(self, name, sizes, *shims):
        self.name, self.sizes, self.targets = name, sizes, ("moonbeat", *shims)

    def work(self, tree, size):
        status, said = run(tree, sys.executable, "tests/campaign", self.name, "--cycles", str(size), "--seed", "1",
                           "--json", "--moonbeat", tree.build_folder / "moonbeat")
        result = next((json.loads(line) for line in said.splitlines() if line.startswith("{")), None)
        if not result:
            return Verdict("ends with %s: %s" % (status, last_words(said)), "%d cycles" % size)
        violation = next((one for one in result["violations_list"] if one["kind"] != UNJUDGED), None)
        if result["state"] in ("ok", "skipped") or result["state"] == "violated" and not violation:
            return Verdict("", "%d cycles" % size)
        complaint = "%(kind)s: %(text)s" % violation if violation else last_words(result["reason"])
        return Verdict(complaint, "%d cycles" % result["cycles"])


JUDGES = {"sim": Sim(), "judged": Judged(), "kill": Campaign("kill", (4, 12, 40)),
          "clock": Campaign("clock", (10, 100), "shim_clock_shim")}


def groups(names, is_each, by):
    """Lists of those that are asked together, until one of them complains: all, each by itself, or one that is wanted."""
    if by:
        return [[by]] if by in names else []
    return [[name] for name in names] if is_each else [names]


def work(judge, tree):
    """Its verdict, after as little work as it needs for a complaint."""
    for size in judge.sizes:
        verdict = judge.work(tree, size)
        if verdict.complaint:
            break
    return verdict


def ask(names, tree):
    """The first judge that complains. When none does, it has survived only if all of them have come to their end."""
    late = seen = ""
    for name in names:
        tree.build(JUDGES[name].targets)
        try:
            verdict = work(JUDGES[name], tree)
        except OutOfTime as out:
            late = "not judged in time by %s: %s" % (name, out)
            continue
        if verdict.complaint:
            return {"state": "caught", "caught_by": name, "after": verdict.after, "complaint": verdict.complaint}
        seen = "nobody complains: " + verdict.after
    return {"state": "not judged" if late else "survives", "complaint": late or seen}
