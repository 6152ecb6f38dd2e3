"""Skips, and whether their reasons were there. The job is due each minute, was late at 4 and 5 minutes, and what was due
at 6 is decided at 6 minutes and 10 seconds."""
import unittest

from reading import ERROR
from story import MINUTE, SECOND, at, right

MISFIRE, OVERLAP, PAUSED, CALENDAR, LIMIT = range(5)
DECIDED = at(6) + 10 * SECOND


class Skips(unittest.TestCase):
    def late(self, skips, runs, reason=MISFIRE, **options):
        """Kinds of violations, by spans of minutes that are skipped and minutes that run, all decided at once."""
        story = right()
        story.add("late", at_us=at(3), next_us=at(7), **options)
        for first, last in skips:
            story.skip("late", at(first), at(last), last - first + 1, reason=reason, recorded_us=DECIDED)
        for minute in runs:
            story.run("late", at(minute), claimed_us=DECIDED)
        return story.kinds()

    def test_the_latest(self):
        self.assertEqual(self.late([(4, 5)], [6]), set())
        self.assertEqual(self.late([(4, 6)], []), {"reason"})
        self.assertEqual(self.late([(4, 5), (6, 6)], []), {"reason"})

    def test_the_earliest(self):
        self.assertEqual(self.late([(5, 6)], [4], coalesce="earliest"), set())
        self.assertEqual(self.late([(4, 6)], [], coalesce="earliest"), {"reason"})
        self.assertEqual(self.late([(4, 5)], [6], coalesce="earliest"), {"reason"})

    def test_as_many_as_are_replayed(self):
        options = {"coalesce": "all", "overlap": "allow"}
        self.assertEqual(self.late([(4, 4)], [5, 6], replay_limit=2, **options), set())
        self.assertEqual(self.late([(4, 5)], [6], replay_limit=2, **options), {"reason"})
        self.assertEqual(self.late([(4, 4)], [5, 6], **options), {"reason"})

    def test_a_grace_that_was_over(self):
        self.assertEqual(self.late([(4, 5)], [6], coalesce="earliest", misfire_grace_time="1m"), set())
        self.assertEqual(self.late([(4, 6)], [], misfire_grace_time="1m"), {"reason"})

    def limited(self, until_us=None, holds="p", from_us=at(3.5), **options):
        """What was due at 4 and 5 was kept away by a limit, while another job had a run that began then."""
        story = right()
        story.add("late", at_us=at(3), next_us=at(7), **options)
        story.skip("late", at(4), at(5), 2, reason=LIMIT, recorded_us=DECIDED)
        story.run("late", at(6), claimed_us=DECIDED)
        if until_us:
            story.add("holder", every_us=60 * MINUTE, at_us=at(3), pool=holds)
            story.by_hand("holder", from_us, finished_us=until_us)
        return story.kinds()

    def test_a_limit(self):
        self.assertEqual(self.limited(at(6), pool="p"), set())
        self.assertEqual(self.limited(pool="p"), {"reason"})
        self.assertEqual(self.limited(at(3.6), pool="p"), {"reason"})
        self.assertEqual(self.limited(at(6), holds="q", pool="p"), {"reason"})
        self.assertEqual(self.limited(at(6)), {"reason"})
        self.assertEqual(self.limited(DECIDED + SECOND, from_us=DECIDED, pool="p"), set())
        self.assertEqual(self.limited(DECIDED + SECOND, from_us=DECIDED + 1, pool="p"), {"reason"})

    def test_a_limit_that_keeps_away_the_only_one(self):
        story = right()
        story.add("late", at_us=at(3), next_us=at(5), pool="p")
        story.skip("late", at(4), at(4), 1, reason=LIMIT, recorded_us=at(4) + 1000)
        self.assertEqual(story.kinds(), {"reason"})

    def paused(self, *operations, **options):
        """What was due at 4 to 6 was skipped as paused, after operations at so many minutes."""
        story = right()
        story.add("late", at_us=at(3), next_us=at(7), **options)
        for op, at_us in operations:
            story.operate(op, at_us, job="late")
        story.skip("late", at(4), at(6), 3, reason=PAUSED, recorded_us=DECIDED)
        return story.kinds()

    def test_a_pause(self):
        pause, resume = ("pause_job", at(3.5)), ("resume_job", DECIDED)
        self.assertEqual(self.paused(pause, resume), set())
        self.assertEqual(self.paused(resume, enabled=False), set())
        self.assertEqual(self.paused(pause), {"reason", "lost"})
        self.assertEqual(self.paused(resume), {"reason"})
        self.assertEqual(self.paused(("resume_job", at(3.5)), enabled=True), {"reason"})
        self.assertEqual(self.paused(pause, ("resume_job", at(3.6)), resume), {"reason"})

    def test_what_waits_for_ever(self):
        """Although everything had been decided; also of a job with a pool, or that has no next due time."""
        for pool, next_us, state in (("p", at(4), 0), (None, None, ERROR)):
            story = right()
            story.add("late", at_us=at(3), next_us=next_us, state=state, **({"pool": pool} if pool else {}))
            story.say("settled", at_us=at(4) + 40 * SECOND)
            self.assertEqual(story.kinds(), {"missing"})


if __name__ == "__main__":
    unittest.main()
