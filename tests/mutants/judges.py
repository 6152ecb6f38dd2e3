"""Who may notice that something is wrong: the simulator, the checker over lives of the simulator, and the campaigns
against the real daemon. Each works in sizes that grow (lives or cycles), as long as it has no complaint."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass

PATIENCE_S = 300


@dataclass
class Verdict:
    complaint: str  # empty: it is content
    after: str      # how much it has seen


def run(tree, *command):
    """Its exit status and what it has said; a program that does not come to its end has failed too. Of what a
    mutant does nothing stays: neither files nor a daemon."""
    with tempfile.TemporaryDirectory(prefix="moonbeat-judge-", ignore_cleanup_errors=True) as scratch:
        process = subprocess.Popen(command, cwd=tree.root, env=os.environ | {"TMPDIR": scratch}, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace",
                                   start_new_session=True)
        try:
            said, complained = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return None, "no end within %d s" % PATIENCE_S
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
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
    """The checker, over what those lives of the simulator have left that CTest has it judge, too."""
    targets, sizes = ("sim",), (8,)

    def work(self, tree, size):
        for seed in range(1, size + 1):
            status, said = run(tree, sys.executable, "tests/sim/judge.py", tree.build_folder / "tests" / "sim",
                               "%d..%d" % (seed, seed))
            if status != 0:
                first = re.search(r"^seed \d+: (.*)", said, re.MULTILINE)
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
        if result["state"] in ("ok", "skipped"):
            return Verdict("", "%d cycles" % size)
        violation = next(iter(result["violations_list"]), None)
        complaint = "%(kind)s: %(text)s" % violation if violation else last_words(result["reason"])
        return Verdict(complaint, "%d cycles" % result["cycles"])


JUDGES = {"sim": Sim(), "judged": Judged(), "kill": Campaign("kill", (4, 12, 40)),
          "clock": Campaign("clock", (10, 100), "shim_clock_shim")}
