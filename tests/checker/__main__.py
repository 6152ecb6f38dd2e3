"""Was the promise kept? A judge over what a scheduler left behind, who knows nothing of its code.

    python3 tests/checker STORE --log client.jsonl [--log witness.jsonl ...] [--strict] [--json]

STORE is moonbeat.db, or the state folder that holds it; the daemon may be running or dead: the file and its
write-ahead log are copied first, and only the copy is opened. Exit status: 0 nothing is wrong, 1 something is, 64
wrong arguments, 65 the store or a log cannot be read.

The log is what clients and jobs themselves have seen: JSON objects, one per line, in the order in which they were
seen, in one file or several. All `_us` are microseconds since 1970 on the daemon's wall clock: a campaign that moves
that clock writes moved times. As such a clock cannot tell what was first, each line but those of jobs has a number
`n`, ascending from line to line; operations, and what they are to be compared with, stand in one file. A last line
that is cut off is ignored, as are members that are not named here. `is` says what a line is:

  op       an operation was sent and answered, or its connection broke before an answer came
             begin     a number like `n`, taken before it was sent
             client    who
             op        "add_job", "pause_job", "kv_set", ... and its `params`, as sent
             sent_us, acked_us   before it was sent, after its answer was read; acked_us null: no answer,
                       so that it may have happened, in the time until its daemon ended, or not
             result    the answer: then it has happened, and everything must show it from then on
             error     the answer {"code","message"}: then it has not happened. "unavailable" is no answer
  event    a client was pushed an event (`event`, as it came) at `at_us`; it is told after the commit of what it tells
  ran      a job was executed and wrote this itself, with O_APPEND, as its first act
             run       its own id ("tick@2026-11-21T09:00:00Z") and the number of its `attempt`
             job       in place of `run` for what does not know it, such as a command
             at_us     when
             result    what this attempt will return, if it says so
  file     a job file `script` was saved: it now declares `jobs`, a list of specs ({"id","trigger",...} as the
           operation add_job takes them; the trigger a text or an object), none: the file is gone. It happened between
           `from_us` and `written_us`; it is in force after the next "settled"
  daemon   `what` happened to the daemon at `at_us`: "started" (with `retention`: {"runs": kept of each job,
           "age_us": how long}), "ready" (answers), "killed", "ended"
  clock    its wall clock was set by `step_us` at `at_us`, the time before the step
  zones    an update of the tz database at `at_us`: by now some zones have the rules of others, `rules_of`: {name: other}
  fault    something was done to it: `what`, at `at_us`; with `until_us` something that kept it from writing until then;
           with `is_fatal` a write or sync of the store that failed, after which its daemon has to end
  answer   the script of the job `job`, whose trigger is in Lua, has said that it is due at `due_us`
  gone     by `at_us` the job `job` was not there any more, whose runs have the `number`
  settled  at `at_us` the daemon had all files in force, nothing open and nothing due: every due time up to then must
           have been decided, every file be in force

What is judged, and the kind under which a violation is told:

  integrity   SQLite finds the file damaged; nothing else is judged then
  lost        something acknowledged is not there: a job as it was added, changed, paused, removed; a kept value, a
              script, a pool, a run by hand
  answer      an answer that no order of the operations before explains
  torn        operations that are one, of which a part has happened
  unclaimed   a job ran without a claim in the store, or before it
  early       a claim, a begin or a run before its due time
  twice       an attempt ran twice, or an at_most_once job did
  unexecuted  a run is kept as succeeded, and the job itself knows nothing of it
  attempts, again   attempts that are missing, or that follow one after which there should be none (by the job's
              options: jobs that ask for attempts themselves are not for this checker)
  abandoned   a run that was cut off, or failed and may be retried, and did not run again
  finish, stale     an end that was told and is not kept, or twice; a result that is another attempt's
  fence, history    a fence that two attempts have; runs that cannot be found from the newest on
  missing, double, extra   a due time, or an event that a job waited for, that became nothing, or two things; something
              for a time that is not due, or for an event that has not happened or was not waited for
  count       a skip that says another number of due times than there are in it
  choice      of several that are late another one runs than the job's options say
  overlap     more runs of a job are open at once than it allows
  late        a run for a due time whose grace was over
  unsafe      something that a daemon did, although a write or sync of its store had failed
  reason      a skip whose reason is not one
  paused, removed   a job was claimed while it was paused for certain, or was gone
  moved       a trigger that is not the one that was acknowledged or declared, or that was begun anew by itself
  file        jobs that are not those of their file
  open        a run that had not ended when everything had
  unjudged    with --strict: something of which the checker can say nothing, such as a kind of trigger that it does not
              know. Campaigns are so strict: what they leave unjudged proves nothing
"""
import argparse
import json
import sys

from judge import judge
from reading import History, Store, Unreadable


def main():
    parser = argparse.ArgumentParser(prog="tests/checker", description=__doc__.split("\n\n", maxsplit=1)[0],
                                     allow_abbrev=False, exit_on_error=False)
    parser.add_argument("store", metavar="STORE")
    parser.add_argument("--log", action="append", required=True, metavar="FILE")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--json", action="store_true")
    try:
        options = parser.parse_args()
    except argparse.ArgumentError as error:
        parser.exit(64, "%s\n" % error)
    try:
        verdict = judge(Store(options.store), History(options.log))
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 65
    if options.strict:
        verdict.be_strict()
    print(json.dumps(verdict.as_json()) if options.json else verdict.as_text())
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
