"""Triggers in Lua, whose due times are what their script has answered: here 1, 2, 4 and 5 minutes."""
import unittest

from story import at, right

MISFIRE = 0


class Asked(unittest.TestCase):
    def asked(self, runs=(), skips=(), answers=(1, 2, 4, 5)):
        """Kinds of violations, of runs at minutes and skips (first, last, how many) of them."""
        story = right()
        story.add("tide", trigger={"kind": "lua", "name": "f", "script": "a"}, next_us=at(9))
        for minute in answers:
            story.say("answer", job="tide", due_us=at(minute))
        for minute in runs:
            story.run("tide", at(minute))
        for first, last, count in skips:
            story.skip("tide", at(first), at(last), count, reason=MISFIRE)
        kinds = story.kinds()
        self.unjudged = sum(story.verdict.unjudged.values())
        return kinds

    def test_what_was_answered(self):
        self.assertEqual(self.asked(runs=[1, 2, 4, 5]), set())
        self.assertEqual(self.asked(runs=[1], skips=[(2, 4, 2)]), set())

    def test_an_answer_that_nobody_has_heard(self):
        self.assertEqual(self.asked(runs=[1, 4]), set())
        self.assertEqual(self.asked(skips=[(1, 5, 3)]), set())

    def test_what_nobody_has_answered(self):
        self.assertEqual(self.asked(runs=[1, 3]), {"extra"})
        self.assertEqual(self.asked(skips=[(2, 3, 1)]), {"extra"})

    def test_more_than_was_answered(self):
        self.assertEqual(self.asked(skips=[(1, 4, 4)]), {"count"})

    def test_one_that_is_two_things(self):
        self.assertEqual(self.asked(runs=[1, 2], skips=[(2, 4, 2)]), {"double"})
        self.assertEqual(self.asked(runs=[4], skips=[(1, 5, 3)]), {"double"})

    def test_of_which_nothing_is_said(self):
        self.asked(runs=[1])
        self.assertEqual(self.unjudged, 0)
        self.asked(runs=[1], answers=())
        self.assertEqual(self.unjudged, 1)


if __name__ == "__main__":
    unittest.main()
