"""A copy of the sources, in which one mutant after the other is put in, built and taken out. Only what a patch
touches is compiled anew."""
import contextlib
import os
import shutil
import subprocess

from mutant import ROOT

COPIED = ("src", "lua", "jobs", "tests", "CMakeLists.txt")


class Broken(Exception):
    """A mutant that cannot be judged: it does not apply or does not compile."""


class Tree:
    def __init__(self, scratch):
        self.root, self.build_folder = scratch / "moonbeat", scratch / "build"
        if self.root.exists():
            shutil.rmtree(self.root)
        # Copies are as new as they are: what a former mutant has left in the build is older than its source.
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.root / name, ignore=shutil.ignore_patterns("__pycache__"),
                                copy_function=shutil.copyfile)
            else:
                shutil.copyfile(source, self.root / name)
        # So that ccache knows the files of another scratch folder again.
        self.environment = os.environ | {"CCACHE_BASEDIR": str(scratch)}
        launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        self._run("cmake", "-S", self.root, "-B", self.build_folder, "-G", "Ninja", *launcher)

    def _run(self, *command):
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stdout.splitlines() if "error" in line.lower()]
            raise Broken((errors or done.stdout.splitlines()[-1:])[0])

    def build(self, targets):
        self._run("ninja", "-C", self.build_folder, *targets)

    @contextlib.contextmanager
    def mutated(self, mutant):
        done = mutant.patch(self.root, "--forward")
        if done.returncode:
            raise Broken("does not apply: " + done.stdout.strip())
        try:
            yield
        finally:
            mutant.patch(self.root, "--reverse")
