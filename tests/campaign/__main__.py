"""Campaigns against the real daemon: faults by the thousand, and the checker's verdict.

    python3 tests/campaign [NAME...] [--long] [--cycles N] [--seed N] [--json] [--moonbeat PATH] [--keep]

Without NAME all of them, in their short form, as CTest runs them (label `campaign`); --long is the form that
takes hours. A campaign is a module campaign_NAME.py with a docstring, whose first sentence is shown by --list,
and a function campaign(rig); see rig.py. The same seed makes the same choices; what threads and disks make of
them differs.

Exit status: 0 nothing is wrong; 1 something is, and its folder is kept and named, in which violations.jsonl has all
that was found, as it was found, and result.json what --json says; 64 wrong arguments;
77 none of the campaigns can run here."""
import importlib
import json
import signal
import sys
import time
import traceback
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(1, str(FOLDER.parent / "support"))

from arguments import Parser  # noqa: E402
from rig import Failure, Rig, Skip  # noqa: E402

COLUMNS = ("cycles", "faults", "acknowledged", "fires", "runs", "skips", "violations")
VIOLATIONS_SHOWN = 20


def known_names():
    return sorted(path.stem.removeprefix("campaign_") for path in FOLDER.glob("campaign_*.py"))


def read_arguments():
    names = known_names()
    parser = Parser("tests/campaign", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--long", action="store_true", help="the form that takes hours")
    parser.add_argument("--cycles", type=int, help="so many cycles, in place of the form's own number")
    parser.add_argument("--seed", type=int, default=time.time_ns() // 1000 % 1_000_000_000)
    parser.add_argument("--json", action="store_true", help="one object per campaign")
    parser.add_argument("--moonbeat", default=str(FOLDER.parent.parent / "build" / "moonbeat"), metavar="PATH")
    parser.add_argument("--keep", action="store_true", help="keep the folders, also when nothing is wrong")
    parser.add_argument("--list", action="store_true", help="say what campaigns there are")
    options = parser.parse_args()
    parser.check_names("campaign", options.names, names)
    options.names = options.names or names
    return options


def run_one(name, options):
    """The campaign's result as --json shows it."""
    rig, state, reason = Rig(name, options), "ok", None
    try:
        importlib.import_module("campaign_" + name).campaign(rig)
    except Skip as skip:
        state, reason = "skipped", str(skip)
    except Failure as failure:
        state, reason = "failed", str(failure)
    except KeyboardInterrupt:
        state, reason = "interrupted", "by a signal"
    except Exception:  # a mistake of the campaign's own
        state, reason = "failed", traceback.format_exc()
    if rig.violations and state == "ok":
        state = "violated"
    keep = options.keep or state not in ("ok", "skipped")
    result = {"campaign": name, "state": state, "reason": reason, "seed": options.seed, **rig.total,
            "seconds": round(time.monotonic() - rig.begun, 1),
            "lateness_us": worst(rig.lateness), "notes": rig.notes,
            "violations_list": rig.violations, "folder": str(rig.scratch) if keep else None}
    (rig.scratch / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    rig.close(keep)
    return result


def worst(lateness):
    return {key: max(one[key] for one in lateness) for key in ("p50", "p99", "max")} if lateness else None


def show(result):
    print("\n%s: %s (seed %d)" % (result["campaign"], result["state"], result["seed"]))
    if result["reason"]:
        print("  " + result["reason"].replace("\n", "\n  "))
    for violation in result["violations_list"][:VIOLATIONS_SHOWN]:
        print("  %s: %s" % (violation["kind"], violation["text"]))
    if len(result["violations_list"]) > VIOLATIONS_SHOWN:
        print("  and %d more" % (len(result["violations_list"]) - VIOLATIONS_SHOWN))
    for note in result["notes"]:
        print("  " + note)
    if result["folder"]:
        print("  kept: " + result["folder"])


def show_table(results):
    print("\n%-12s %-11s" % ("campaign", "state") + "".join("%13s" % column for column in COLUMNS)
          + "%9s %12s  %s" % ("seconds", "seed", "lateness p50/p99/max ms"))
    for result in results:
        late = result["lateness_us"]
        print("%-12s %-11s" % (result["campaign"], result["state"])
              + "".join("%13d" % result[column] for column in COLUMNS)
              + "%9.1f %12d  %s" % (result["seconds"], result["seed"],
                                    "/".join("%.1f" % (late[k] / 1000) for k in late) if late else "-"))


def main():
    options = read_arguments()
    if options.list:
        for name in known_names():
            about = importlib.import_module("campaign_" + name).__doc__.split(".")[0]
            print("%-12s %s" % (name, " ".join(about.split())))
        return 0
    if not Path(options.moonbeat).is_file():
        print("there is no moonbeat at %s: build it, or say --moonbeat PATH" % options.moonbeat, file=sys.stderr)
        return 64
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that its daemons do not go on
    results = []
    for name in options.names:
        result = run_one(name, options)
        results.append(result)
        print(json.dumps(result), flush=True) if options.json else show(result)
        if result["state"] == "interrupted":
            break
    if not options.json:
        show_table(results)
    states = {result["state"] for result in results}
    if states == {"skipped"}:
        return 77
    return 0 if states <= {"ok", "skipped"} else 1


sys.exit(main())
