"""The checker, checked: a small right story is accepted, and the same with one thing wrong is refused under the name
of what is wrong."""
import json
import tempfile
import unittest
from pathlib import Path

import oracle
from reading import (BY_EVENT, BY_HAND, BY_SCHEDULE, FAILED, INTERRUPTED, PAUSED, PENDING, SUCCEEDED, TIMED_OUT, History, Store,
                     Unreadable, text_of)
from story import HOUR, MINUTE, SECOND, T0, at, right

CASES = Path(__file__).resolve().parent.parent / "cases"


class Accepts(unittest.TestCase):
    def test_a_right_story(self):
        story = right()
        self.assertEqual(story.kinds(), set())
        counts = story.verdict.counts
        self.assertEqual((counts["fires"], counts["runs"], counts["skips"], counts["acknowledged"]), (4, 3, 1, 1))
        self.assertEqual(story.verdict.late()["max"], 1100)
        self.assertFalse(story.verdict.unjudged)

    def test_what_was_not_answered_either_way(self):
        for happened in (True, False):
            story = right()
            if happened:
                story.add("maybe", at_us=at(4), acked=False, next_us=at(5))
            else:
                story.operate("add_job", at(4), acked=False, id="maybe", func="a.f", trigger="every 1h")
            story.say("daemon", what="killed", at_us=at(4) + 30 * SECOND)
            self.assertEqual(story.kinds(), set(), happened)

    def test_a_run_that_was_cut_off_and_ran_again(self):
        story = right()
        story.attempt("tick", at(5), 1, INTERRUPTED, 500)
        story.fence = 500
        story.run("tick", at(5), attempt=2)
        self.assertEqual(story.kinds(), set())

    def test_a_pause(self):
        story = right()
        story.operate("pause_job", at(4) + 40 * SECOND, job="tick")
        story.operate("resume_job", at(7) + 10 * SECOND, job="tick")
        story.skip("tick", at(5), at(7), 3, reason=2, recorded_us=at(7) + 10 * SECOND)
        story.run("tick", at(8))
        self.assertEqual(story.kinds(), set())

    def test_a_removal_that_has_not_happened(self):
        story = right()
        story.operate("remove_job", at(4) + 40 * SECOND, acked=False, job="tick")
        trigger = {"kind": "interval", "every": "2m", "start": text_of(at(6))}
        story.operate("reschedule_job", at(5) - 10 * SECOND, job="tick", trigger=trigger,
                      result={"id": "tick", "trigger": trigger, "next_run_at": text_of(at(6))})
        story.database.execute("UPDATE jobs SET trigger = ?, spec = json_set(spec, '$.trigger', json(?))",
                               (json.dumps(trigger), json.dumps(trigger)))
        story.run("tick", at(6))
        self.assertEqual(story.kinds(), set())
        story.run("tick", at(9))
        self.assertEqual(story.kinds(), {"extra"})

    def test_a_change_that_was_not_answered_and_has_not_happened(self):
        story = right()
        story.operate("reschedule_job", at(4) + 40 * SECOND, acked=False, job="tick", trigger="every 1h")
        story.run("tick", at(5))
        story.say("daemon", what="killed", at_us=at(5) + 30 * SECOND)
        story.say("daemon", what="ready", at_us=at(7) + 30 * SECOND)
        story.skip("tick", at(6), at(6), 1, recorded_us=at(7) + 31 * SECOND)
        story.run("tick", at(7), claimed_us=at(7) + 31 * SECOND)
        self.assertEqual(story.kinds(), set())

    def test_a_removed_job_that_ran_in_the_same_microsecond(self):
        story = right()
        story.by_hand("tick", at(5) + 7)
        story.operate("remove_job", at(5) + 8, acked=False, job="other")
        story.database.execute("INSERT INTO runs SELECT scheduled_us, 9, state, ?, attempt, 900, NULL, due_us, claimed_us,"
                               " started_us, finished_us, args, result, error, events FROM runs WHERE cause = ?",
                               (BY_SCHEDULE, BY_HAND))
        self.assertEqual(story.kinds(), set())

    def test_a_run_whose_end_could_not_be_written(self):
        for until_us, kinds in ((at(6), set()), (at(5) + SECOND, {"reason"})):
            story = right()
            story.run("tick", at(5), finished_us=at(5) + SECOND)
            story.say("fault", what="disk", at_us=at(5), until_us=until_us)
            story.skip("tick", at(6), at(6), 1, reason=1, recorded_us=at(6) + SECOND)
            self.assertEqual(story.kinds(), kinds)

    def test_a_run_by_hand_in_the_moment_of_a_skip(self):
        story = right()
        story.by_hand("tick", at(5) + 5000)
        story.skip("tick", at(5), at(5), 1, reason=1, recorded_us=at(5) + 5000)
        self.assertEqual(story.kinds(), set())

    def test_a_run_that_was_cancelled_and_timed_out(self):
        for result in ({"run": "flaky@" + text_of(at(4)), "state": "cancelling"}, None):
            story = right()
            story.add("flaky", retry={"attempts": 2}, at_us=at(3), next_us=at(5))
            story.run("flaky", at(4), state=TIMED_OUT)
            story.operate("cancel_run", at(4) + 3000, acked=bool(result), result=result, run="flaky")
            self.assertEqual(story.kinds(), set(), result)

    def test_a_clock_that_was_set_back(self):
        story = right()
        story.say("clock", at_us=at(5) + 10 * SECOND, step_us=-30 * SECOND)
        story.run("tick", at(5), claimed_us=at(5) + 1000, witness_us=at(5) - 10 * SECOND)
        self.assertEqual(story.kinds(), set())

    def test_a_due_time_of_both_triggers_that_was_told_to_be_the_first(self):
        """It came while the change was on its way."""
        story = right()
        trigger = {"kind": "interval", "every": "2m", "start": text_of(at(1))}
        story.run("tick", at(5), claimed_us=at(5) + SECOND // 2)
        story.say("op", begin=story.n, client="c", op="reschedule_job", params={"job": "tick", "trigger": trigger},
                  sent_us=at(5) - SECOND, acked_us=at(5) + SECOND,
                  result={"id": "tick", "trigger": trigger, "next_run_at": text_of(at(5))})
        story.database.execute("UPDATE jobs SET trigger = ?, spec = json_set(spec, '$.trigger', json(?))",
                               (json.dumps(trigger), json.dumps(trigger)))
        story.run("tick", at(7))
        story.database.execute("UPDATE job_progress SET next_us = ?", (at(9),))
        self.assertEqual(story.kinds(), set())

    def test_a_trigger_that_was_changed_when_the_clock_was_set_back(self):
        """Until then due times up to 5.5 minutes had been decided, and those of the new trigger begin at 3.5."""
        def change(story, *minutes):
            story.run("tick", at(5))
            story.say("clock", at_us=at(5.5), step_us=-3 * MINUTE)
            trigger = {"kind": "interval", "every": "2m", "start": text_of(at(3.5))}
            story.operate("reschedule_job", at(3), job="tick", trigger=trigger,
                          result={"id": "tick", "trigger": trigger, "next_run_at": text_of(at(3.5))})
            story.database.execute("UPDATE jobs SET trigger = ?, spec = json_set(spec, '$.trigger', json(?))",
                                   (json.dumps(trigger), json.dumps(trigger)))
            story.database.execute("UPDATE job_progress SET next_us = ?", (at(9.5),))
            for minute in minutes:
                story.run("tick", at(minute))
            return story.kinds()
        self.assertEqual(change(right(), 3.5, 5.5, 7.5), set())
        self.assertEqual(change(right(), 3.5, 5.5), {"missing"})
        self.assertEqual(change(right(), 3.5, 5.5, 7.5, 8), {"extra"})

    def test_a_skip_that_began_before_what_the_clock_has_shown_twice(self):
        """Both triggers are due at each minute, the second one since an hour before the first."""
        def minute(number):
            return T0 // MINUTE * MINUTE + number * MINUTE
        trigger = {"kind": "cron", "expression": "*/1 * * * *"}
        for last, kinds in ((2, set()), (-20, {"missing"})):
            story = right()
            story.add("each", trigger={"kind": "cron", "expression": "* * * * *"}, answer_us=minute(1), next_us=minute(4))
            story.run("each", minute(1))
            story.skip("each", minute(2), minute(3), 2, recorded_us=minute(4))
            story.run("each", minute(4))
            story.say("clock", at_us=minute(4) + 10 * SECOND, step_us=-HOUR)
            story.operate("reschedule_job", minute(-56) + 20 * SECOND, job="each", trigger=trigger,
                          result={"id": "each", "trigger": trigger, "next_run_at": text_of(minute(-55))})
            story.database.execute("UPDATE jobs SET trigger = ?1, spec = json_set(spec, '$.trigger', json(?1))"
                                   " WHERE id = 'each'", (json.dumps(trigger),))
            story.run("each", minute(-55))
            story.say("clock", at_us=minute(-55) + SECOND, step_us=59 * MINUTE)
            story.skip("each", minute(-54), minute(last), last + 55, recorded_us=minute(4) + SECOND)
            story.run("each", minute(3), claimed_us=minute(4) + SECOND)
            self.assertEqual(story.kinds(), kinds)

    def test_a_file_that_was_saved_before_the_clock_was_set_back(self):
        """It was read by the one time or the other."""
        for next_us, kinds in ((T0 + 80 * SECOND, set()), (T0 + 200 * SECOND, {"missing"})):
            story = right()
            story.say("file", script="b", jobs=[{"id": "x", "trigger": "*/2 * * * *"}], from_us=at(1), written_us=at(1))
            story.say("clock", at_us=at(1), step_us=-5 * MINUTE)
            story.say("settled", at_us=at(-4) + SECOND)
            story.database.execute("INSERT INTO jobs VALUES(7, 'x', 0, 'b', ?, '{}')", (
                json.dumps({"kind": "cron", "expression": "*/2 * * * *"}),))
            story.database.execute("INSERT INTO job_progress VALUES(7, 0, ?, NULL, 0, NULL, NULL)", (next_us,))
            self.assertEqual(story.kinds(), kinds)


class Refuses(unittest.TestCase):
    def refuse(self, kind, change, *others):
        for steps_us in ((), (-SECOND,), (-HOUR, HOUR)):  # a step makes blind for what it touches, and for no more
            story = right(*steps_us)
            change(story)
            self.assertEqual(story.kinds(), {kind, *others}, steps_us)

    def test_a_due_time_without_anything(self):
        self.refuse("missing", lambda story: story.database.execute("DELETE FROM skips"))

    def test_a_due_time_left_out_at_the_begin_or_the_end(self):
        self.refuse("missing", lambda story: story.database.executescript(
            "DELETE FROM runs WHERE scheduled_us = %d" % at(1)), "unclaimed")
        self.refuse("missing", lambda story: story.say("settled", at_us=at(6)))
        self.refuse("missing", lambda story: story.database.execute("UPDATE job_progress SET next_us = ?", (at(9),)))

    def test_two_things_for_one_due_time(self):
        self.refuse("double", lambda story: story.skip("tick", at(2), at(2), 1, recorded_us=at(3)), "reason")
        self.refuse("double", lambda story: story.run("tick", at(4), witness=False, previous_us=at(2)), "overlap")

    def test_a_run_for_no_due_time(self):
        self.refuse("extra", lambda story: story.run("tick", at(5) + 7))

    def test_a_claim_before_its_time(self):
        self.refuse("early", lambda story: story.run("tick", at(5), claimed_us=at(5) - 1, witness_us=at(5) + 1))

    def test_a_run_before_its_time(self):
        self.refuse("early", lambda story: story.run("tick", at(5), witness_us=at(5) - 1), "unclaimed")

    def test_a_run_before_its_claim(self):
        self.refuse("unclaimed", lambda story: story.run("tick", at(5), witness_us=at(5) + 500))

    def test_a_run_without_a_claim(self):
        self.refuse("unclaimed", lambda story: story.ran("tick", at(5), 1, at(5) + 1))

    def test_an_attempt_that_ran_twice(self):
        self.refuse("twice", lambda story: story.ran("tick", at(4), 1, at(4) + 2000))

    def test_at_most_once(self):
        def change(story):
            story.add("careful", delivery="at_most_once", at_us=at(3), next_us=at(5))
            story.attempt("careful", at(4), 1, INTERRUPTED, 900)
            story.fence = 900
            story.run("careful", at(4), attempt=2)
        self.refuse("twice", change)

    def test_an_attempt_after_success_or_without_the_one_before(self):
        def change(story):
            story.attempt("tick", at(5), 1, SUCCEEDED, 500)
            story.fence = 500
            story.run("tick", at(5), attempt=2)
        self.refuse("again", change)
        self.refuse("attempts", lambda story: story.run("tick", at(5), attempt=2))

    def test_a_run_that_was_cut_off_and_left_so(self):
        self.refuse("abandoned", lambda story: story.run("tick", at(5), state=INTERRUPTED))

    def test_a_run_that_was_left_so_after_stops(self):
        def change(error):
            def with_error(story):
                for number in range(1, 5):
                    story.attempt("tick", at(5), number, INTERRUPTED, 500 + number)
                story.database.execute("UPDATE attempts SET error = ?", (error,))
                story.fence = 600
                story.run("tick", at(5), attempt=5, state=INTERRUPTED)
            return with_error
        self.refuse("abandoned", change("cut off by a stop of the daemon: jobs/a.lua:1: told"))
        story = right()
        change("cut off by the end of the daemon")(story)
        self.assertEqual(story.kinds(), set())

    def test_a_run_that_failed_and_was_not_retried(self):
        def change(story):
            story.add("flaky", retry={"attempts": 2}, at_us=at(3), next_us=at(5))
            story.run("flaky", at(4), state=FAILED)
            story.operate("cancel_run", at(4) + 9000, result={"run": "tick@" + text_of(at(4))}, run="tick")
        self.refuse("abandoned", change)

    def test_a_fence_that_is_not_alone(self):
        self.refuse("fence", lambda story: story.run("tick", at(5), fence=101), "history")

    def test_a_result_of_another_attempt(self):
        def change(story):
            story.run("tick", at(5), witness=False, result="1")
            story.ran("tick", at(5), 1, at(5) + 1200, result=2)
        self.refuse("stale", change)

    def test_a_success_of_which_the_job_knows_nothing(self):
        self.refuse("unexecuted", lambda story: story.run("tick", at(5), witness=False))

    def test_an_end_that_was_told_and_is_not_kept(self):
        event = {"event": "job_executed", "run": "tick@" + text_of(at(5)), "attempt": 1}

        def change(story):
            story.run("tick", at(5), state=FAILED)
            story.say("event", at_us=at(5) + 9000, event=event)
        self.refuse("finish", change)

    def test_runs_that_are_not_linked(self):
        self.refuse("history", lambda story: story.database.execute("UPDATE runs SET previous_us = NULL"))

    def test_a_run_that_is_still_open(self):
        self.refuse("open", lambda story: story.by_hand("tick", at(3) + 7, state=PENDING, witness=False))

    def test_a_skip_that_counts_wrongly(self):
        self.refuse("count", lambda story: story.database.execute("UPDATE skips SET count = 2"))

    def test_a_skip_for_no_reason(self):
        self.refuse("reason", lambda story: story.database.execute("UPDATE skips SET reason = 1"))
        self.refuse("reason", lambda story: story.database.execute("UPDATE skips SET reason = 2"))
        self.refuse("reason", lambda story: story.database.execute("UPDATE skips SET recorded_us = ?", (at(3) + 1000,)))

    def test_a_skip_for_what_was_claimed_behind_it(self):
        """Whatever the job does while runs are open."""
        def change(story):
            story.add("buffers", overlap="buffer_all", buffer_limit=1, at_us=at(3), next_us=at(6))
            story.skip("buffers", at(4), at(4), 1, reason=1, recorded_us=at(5) + 1000)
            story.run("buffers", at(5), claimed_us=at(5) + 1000)
        self.refuse("reason", change)

    def test_a_run_of_another_than_the_latest(self):
        self.refuse("choice", lambda story: story.run("tick", at(5), claimed_us=at(6)))

    def test_a_run_beside_another(self):
        self.refuse("overlap", lambda story: (story.run("tick", at(5), finished_us=at(6) + SECOND),
                                              story.run("tick", at(6), claimed_us=at(6) + 1000)))

    def test_runs_that_one_instant_has_claimed(self):
        """One by hand, and one for a due time before it, whose turn comes when the first one ends: in that instant, or
        too early."""
        for first_us, kinds in ((at(5.5), set()), (at(5.5) + 1000, {"overlap"})):
            story = right()
            story.by_hand("tick", at(5.5), finished_us=first_us, witness_us=at(5.5))
            story.run("tick", at(5), claimed_us=at(5.5), finished_us=at(5.6))
            story.database.execute("UPDATE runs SET started_us = claimed_us")
            self.assertEqual(story.kinds(), kinds)

    def test_a_run_after_its_grace(self):
        def change(story):
            story.add("strict", misfire_grace_time="10s", at_us=at(3), next_us=at(4))
            story.run("strict", at(4), claimed_us=at(4) + 20 * SECOND)
        self.refuse("late", change)

    def test_a_run_while_paused(self):
        def change(story):
            story.operate("pause_job", at(4) + 40 * SECOND, job="tick")
            story.run("tick", at(5))
            story.database.execute("UPDATE job_progress SET state = ?", (PAUSED,))
        self.refuse("paused", change)

    def test_a_run_of_what_was_removed(self):
        def change(story):
            story.operate("remove_job", at(4) + 40 * SECOND, job="tick")
            story.run("tick", at(5))
            story.database.execute("DELETE FROM jobs")
        self.refuse("removed", change, "extra")

    def test_a_trigger_that_was_begun_anew(self):
        def change(story):
            trigger = {"kind": "interval", "every": "%dus" % MINUTE, "anchor": text_of(at(2))}
            story.database.execute("UPDATE jobs SET trigger = ?", (json.dumps(trigger),))
        self.refuse("moved", change)

    def test_acknowledged_and_lost(self):
        self.refuse("lost", lambda story: story.operate("add_job", at(4), id="x", func="a.f"))
        self.refuse("lost", lambda story: story.operate("pause_job", at(4), job="tick"))
        self.refuse("lost", lambda story: story.operate("kv_set", at(4), key="k", value=1))
        self.refuse("lost", lambda story: story.operate("add_script", at(4), name="s", source="x = 1"))
        self.refuse("lost", lambda story: story.operate("run_now", at(4), job="tick",
                                                        result={"run": "tick@" + text_of(at(4) + 7)}))
        self.refuse("lost", lambda story: story.operate("modify_job", at(4), job="tick", changes={"priority": 3}))

    def test_an_order_that_cannot_be(self):
        def change(story):
            for result in (1, 1):
                story.operate("kv_incr", at(4), key="k", result={"value": result})
            story.database.execute("INSERT INTO kv VALUES('', 'k', '2', NULL)")
        self.refuse("answer", change)

    def test_a_part_of_what_is_one(self):
        def change(story):
            specs = [{"id": name, "func": "a.f"} for name in "xy"]
            story.operate("add_jobs", at(4), acked=False, jobs=specs)
            story.database.execute("INSERT INTO jobs VALUES(7, 'x', 1, 'a', NULL, ?)", (json.dumps(specs[0]),))
            story.database.execute("INSERT INTO job_progress VALUES(7, 0, NULL, NULL, 0, NULL, NULL)")
        self.refuse("torn", change)

    def test_a_file_that_is_not_in_force(self):
        def change(story):
            story.say("file", script="b", jobs=[{"id": "x"}], from_us=at(4), written_us=at(4))
            story.say("settled", at_us=at(4) + 50 * SECOND)
        self.refuse("file", change)

    def test_another_event_than_its_file_says(self):
        for said, kinds in (("on_event order filter=(shop=berlin)", set()), ("on_event order", {"file"})):
            story = right()
            story.say("file", script="b", jobs=[{"id": "x", "trigger": said}], from_us=at(4), written_us=at(4))
            story.say("settled", at_us=at(4) + 50 * SECOND)
            story.database.execute("INSERT INTO jobs VALUES(7, 'x', 0, 'b', ?, '{}')", (json.dumps(ORDERS),))
            story.database.execute("INSERT INTO job_progress VALUES(7, 0, NULL, NULL, 0, NULL, NULL)")
            self.assertEqual(story.kinds(), kinds)

    def test_what_is_no_store_and_no_log(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "moonbeat.db"
            self.assertRaises(Unreadable, Store, path)
            path.write_text("this is not a database" * 100)
            self.assertRaises(Unreadable, Store, path)
            path.write_text('{"is": "nothing known"}\n')
            self.assertRaises(Unreadable, History, [path])

    def test_a_store_that_is_damaged(self):
        story = right()
        story.database.executescript("UPDATE jobs SET spec = NULL; PRAGMA writable_schema = ON;"
                                     "UPDATE sqlite_schema SET sql = replace(sql, 'spec', 'spec NOT NULL')")
        self.assertEqual(story.kinds(), {"integrity"})

    def test_a_row_that_no_daemon_writes(self):
        for spec in (None, "{"):
            story = right()
            story.database.execute("UPDATE jobs SET spec = ?", (spec,))
            self.assertRaises(Unreadable, story.kinds)


class Zones(unittest.TestCase):
    """43 minutes past each hour in Kolkata, 13 minutes by UTC; from some moment on it has Kathmandu's rules, 58."""

    def change(self, *minutes):
        story = right()
        hour = T0 // HOUR * HOUR
        trigger = {"kind": "cron", "expression": "43 * * * *", "timezone": "Asia/Kolkata"}
        story.add("hourly", trigger=trigger, next_us=hour + 398 * MINUTE, answer_us=hour + 13 * MINUTE)
        story.say("zones", at_us=hour + 90 * MINUTE, rules_of={"Asia/Kolkata": "Asia/Kathmandu"})
        for minute in (13, 73, *minutes):
            story.run("hourly", hour + minute * MINUTE)
        return story.kinds()

    def test_other_rules(self):
        self.assertEqual(self.change(118, 178, 238, 298, 358), set())

    def test_what_stood(self):
        self.assertEqual(self.change(133, 178, 238, 298, 358), set())

    def test_what_stood_before_the_clock_was_set_back(self):
        """It was off from minute 60 until 179; what is decided at minute 82 comes after that all the same."""
        story = right()
        hour = T0 // HOUR * HOUR
        story.add("hourly", trigger={"kind": "cron", "expression": "43 * * * *", "timezone": "Asia/Kolkata"},
                  answer_us=hour + 13 * MINUTE, next_us=hour + 83 * MINUTE)
        story.run("hourly", hour + 13 * MINUTE)
        story.say("zones", at_us=hour + 130 * MINUTE, rules_of={"Asia/Kolkata": "Asia/Kathmandu"})
        story.skip("hourly", hour + 73 * MINUTE, hour + 118 * MINUTE, 2, recorded_us=hour + 179 * MINUTE)
        story.run("hourly", hour + 178 * MINUTE, claimed_us=hour + 179 * MINUTE)
        story.say("clock", at_us=hour + 180 * MINUTE, step_us=-100 * MINUTE)
        trigger = {"kind": "interval", "every": "1m", "start": text_of(hour + 82 * MINUTE)}
        story.operate("reschedule_job", hour + 81 * MINUTE, job="hourly", trigger=trigger,
                      result={"id": "hourly", "trigger": trigger, "next_run_at": trigger["start"]})
        story.run("hourly", hour + 82 * MINUTE)
        story.database.execute("UPDATE jobs SET trigger = ?1, spec = json_set(spec, '$.trigger', json(?1))"
                               " WHERE id = 'hourly'", (json.dumps(trigger),))
        self.assertEqual(story.kinds(), set())

    def test_one_that_is_left_out(self):
        self.assertEqual(self.change(118, 178, 298, 358), {"missing"})
        self.assertEqual(self.change(118, 178, 238, 298), {"missing"})

    def test_one_by_the_old_rules(self):
        self.assertEqual(self.change(118, 178, 193, 238, 298, 358), {"extra"})

    def come(self, *minutes, happens=(), **rows):
        """What was due at minute 133 by the old rules, and had come when they changed at 135, waited; by the new ones
        the next is at 178."""
        story = right()
        hour = T0 // HOUR * HOUR
        trigger = {"kind": "cron", "expression": "43 * * * *", "timezone": "Asia/Kolkata"}
        story.add("hourly", trigger=trigger, next_us=hour + rows.get("next", 238) * MINUTE, answer_us=hour + 13 * MINUTE)
        for minute in (13, 73):
            story.run("hourly", hour + minute * MINUTE)
        story.say("zones", at_us=hour + 135 * MINUTE, rules_of={"Asia/Kolkata": "Asia/Kathmandu"})
        for kind, facts in happens:
            story.say(kind, at_us=hour + 136 * MINUTE, **facts)
        for minute in minutes:
            story.run("hourly", hour + minute * MINUTE, claimed_us=hour + max(minute, 136) * MINUTE + 1000)
        return story.kinds()

    def test_what_had_come(self):
        self.assertEqual(self.come(133, 178), set())
        self.assertEqual(self.come(next=133), set())
        self.assertEqual(self.come(178), {"missing"})
        self.assertEqual(self.come(next=178), {"missing"})

    def earliest(self, claimed, *skips):
        """Due each even minute in Kolkata, each odd one by Kathmandu's rules, which come at 134.5 while the daemon is down:
        the 136 that stood runs first when it is there again at 141, and of what lies behind it these are skipped."""
        story = right()
        hour = T0 // HOUR * HOUR
        trigger = {"kind": "cron", "expression": "*/2 * * * *", "timezone": "Asia/Kolkata"}
        story.add("often", trigger=trigger, at_us=hour + 131 * MINUTE, next_us=hour + 143 * MINUTE,
                  answer_us=hour + 132 * MINUTE, coalesce="earliest")
        for minute in (132, 134):
            story.run("often", hour + minute * MINUTE)
        story.say("daemon", what="killed", at_us=hour + 134 * MINUTE + SECOND)
        story.say("zones", at_us=hour + 134 * MINUTE + 30 * SECOND, rules_of={"Asia/Kolkata": "Asia/Kathmandu"})
        story.say("daemon", what="started", at_us=hour + 141 * MINUTE + SECOND)
        if claimed:
            story.run("often", hour + 136 * MINUTE, claimed_us=hour + claimed * MINUTE + SECOND)
        for first, last in skips:
            story.skip("often", hour + first * MINUTE, hour + last * MINUTE, (last - first) // 2 + 1,
                       recorded_us=hour + 141 * MINUTE + SECOND)
        return story.kinds()

    def test_the_earliest_stood(self):
        self.assertEqual(self.earliest(141, (137, 141)), set())

    def test_the_earliest_did_not_run_when_it_was_late(self):
        self.assertEqual(self.earliest(136, (137, 141)), {"reason"})
        self.assertEqual(self.earliest(None, (137, 141)), {"reason"})
        self.assertEqual(self.earliest(141, (137, 137), (139, 141)), {"reason"})

    def test_what_had_come_and_was_found_anew(self):
        """By the rules of then, as the daemon was cut off or could not write."""
        killed, started = ("daemon", {"what": "killed"}), ("daemon", {"what": "started"})
        full = ("fault", {"what": "disk", "until_us": T0 // HOUR * HOUR + 137 * MINUTE})
        for happens in ([killed, started], [full]):
            self.assertEqual(self.come(178, happens=happens), set())


ORDERS = {"kind": "on_event", "event": "order", "filter": {"shop": "berlin"}}
AFTER = {"kind": "after_job", "job": "tick"}


def heard_of(story, at_us=None, state="succeeded"):
    """What a job hears of a run of tick that has ended."""
    return {"event": "after_job", "at": text_of((at_us or at(4)) + 6000), "job": "tick", "state": state,
            "run": "tick@" + text_of(at_us or at(4)), "result": None, "error": None}


class Events(unittest.TestCase):
    """Jobs that wait for events: an order of two shops, of which one is waited for."""

    def begin(self, **options):
        story = right()
        story.wait("pack", {**ORDERS, **options}, at_us=at(5))
        return story

    def test_right_stories(self):
        story = self.begin()
        story.emit(at(5.5), shop="london", n=1)
        story.heard("pack", at(6), story.emit(at(6), shop="berlin", n=2))
        story.queue("pack", story.emit(at(7), shop="berlin", n=3))
        self.assertEqual(story.kinds(), set())
        self.assertFalse(story.verdict.unjudged)
        self.assertEqual(story.verdict.counts["events_due"], 2)

    def test_one_that_was_not_answered_either_way(self):
        for happened in (True, False):
            story = self.begin()
            event = story.emit(at(6), acked=False, shop="berlin")
            if happened:
                story.heard("pack", at(6), event)
            self.assertEqual(story.kinds(), set(), happened)

    def test_one_without_a_run(self):
        story = self.begin()
        story.emit(at(6), shop="berlin")
        self.assertEqual(story.kinds(), {"missing"})

    def test_two_runs_of_one(self):
        story = self.begin()
        event = story.emit(at(6), shop="berlin")
        story.heard("pack", at(6), event)
        story.queue("pack", event)
        self.assertEqual(story.kinds(), {"double"})

    def test_the_same_twice(self):
        story = self.begin()
        for minute in (6, 7):
            story.heard("pack", at(minute), story.emit(at(minute), shop="berlin"))
        self.assertEqual(story.kinds(), set())

    def test_a_run_of_what_has_not_happened(self):
        story = self.begin()
        story.heard("pack", at(6), {"event": "order", "at": text_of(at(6)), "shop": "berlin"})
        self.assertEqual(story.kinds(), {"extra"})

    def test_a_run_of_what_it_did_not_wait_for(self):
        story = self.begin()
        story.heard("pack", at(6), story.emit(at(6), shop="london"))
        self.assertEqual(story.kinds(), {"extra"})

    def test_a_run_without_an_event_or_by_the_clock(self):
        story = self.begin()
        story.heard("pack", at(6))
        self.assertEqual(story.kinds(), {"extra"})
        story = self.begin()
        story.run("pack", at(6))
        self.assertEqual(story.kinds(), {"extra"})
        story = right()
        story.heard("tick", at(5) + 7)
        self.assertEqual(story.kinds(), {"extra"})

    def test_a_run_before_its_event(self):
        story = self.begin()
        story.heard("pack", at(6) - 10, story.emit(at(6), shop="berlin"))
        self.assertEqual(story.kinds(), {"early"})

    def test_what_came_before_the_job(self):
        story = right()
        event = story.emit(at(4.5), shop="berlin")
        story.wait("pack", ORDERS, at_us=at(5))
        self.assertEqual(story.kinds(), set())
        story.heard("pack", at(6), event)
        self.assertEqual(story.kinds(), {"extra"})

    def test_another_revision(self):
        """What comes before a change is wanted by the trigger of then, what comes behind it by that of now."""
        def change(heard):
            story = self.begin()
            events = [story.emit(at(6), shop="berlin"), story.emit(at(6), shop="london")]
            trigger = {**ORDERS, "filter": {"shop": "london"}}
            story.operate("reschedule_job", at(7), job="pack", trigger=trigger, result={"trigger": trigger})
            story.database.execute("UPDATE jobs SET trigger = ?, spec = json_set(spec, '$.trigger', json(?)) WHERE id = 'pack'",
                                   (json.dumps(trigger), json.dumps(trigger)))
            events += [story.emit(at(8), shop="berlin", n=1), story.emit(at(8), shop="london", n=1)]
            for index in heard:
                story.heard("pack", at(9 + index), events[index])
            return story.kinds()
        self.assertEqual(change((0, 3)), set())
        self.assertEqual(change((0, 2, 3)), {"extra"})
        self.assertEqual(change((3,)), {"missing"})

    def test_a_pause(self):
        def pause(skipped, is_heard=False):
            story = self.begin()
            story.operate("pause_job", at(6), job="pack")
            event = story.emit(at(7), shop="berlin")
            story.operate("resume_job", at(8), job="pack")
            if skipped:
                story.skip("pack", at(7), at(7), skipped, reason=2, recorded_us=at(7))
            if is_heard:
                story.heard("pack", at(8), event)
            return story.kinds()
        self.assertEqual(pause(1), set())
        self.assertEqual(pause(0), {"missing"})
        self.assertEqual(pause(2), {"extra"})
        self.assertEqual(pause(1, is_heard=True), {"paused"})

    def test_a_skip_of_what_waits(self):
        for reason in (0, 1, 4):
            story = self.begin()
            story.queue("pack", story.emit(at(6), shop="berlin"))
            story.skip("pack", at(6), at(6), 1, reason=reason)
            self.assertEqual(story.kinds(), {"reason"})

    def test_how_many_and_when(self):
        def burst(claimed_us, *seconds, **options):
            story = self.begin(**options)
            events = [story.emit(at(6) + round(after * SECOND), shop="berlin", n=after) for after in seconds]
            story.heard("pack", claimed_us, *events)
            return story.kinds()
        self.assertEqual(burst(at(6) + 4 * SECOND, 0, 1, debounce="3s"), set())
        self.assertEqual(burst(at(6) + 3 * SECOND, 0, 1, debounce="3s"), {"early"})
        self.assertEqual(burst(at(6) + SECOND, 0, 1, debounce="3s", batch=2), set())
        self.assertEqual(burst(at(6) + SECOND, 0, 1), {"count"})

    def test_a_throttle(self):
        for after, kinds in ((9, {"early"}), (10, set())):
            story = self.begin(throttle="10s")
            story.heard("pack", at(6), story.emit(at(6), shop="berlin", n=1))
            story.heard("pack", at(6) + after * SECOND, story.emit(at(6) + SECOND, shop="berlin", n=2))
            self.assertEqual(story.kinds(), kinds)

    def test_the_later_one_first(self):
        story = self.begin()
        events = [story.emit(at(6), shop="berlin", n=n) for n in (1, 2)]
        for event in reversed(events):
            story.heard("pack", at(6) + event["n"] * SECOND, event)
        self.assertEqual(story.kinds(), {"choice"})

    def test_one_that_waits_although_nothing_keeps_it(self):
        story = self.begin()
        story.queue("pack", story.emit(at(6), shop="berlin"))
        story.database.execute("UPDATE job_progress SET next_us = ?", (at(12),))
        for minute in range(5, 12):
            story.run("tick", at(minute))
        story.say("settled", at_us=at(11))
        self.assertEqual(story.kinds(), {"missing"})

    def test_the_end_of_another_job(self):
        def after(*heard, **options):
            story = right()
            story.wait("ship", {**AFTER, **options}, at_us=at(3.5), overlap="allow")
            for count, event in enumerate(heard):
                story.heard("ship", at(4) + 7000 + count, event)
            return story.kinds()
        self.assertEqual(after(heard_of(None)), set())
        self.assertEqual(after(), {"missing"})
        self.assertEqual(after(heard_of(None), heard_of(None)), {"double"})
        self.assertEqual(after(heard_of(None), heard_of(None, at(3))), {"extra"})
        self.assertEqual(after(heard_of(None), heard_of(None, at(2))), {"extra"})
        self.assertEqual(after(outcome="failed"), set())
        self.assertEqual(after(heard_of(None), outcome="failed"), {"extra"})

    def test_attempts_that_failed(self):
        for heard, kinds in (((1, 2), set()), ((1,), {"missing"}), ((1, 2, 3), {"extra"})):
            story = right()
            story.add("flaky", retry={"attempts": 3}, at_us=at(3), next_us=at(5))
            story.wait("alarm", {"kind": "on_event", "event": "job_error", "filter": {"job": "flaky"}}, at_us=at(3))
            for attempt in (1, 2):
                story.attempt("flaky", at(4), attempt, FAILED, 500 + attempt)
            story.fence = 600
            story.run("flaky", at(4), attempt=3)
            for attempt in heard:
                story.heard("alarm", at(4) + SECOND * attempt, {
                    "event": "job_error", "at": text_of(at(4) + 2000), "job": "flaky", "run": "flaky@" + text_of(at(4)),
                    "attempt": attempt, "state": "failed"})
            self.assertEqual(story.kinds(), kinds, heard)


class Oracle(unittest.TestCase):
    def fires(self, trigger, first, last):
        zone = oracle.zone_of(trigger)
        return [text_of(us) for us in oracle.make(trigger).fires(oracle.instant_us(first, zone) - 1,
                                                                  oracle.instant_us(last, zone))]

    def berlin(self, expression, **rules):
        return {"kind": "cron", "expression": expression, "timezone": "Europe/Berlin", **rules}

    def test_an_hour_that_is_left_out(self):
        day = ("2026-03-29T00:00:00", "2026-03-29T12:00:00")
        self.assertEqual(self.fires(self.berlin("30 2 * * *"), *day), ["2026-03-29T01:00:00Z"])
        self.assertEqual(self.fires(self.berlin("30 2 * * *", gap="skip"), *day), [])
        self.assertEqual(self.fires(self.berlin("30 * * * *"), *day)[1:3], ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"])

    def test_an_hour_that_is_repeated(self):
        day = ("2026-10-25T00:00:00", "2026-10-25T12:00:00")
        self.assertEqual(self.fires(self.berlin("30 2 * * *"), *day), ["2026-10-25T00:30:00Z"])
        self.assertEqual(self.fires(self.berlin("30 2 * * *", overlap="second"), *day), ["2026-10-25T01:30:00Z"])
        self.assertEqual(len(self.fires(self.berlin("30 2 * * *", overlap="both"), *day)), 2)
        self.assertEqual(len(self.fires(self.berlin("0 * * * *"), "2026-10-25T00:00:00", "2026-10-25T23:59:00")), 25)

    def test_options(self):
        made = oracle.make({"kind": "interval", "every": "1m", "anchor": text_of(T0), "jitter": "10s"})
        self.assertEqual(made.base_of(at(1) + 9 * SECOND), at(1))
        self.assertIsNone(made.base_of(at(1) - 1))
        limited = oracle.make({"kind": "interval", "every": "1m", "anchor": text_of(T0), "limit": 3,
                               "limit_from": text_of(T0)})
        self.assertEqual(limited.count(T0, at(100)), 3)

    def test_against_the_cases(self):
        """A part of what other schedulers and the specification say."""
        judged = 0
        for line in (CASES / "cron5.jsonl").read_text().splitlines()[::7]:
            case = json.loads(line)
            trigger = {"kind": "cron", "expression": case["params"].get("expr") or case["params"]["expression"],
                       "timezone": case["tz"], **case.get("dst", {})}
            start, fires = case["start_epoch"], case["fires"]
            if not fires or fires[-1] - start > 100 * 86400 or trigger["expression"].startswith("CRON_TZ"):
                continue
            try:
                found = oracle.make(trigger).fires(start * SECOND, fires[-1] * SECOND)
            except oracle.Unknown:
                continue
            self.assertEqual([us // SECOND for us in found], fires, case["id"])
            judged += 1
        self.assertGreater(judged, 50)


if __name__ == "__main__":
    unittest.main()
