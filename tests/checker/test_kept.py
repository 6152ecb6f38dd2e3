"""What operations leave in the store: values, scripts, letters."""
import unittest

from story import SECOND, T0, Story, at, right
from verdict import Verdict


class Kept(unittest.TestCase):
    def scripts(self, *operations, source):
        story = right()
        for number, (op, params) in enumerate(operations):
            story.operate(op, at(4) + number * SECOND, name="s", **params)
        story.database.execute("INSERT INTO scripts VALUES('s', 1, NULL, '', NULL, 0)")
        story.database.execute("INSERT INTO script_sources VALUES('s', 9, '', 0, ?)", (source,))
        return story.kinds()

    def test_a_script_that_was_rolled_back(self):
        added = [("add_script", {"source": source}) for source in "abb"]
        back = ("rollback_script", {})
        self.assertEqual(self.scripts(*added, source="b"), set())
        self.assertEqual(self.scripts(*added, back, source="a"), set())
        self.assertEqual(self.scripts(*added, back, source="b"), {"lost"})
        self.assertEqual(self.scripts(*added, back, back, source="b"), set())
        self.assertEqual(self.scripts(*added, ("rollback_script", {"revision": 1}), source="a"), set())
        self.assertEqual(self.scripts(back, source="a"), {"answer"})

    def test_letters_that_were_sent_on(self):
        for died_us, kinds in ((at(4), {"lost"}), (at(5), set())):
            for op in ("retry_listener", "discard_dead_letters"):
                story = right()
                story.operate(op, at(4.5), listener="a/ear", result={"count": 1})
                story.database.execute("INSERT INTO listeners VALUES(3, 'a', 'ear')")
                story.database.execute("INSERT INTO dead_letters VALUES(3, ?)", (died_us,))
                self.assertEqual(story.kinds(), kinds)

    def test_a_value_that_was_taken_away(self):
        for stays, kinds in ((False, set()), (True, {"lost"})):
            story = right()
            story.operate("kv_set", at(4), key="k", value=1)
            story.operate("kv_set", at(4) + SECOND, key="k")
            if stays:
                story.database.execute("INSERT INTO kv VALUES('', 'k', '1', NULL)")
            self.assertEqual(story.kinds(), kinds)

    def test_an_operation_that_nobody_knows(self):
        story = right()
        story.operate("forget_all", at(4))
        self.assertEqual(story.kinds(), set())
        self.assertEqual(dict(story.verdict.unjudged), {"the operation forget_all": 1})
        story.verdict.be_strict()
        self.assertEqual([one["kind"] for one in story.verdict.violations], ["unjudged"])

    def test_a_history_that_is_cut_from_the_middle(self):
        for there, kinds in (((1, 2, 6, 7, 8), set()), ((1, 2, 3, 6, 8), {"missing"})):
            story = Story()
            story.say("daemon", what="started", at_us=T0, retention={"runs": 3})
            story.add("a", next_us=at(9))
            for minute in range(1, 9):
                if minute in there:
                    story.run("a", at(minute))
                else:
                    story.ran("a", at(minute), 1, at(minute) + SECOND)
            story.say("settled", at_us=at(8.5))
            self.assertEqual(story.kinds(), kinds)

    def test_what_need_not_be_judged(self):
        story = right()
        story.operate("kv_set", at(4), key="k", value=1, ttl="1m")
        story.kinds()
        self.assertEqual(list(story.verdict.unjudged), ["a kv that something else changes too"])
        story.verdict.be_strict()
        self.assertFalse(story.verdict.violations)

    def test_what_seldom_may_not_be_judged(self):
        for count, violations in ((3, 0), (4, 1)):
            verdict = Verdict()
            verdict.counts["acknowledged"] = 200
            verdict.unjudged["too many ways"] = count
            verdict.be_strict()
            self.assertEqual(len(verdict.violations), violations)


if __name__ == "__main__":
    unittest.main()
