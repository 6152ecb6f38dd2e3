"""What becomes of a mutant, by what its judges do."""
import json
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


class Heard(unittest.TestCase):
    """What a judge makes of what its program says."""
    tree = SimpleNamespace(root=Path(), build_folder=Path())

    def verdict(self, judge, status, said):
        with mock.patch.object(judges, "run", return_value=(status, said)):
            return judge.work(self.tree, 2)

    def test_the_checker_over_lives(self):
        for said, verdict in (
                ("unjudged: the store: expected to judge all, found 2 times too many ways\n9 acknowledged",
                 Verdict("", "2 lives")),
                ("late: a: expected a skip\nunjudged: the store: expected to judge all, found 2 times too many ways",
                 Verdict("late: a: expected a skip", "1 lives")),
                ("it ends with 2", Verdict("it ends with 2", "1 lives"))):
            self.assertEqual(self.verdict(judges.Judged(), 1, "seed 1: %s\n" % said), verdict)
        self.assertEqual(self.verdict(judges.Judged(), 1, "Traceback\nKeyError"), Verdict("KeyError", "1 lives"))

    def test_a_campaign(self):
        late, unjudged = ({"kind": kind, "text": "a"} for kind in ("late", "unjudged"))
        for state, violations, complaint in (
                ("ok", [], ""), ("violated", [unjudged], ""), ("violated", [unjudged, late], "late: a"),
                ("failed", [unjudged], "it does not start")):
            said = json.dumps({"state": state, "reason": "it does not start", "violations_list": violations, "cycles": 2})
            self.assertEqual(self.verdict(judges.Campaign("kill", (2,)), 1, said), Verdict(complaint, "2 cycles"))


if __name__ == "__main__":
    unittest.main()
