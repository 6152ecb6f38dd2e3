"""Lives of the simulator, judged by the checker of the real daemon: two judges that share no line of code.

    python3 tests/sim/judge.py SIM FIRST..LAST [--checker-alone]

A life that the simulator's own book blames has ended there and is wrong; with --checker-alone it counts for nothing what
the book says, and the checker is asked about what that life has left so far."""
import subprocess
import sys
import tempfile
from pathlib import Path

BLAMED = 1  # by the simulator's own book; another status is no life at all


def judge(program, seed, is_alone):
    """What is wrong, or None."""
    with tempfile.TemporaryDirectory() as folder:
        lived = subprocess.run([program, "--seed", str(seed), "--folder", folder], capture_output=True, text=True,
                               check=False)
        if lived.returncode not in (0, BLAMED) or lived.returncode and not is_alone:
            return lived.stderr or "it ends with %d" % lived.returncode
        if not Path(folder, "store.db").is_file():
            return None if is_alone else "it has left no store"
        verdict = subprocess.run([sys.executable, "tests/checker", folder + "/store.db", "--strict", "--log",
                                  folder + "/client.jsonl"], capture_output=True, text=True, check=False)
    if verdict.returncode != 0:
        return verdict.stdout + verdict.stderr
    print("seed %d: %s" % (seed, verdict.stdout.splitlines()[0]))
    return None


def main():
    program, (first, last) = sys.argv[1], map(int, sys.argv[2].split(".."))
    for seed in range(first, last + 1):
        complaint = judge(program, seed, "--checker-alone" in sys.argv[3:])
        if complaint:
            sys.exit("seed %d: %s" % (seed, complaint))


if __name__ == "__main__":
    main()
