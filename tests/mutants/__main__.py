"""Mutants: moonbeat with a mistake put in, each of which a campaign must catch.

    python3 tests/mutants [NAME...] [--each | --by JUDGE] [--list] [--check] [--json] [--scratch FOLDER]

A mutant is NAME.patch, a unified diff against the tree, below a header that says what it breaks, which promise
of the README that is, and who should notice (see mutant.py). Each is applied to a copy of the sources, which is
built as far as its judges need, and they work with more and more seeds or cycles until one complains (judges.py).
Before that all judges that are asked must be content with the copy as it is.

A mutant may name several judges; the first one that complains has caught it. --each asks all of them, and tells of
each; --by JUDGE asks that one alone, about the mutants that name it: what the checker catches, which knows nothing of
the code, is told by --by judged.

--check only sees that every patch applies without fuzz; CTest does, so that none rots.

Exit status: 0 all are caught (or apply); 1 one survives, is not judged in time, or does not apply; 64 wrong
arguments."""
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "support"))

from arguments import Parser  # noqa: E402
from judges import JUDGES, OutOfTime, ask, groups  # noqa: E402
from mutant import ROOT, read_all  # noqa: E402
from tree import Broken, Tree  # noqa: E402


def read_arguments(mutants):
    parser = Parser("tests/mutants", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; see --list")
    parser.add_argument("--list", action="store_true", help="say what mutants there are")
    parser.add_argument("--check", action="store_true", help="only see that they apply")
    parser.add_argument("--json", action="store_true", help="one object per mutant")
    parser.add_argument("--scratch", metavar="FOLDER", help="where it is built; kept, and faster the next time")
    parser.add_argument("--each", action="store_true", help="ask each of its judges")
    parser.add_argument("--by", metavar="JUDGE", help="ask this judge alone")
    options = parser.parse_args()
    parser.check_names("mutant", options.names, mutants)
    parser.check_names("judge", [options.by] if options.by else [], JUDGES)
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def check(chosen):
    """How many do not apply."""
    wrong = 0
    for mutant in chosen:
        complaint = mutant.try_patch(ROOT)
        if complaint:
            wrong += 1
            print("%s.patch: %s" % (mutant.name, complaint))
    print("%d mutants, %d do not apply" % (len(chosen), wrong))
    return wrong


def judge(tree, mutant, names):
    """What became of it, as --json shows it."""
    began = time.monotonic()
    result = {"mutant": mutant.name, "breaks": mutant.breaks, "asked": names, "state": "not judged", "caught_by": None,
              "after": None, "complaint": ""}
    try:
        with tree.mutated(mutant):
            result |= ask(names, tree)
    except Broken as broken:
        result["complaint"] = str(broken)
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def show(result):
    who = result["caught_by"] or "%s %s" % (result["state"].upper(), ",".join(result["asked"]))
    print("%-26s %-10s %-10s %6.1f s  %s" % (result["mutant"], who, result["after"] or "", result["seconds"],
                                          result["complaint"][:110]), flush=True)


def show_judges(caught, asked):
    for name in asked:
        say("%s: %d of %d caught" % (name, caught[name], asked[name]))


def see_unbroken(tree, names):
    """The complaint of a judge about the copy as it is: then its verdicts would be worth nothing."""
    for name in names:
        tree.build(JUDGES[name].targets)
        try:
            complaint = JUDGES[name].work(tree, JUDGES[name].sizes[0]).complaint
        except OutOfTime as out:
            complaint = str(out)
        if complaint:
            return "%s complains without a mutant: %s" % (name, complaint)
    return None


def hunt(chosen, options):
    count, caught, asked = Counter(), Counter(), Counter()
    work = [(mutant, names) for mutant in chosen for names in groups(mutant.judges, options.each, options.by)]
    with tempfile.TemporaryDirectory(prefix="moonbeat-mutants-") as scratch:
        tree = Tree(Path(options.scratch or scratch).resolve())
        say("building in %s" % tree.root)
        complaint = see_unbroken(tree, sorted({name for _, names in work for name in names}))
        if complaint:
            say(complaint)
            return 1
        for number, (mutant, names) in enumerate(work, 1):
            if sys.stderr.isatty():
                sys.stderr.write("%d of %d: %s\r" % (number, len(work), mutant.name))
            result = judge(tree, mutant, names)
            count[result["state"]] += 1
            asked[", ".join(names)] += 1
            caught[", ".join(names)] += result["state"] == "caught"
            if options.json:
                print(json.dumps(result), flush=True)
            else:
                show(result)
    if options.each or options.by:
        show_judges(caught, asked)
    say("%d mutants, %d survive, %d are not judged" % (len(chosen), count["survives"], count["not judged"]))
    return 0 if count["caught"] == len(work) else 1


def main():
    mutants = {mutant.name: mutant for mutant in read_all()}
    options = read_arguments(mutants)
    chosen = [mutants[name] for name in options.names or mutants]
    chosen = [mutant for mutant in chosen if not options.by or options.by in mutant.judges]
    if options.list:
        for mutant in chosen:
            print("%-26s %s (%s)" % (mutant.name, mutant.breaks, ", ".join(mutant.judges)))
        return 0
    if options.check:
        return 1 if check(chosen) else 0
    return hunt(chosen, options)


if __name__ == "__main__":
    sys.exit(main())
