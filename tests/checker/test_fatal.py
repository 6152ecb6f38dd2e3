"""What a daemon does after a write or sync of its store has failed."""
import unittest

from story import SECOND, at, right

FAILED_US = at(4) + 40 * SECOND


class Fatal(unittest.TestCase):
    def begin(self, is_over=False):
        """A sync fails; the daemon may have ended since."""
        story = right()
        story.say("fault", what="I/O error", at_us=FAILED_US, is_fatal=True)
        if is_over:
            story.say("daemon", what="ended", at_us=FAILED_US + SECOND)
            story.say("daemon", what="started", at_us=FAILED_US + 2 * SECOND)
        return story

    def test_an_answer(self):
        for is_over, kinds in ((False, {"unsafe"}), (True, set())):
            story = self.begin(is_over)
            story.operate("emit", at(4) + 50 * SECOND, event="order")
            self.assertEqual(story.kinds(), kinds)

    def test_no_answer(self):
        story = self.begin()
        story.operate("emit", at(4) + 50 * SECOND, acked=False, event="order")
        self.assertEqual(story.kinds(), set())

    def test_a_refusal(self):
        for code, kinds in (("io", {"unsafe"}), ("unavailable", set())):
            story = self.begin()
            story.say("op", begin=story.n + 1, client="c", op="emit", params={"event": "order"}, sent_us=at(4) + 50 * SECOND,
                      acked_us=at(4) + 51 * SECOND, error={"code": code, "message": "disk I/O error"})
            self.assertEqual(story.kinds(), kinds)

    def test_what_was_asked_before(self):
        story = right()
        story.n += 1
        begin = story.n
        story.say("fault", what="I/O error", at_us=FAILED_US, is_fatal=True)
        story.say("op", begin=begin, client="c", op="emit", params={"event": "order"}, sent_us=FAILED_US - SECOND,
                  acked_us=FAILED_US + 100, result={})
        self.assertEqual(story.kinds(), set())

    def test_a_claim(self):
        for is_over, kinds in ((False, {"unsafe"}), (True, set())):
            story = self.begin(is_over)
            story.run("tick", at(5))
            self.assertEqual(story.kinds(), kinds)


if __name__ == "__main__":
    unittest.main()
