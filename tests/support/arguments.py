"""The command lines of the programs below tests: what is wrong with one is a sentence, and exit status 64."""
import argparse
import sys


class Parser(argparse.ArgumentParser):
    def __init__(self, program, about):
        """`about` is the program's docstring, of which --help shows the first paragraph."""
        super().__init__(prog=program, description=about.split("\n\n", maxsplit=1)[0], allow_abbrev=False)

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, "%s: %s\n" % (self.prog, message))

    def check_names(self, what, names, known):
        for name in names:
            if name not in known:
                self.exit(64, "there is no %s \"%s\", only %s\n" % (what, name, ", ".join(known)))
