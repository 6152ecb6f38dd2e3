"""What becomes of a mutant, by what its judges do."""
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import judges
from judges import OutOfTime, Verdict


class Judge:
    """Complains when it has seen `most` of it; an exception is raised instead."""
    targets, sizes = (), (1, 10)

    def __init__(self, most=100, out=None):
        self.most, self.out = most, out

    def work(self, tree, size):
        if self.out:
            raise self.out
        return Verdict("wrong" if size >= self.most else "", "%d lives" % size)


class Asked(unittest.TestCase):
    def ask(self, **named):
        with mock.patch.dict(judges.JUDGES, named):
            return judges.ask(list(named), SimpleNamespace(build=lambda targets: None))

    def test_a_complaint(self):
        self.assertEqual(self.ask(a=Judge(), b=Judge(most=10)),
                         {"state": "caught", "caught_by": "b", "after": "10 lives", "complaint": "wrong"})

    def test_none(self):
        self.assertEqual(self.ask(a=Judge()), {"state": "survives", "complaint": "nobody complains: 10 lives"})

    def test_a_judge_that_is_not_done_in_time_has_caught_nothing(self):
        late = Judge(out=OutOfTime("no end"))
        for named in ({"a": late}, {"a": late, "b": Judge()}, {"a": Judge(), "b": late}):
            self.assertEqual(self.ask(**named)["state"], "not judged")
        self.assertEqual(self.ask(a=late, b=Judge(most=1))["caught_by"], "b")

    def test_who_is_asked(self):
        names = ["sim", "judged"]
        self.assertEqual(judges.groups(names, False, None), [names])
        self.assertEqual(judges.groups(names, True, None), [["sim"], ["judged"]])
        self.assertEqual(judges.groups(names, False, "judged"), [["judged"]])
        self.assertEqual(judges.groups(names, True, "kill"), [])

    def test_a_program_that_does_not_come_to_its_end(self):
        tree = SimpleNamespace(root=Path(__file__).parent)
        with mock.patch.object(judges, "PATIENCE_S", 0.01):
            self.assertRaises(OutOfTime, judges.run, tree, "sleep", "1000")


if __name__ == "__main__":
    unittest.main()
