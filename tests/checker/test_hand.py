"""Runs by hand, and what was asked of them."""
import unittest

from reading import BY_HAND, text_of
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
