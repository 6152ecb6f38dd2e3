"""Lives of the simulator, judged by the checker of the real daemon: two judges that share no line of code.

    python3 tests/sim/judge.py SIM FIRST..LAST
"""
import subprocess
import sys
import tempfile


def main():
    program, (first, last) = sys.argv[1], map(int, sys.argv[2].split(".."))
    for seed in range(first, last + 1):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([program, "--seed", str(seed), "--folder", folder], check=True,
                           stdout=subprocess.DEVNULL)
            verdict = subprocess.run([sys.executable, "tests/checker", folder + "/store.db", "--strict", "--log",
                                      folder + "/client.jsonl"], capture_output=True, text=True, check=False)
        if verdict.returncode != 0:
            sys.exit("seed %d: %s%s" % (seed, verdict.stdout, verdict.stderr))
        print("seed %d: %s" % (seed, verdict.stdout.splitlines()[0]))


if __name__ == "__main__":
    main()
