"""Jobs that are gone, and those that nobody has brought."""
import unittest

from reading import CANCELLED, FAILED, PENDING, SUCCEEDED
from story import SECOND, at, right


class Gone(unittest.TestCase):
    def gone(self, *minutes, skipped=None):
        """A job of every minute from 3 on that has run at some and was removed at 8 and a half."""
        story = right()
        story.add("late", at_us=at(3))
        for minute in minutes:
            story.run("late", at(minute))
        if skipped:
            story.skip("late", at(skipped), at(skipped), 1, recorded_us=at(skipped + 1) + 1000)
        story.database.execute("DELETE FROM jobs WHERE id = 'late'")
        story.operate("remove_job", at(8.5), job="late")
        return story.kinds()

    def test_what_it_became(self):
        self.assertEqual(self.gone(4, 5, 6, 7, 8), set())
        self.assertEqual(self.gone(4, 6, 7, skipped=5), set())

    def test_a_due_time_that_is_missing(self):
        self.assertEqual(self.gone(4, 6, 7, 8), {"missing"})
        self.assertEqual(self.gone(5, 6, 7, 8), {"missing"})

    def test_one_that_was_not_due(self):
        self.assertEqual(self.gone(4, 5, 5.5, 6, 7, 8), {"extra"})

    def test_two_of_one(self):
        self.assertEqual(self.gone(4, 5, 6, 7, 8, skipped=5), {"double"})


class Strangers(unittest.TestCase):
    def test_a_job_that_nobody_has_brought(self):
        for origin in (0, 1):
            story = right()
            story.database.execute("INSERT INTO jobs VALUES(7, 'x', ?, 'b', NULL, '{}')", (origin,))
            story.database.execute("INSERT INTO job_progress VALUES(7, 0, NULL, NULL, 0, NULL, NULL)")
            self.assertEqual(story.kinds(), {"extra"}, origin)

    def test_a_run_of_a_job_that_never_was(self):
        story = right()
        story.database.execute("INSERT INTO runs SELECT scheduled_us, 8, state, cause, attempt, 900, NULL, due_us, claimed_us,"
                               " started_us, finished_us, args, result, error, events FROM runs LIMIT 1")
        self.assertEqual(story.kinds(), {"extra"})
        story.operate("remove_job", at(4) + 40 * SECOND, acked=False, job="other")
        self.assertEqual(story.kinds(), set())
        story.database.execute("UPDATE meta SET value = 7")
        self.assertEqual(story.kinds(), {"extra"})

    def waiting(self, gone_us, **columns):
        """The second attempt of a run of job 9 begins a minute after the first; the job is gone by `gone_us`."""
        story = right()
        story.operate("remove_job", gone_us - SECOND, acked=False, job="other")
        story.say("gone", job="other", number=9, at_us=gone_us)
        story.database.execute("INSERT INTO runs(scheduled_us, job, state, cause, attempt, fence, due_us, claimed_us,"
                               " started_us, finished_us) VALUES(?, 9, ?, 0, 2, 900, ?, ?, ?, ?)", (
                                   at(2), columns.get("state"), at(3), at(2), columns.get("started_us"),
                                   columns.get("finished_us")))
        story.database.execute("INSERT INTO attempts VALUES(?, 9, 1, ?, 899, NULL, ?, ?, ?, NULL, NULL)", (
            at(2), FAILED, at(2), at(2), at(2) + 100))
        return story.kinds()

    def test_a_run_that_waits_when_its_job_is_removed(self):
        ended = {"started_us": at(3), "finished_us": at(3) + SECOND}
        self.assertEqual(self.waiting(at(2.5), state=CANCELLED, finished_us=at(2.5) - SECOND), set())
        self.assertEqual(self.waiting(at(3.5), state=SUCCEEDED, **ended), set())
        self.assertEqual(self.waiting(at(2.5), state=PENDING), {"removed", "open"})
        self.assertEqual(self.waiting(at(2.5), state=FAILED, finished_us=at(3)), {"removed"})
        self.assertEqual(self.waiting(at(2.5), state=CANCELLED, **ended), {"removed"})


if __name__ == "__main__":
    unittest.main()
