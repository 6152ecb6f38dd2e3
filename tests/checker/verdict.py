"""What the rules say: violations, and what was looked at. Told as text or as one JSON object."""
from collections import Counter

from reading import text_of

# What a campaign may leave unjudged: other rules see to declared jobs, and what a value's end takes away is no loss.
EXPECTED = {"a job that something else changes too", "a kv that something else changes too"}
# And what only a few registers may be: of clients that were cut off again and again all could have happened.
RARE = {"too many ways"}


class Verdict:
    def __init__(self):
        self.violations = []
        self.counts = Counter(acknowledged=0, fires=0, events_due=0, runs=0, skips=0, witnessed=0, events=0, jobs=0)
        self.unjudged = Counter()  # why something could not be judged, and how often
        self.lateness = []

    def violate(self, kind, job, due_us, expected, found):
        """`job` is an id or None, `due_us` the due time that it is about or None."""
        about = (job or "the store") + (" at " + text_of(due_us) if due_us is not None else "")
        self.violations.append({"kind": kind, "job": job, "due_us": due_us, "expected": expected, "found": found,
                                "text": "%s: expected %s, found %s" % (about, expected, found)})

    def be_strict(self):
        """Makes violations of what could not be judged, but for what is expected."""
        few = 1 + self.counts["acknowledged"] // 100
        for reason, count in sorted(self.unjudged.items()):
            if reason not in EXPECTED and not (reason in RARE and count <= few):
                self.violate("unjudged", None, None, "to judge all", "%d times %s" % (count, reason))

    def late(self):
        """Of the runs whose due time came while the daemon was up."""
        if not self.lateness:
            return None
        ordered = sorted(self.lateness)

        def share(part):
            return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

        return {"count": len(ordered), "p50": share(0.5), "p99": share(0.99), "max": ordered[-1]}

    def as_json(self):
        return {"violations": self.violations, "counts": dict(self.counts), "unjudged": dict(self.unjudged),
                "lateness": self.late()}

    def as_text(self):
        lines = ["%s: %s" % (one["kind"], one["text"]) for one in self.violations]
        lines.append(", ".join("%d %s" % (count, what) for what, count in self.counts.items()))
        if self.unjudged:
            lines.append("not judged: " + ", ".join("%s (%d)" % item for item in sorted(self.unjudged.items())))
        late = self.late()
        if late:
            lines.append("late by %.1f ms (half of %d runs), %.1f ms (99 of 100), %.1f ms (most)" % (
                late["p50"] / 1000, late["count"], late["p99"] / 1000, late["max"] / 1000))
        count = len(self.violations)
        lines.append("nothing is wrong" if count == 0 else "%d violation%s" % (count, "s"[:count != 1]))
        return "\n".join(lines)
