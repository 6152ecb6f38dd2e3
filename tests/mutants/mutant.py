"""What NAME.patch says. Above the diff stand three lines, each of which may go on in indented ones:

    Breaks: what is wrong with it
    Promise: what the README says and is then no longer true
    Caught by: sim, kill

The last one names judges (judges.py), the one that is expected to notice first."""
import re
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
FIELD = re.compile(r"^(Breaks|Promise|Caught by): +(.+(?:\n[ \t]+.+)*)$", re.MULTILINE)


class Mutant:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        header = path.read_text(encoding="utf-8").split("\n--- ", maxsplit=1)[0]
        fields = {key: " ".join(value.split()) for key, value in FIELD.findall(header)}
        if len(fields) != 3:
            raise SystemExit("%s: its header must say Breaks, Promise and Caught by" % path)
        self.breaks, self.promise = fields["Breaks"], fields["Promise"]
        self.judges = fields["Caught by"].split(", ")

    def patch(self, tree, *options):
        return subprocess.run(["patch", "-p1", "-F0", "--batch", "--silent", *options, "-i", self.path],
                              cwd=tree, capture_output=True, text=True, check=False)

    def try_patch(self, tree):
        """Why it does not apply, or None."""
        done = self.patch(tree, "--forward", "--dry-run")
        return (done.stdout + done.stderr).strip() if done.returncode else None


def read_all():
    return [Mutant(path) for path in sorted(FOLDER.glob("*.patch"))]
