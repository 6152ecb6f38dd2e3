"""When attempts begin and end."""
import unittest

from reading import FAILED
from story import SECOND, at, right


class Moments(unittest.TestCase):
    def retried(self, **moments):
        """A run whose second attempt is due at 4 minutes and 10 seconds, with some of its moments changed."""
        story = right()
        story.add("flaky", retry={"attempts": 2, "delay": "10s"}, at_us=at(3), next_us=at(5))
        story.attempt("flaky", at(4), 1, FAILED, 500)
        story.fence = 500
        due_us = at(4) + 10 * SECOND
        story.run("flaky", at(4), attempt=2, witness_us=moments.pop("witness_us", due_us + 200))
        moments = {"due_us": due_us, "started_us": due_us + 100, "finished_us": due_us + 5000, **moments}
        story.database.execute("UPDATE runs SET %s WHERE fence = 501" % ", ".join(
            "%s = %d" % moment for moment in moments.items()))
        return story.kinds()

    def test_an_attempt_at_its_time(self):
        self.assertEqual(self.retried(), set())

    def test_an_attempt_before_its_time(self):
        self.assertEqual(self.retried(started_us=at(4) + 9 * SECOND), {"early"})
        self.assertEqual(self.retried(witness_us=at(4) + 9 * SECOND), {"early"})

    def test_an_end_before_the_begin_or_the_claim(self):
        self.assertEqual(self.retried(finished_us=at(4) + 10 * SECOND), {"finish"})
        self.assertEqual(self.retried(finished_us=at(4) + 10), {"finish"})


if __name__ == "__main__":
    unittest.main()
