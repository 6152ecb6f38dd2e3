"""Runs by hand, and what was asked of them."""
import unittest

from reading import BY_HAND, CANCELLED, FAILED, INTERRUPTED, SUCCEEDED, text_of
from story import SECOND, at, right


class ByHand(unittest.TestCase):
    def test_right_ones(self):
        story = right()
        story.by_hand("tick", at(4) + 10 * SECOND)
        story.by_hand("tick", at(4) + 11 * SECOND, args=[1, "a"])
        story.by_hand("tick", at(4) + 12 * SECOND, acked=False, args=[])
        story.operate("run_now", at(4) + 13 * SECOND, acked=False, job="tick")
        self.assertEqual(story.kinds(), set())

    def test_one_that_nobody_asked_for(self):
        story = right()
        story.run("tick", at(4) + 7000, cause=BY_HAND)
        self.assertEqual(story.kinds(), {"extra"})

    def test_two_for_one_question(self):
        for acked in (True, False):
            story = right()
            story.by_hand("tick", at(5), acked=acked)
            story.run("tick", at(5) + 7, claimed_us=at(5) + 7, cause=BY_HAND)
            self.assertEqual(story.kinds() - {"overlap"}, {"extra"}, acked)

    def test_one_that_was_asked_for_later_or_of_another_job(self):
        for at_us, job in ((at(6), "tick"), (at(5), "other")):
            story = right()
            story.run("tick", at(5), claimed_us=at(5), cause=BY_HAND)
            story.operate("run_now", at_us, acked=False, job=job)
            self.assertEqual(story.kinds(), {"extra"})

    def test_one_for_two_answers(self):
        story = right()
        story.by_hand("tick", at(5))
        story.operate("run_now", at(5) + 100, job="tick", result={"run": "tick@" + text_of(at(5))})
        self.assertEqual(story.kinds(), {"answer"})

    def test_a_cancel(self):
        """Of a run that takes three seconds in each attempt, and is cancelled in the second or between them."""
        for second, state, kinds in ((5, CANCELLED, set()), (5, SUCCEEDED, set()), (1, CANCELLED, {"lost"}),
                                     (5, INTERRUPTED, {"lost"})):
            story = right()
            story.add("slow", at_us=at(3), next_us=at(6), delivery="at_most_once" if state == INTERRUPTED else "at_least_once",
                      retry={"attempts": 3})
            story.run("slow", at(4))
            story.attempt("slow", at(5), 1, FAILED, 500)
            story.fence = 600
            story.run("slow", at(5), attempt=2, state=state)
            story.database.execute("UPDATE attempts SET finished_us = ?", (at(5) + 3 * SECOND,))
            story.operate("cancel_run", at(5) + second * SECOND, run="slow",
                          result={"run": "slow@" + text_of(at(5)), "state": "cancelling"})
            self.assertEqual(story.kinds(), kinds, (second, state))

    def test_other_arguments(self):
        for args, kept in (([1], [2]), ([1], None), (None, [1])):
            story = right()
            story.by_hand("tick", at(5), args=args, kept=kept)
            self.assertEqual(story.kinds(), {"lost"})
            story = right()
            story.by_hand("tick", at(5), acked=False, args=args, kept=kept)
            self.assertEqual(story.kinds(), {"extra"})


if __name__ == "__main__":
    unittest.main()
