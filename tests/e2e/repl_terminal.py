#!/usr/bin/python3
"""The REPL on a real terminal: pexpect types, pyte shows what a person would see.

repl_terminal.py --list prints the cases; repl_terminal.py CASE runs one and, when it fails, prints the
screen. MOONBEAT_BIN is the program.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

import pexpect
import pyte

MOONBEAT = os.environ.get("MOONBEAT_BIN", "build/moonbeat")
WAIT_S = 30


class Terminal:
    def __init__(self, arguments, folder, rows=30, columns=90):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        environment = dict(os.environ, TERM="xterm-256color", INPUTRC="/dev/null", LC_ALL="C.UTF-8")
        environment.pop("NO_COLOR", None)
        self.child = pexpect.spawn(os.path.abspath(MOONBEAT), arguments, cwd=folder,
                                   dimensions=(rows, columns), env=environment)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines()).rstrip()

    def read(self, seconds=0.05):
        try:
            self.stream.feed(self.child.read_nonblocking(65536, seconds))
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass

    def type(self, text):
        self.child.send(text)

    def wait(self, what, is_there):
        until = time.monotonic() + WAIT_S
        while not is_there():
            if time.monotonic() > until:
                raise AssertionError(f"waited in vain for {what}; the screen is\n{self.text()}")
            self.read()

    def wait_text(self, text):
        self.wait(repr(text), lambda: text in self.text())

    def wait_line(self, line):
        """A line of the screen that is exactly this."""
        self.wait(f"the line {line!r}", lambda: line in self.lines())

    def wait_prompt(self, typed=""):
        """The cursor stands behind the prompt and what is typed, in the last line that is not empty."""
        def is_there():
            cursor = self.screen.cursor
            wanted = "moonbeat> " + typed
            line = self.screen.display[cursor.y]
            below = "".join(self.screen.display[cursor.y + 1:])
            return (cursor.x == len(wanted) and line[:cursor.x] == wanted
                    and not line[cursor.x:].strip() and not below.strip())
        self.wait(f"the prompt with {typed!r}", is_there)

    def enter(self, text):
        """Only when it begins to show, so that the prompt that is waited for next is not the one before it."""
        def place():
            return self.screen.cursor.x, self.screen.cursor.y
        before = place()
        self.type(text)
        self.wait(f"the echo of {text!r}", lambda: not text or place() != before)
        self.type("\r")

    def wait_end(self):
        self.wait("the end", lambda: not self.child.isalive())
        return self.child.exitstatus


def scratch(folder):
    terminal = Terminal(["repl", "--memory"], folder)
    terminal.wait_prompt()
    return terminal


def case_evaluates_and_prints(folder):
    t = scratch(folder)
    t.enter("1 + 1")
    t.wait_line("2")
    t.enter('print("from print") return {a = 1}')
    t.wait_line("from print")
    t.wait_line("{ a = 1 }")
    t.enter('error("boom")')
    t.wait_text("boom")
    t.wait_text("stack traceback:")
    t.wait_prompt()
    row = next(i for i, line in enumerate(t.lines()) if line.endswith(": boom"))
    assert t.screen.buffer[row][0].fg == "red", t.screen.buffer[row][0]


def case_continues_an_input_with_more_lines(folder):
    t = scratch(folder)
    t.enter("function add(a, b)")
    t.wait_text("\n       ..")
    t.enter("return a + b")
    t.enter("end")
    t.wait_prompt()
    t.enter("add(40, 2)")
    t.wait_line("42")
    t.enter("function never()")
    t.wait_text("function never()\n       ..")
    t.type("\x03")
    t.wait_prompt()
    t.enter("6 * 7 + 1")
    t.wait_line("43")


def case_pasted_lines_are_one_input(folder):
    t = scratch(folder)
    t.type("\x1b[200~local s = 0\nfor i = 1, 4 do\n  s = s + i\nend\nreturn s\x1b[201~")
    t.wait_text("return s")
    t.type("\r")
    t.wait_line("10")


def case_runs_appear_above_the_line_being_typed(folder):
    t = scratch(folder)
    t.enter('every("1s", function() print("hi") end)')
    t.wait_text("next run")
    t.wait_prompt()
    t.type("1 + ")
    t.wait("three runs", lambda: t.text().count("| hi") >= 3)
    t.wait_prompt("1 + ")
    t.enter("1")
    t.wait_line("2")
    assert "moonbeat> 1 + 1" in t.lines(), t.text()


def case_ctrl_c_stops_what_runs_and_keeps_the_session(folder):
    t = scratch(folder)
    t.enter("kept = 42")
    t.wait_prompt()
    t.enter("while true do end")
    time.sleep(0.5)
    t.type("\x03")
    t.wait_line("interrupted")
    t.wait_prompt()
    t.enter("kept")
    t.wait_line("42")
    t.type("half a line")
    t.wait_prompt("half a line")
    t.type("\x03")
    t.wait_line("moonbeat> half a line^C")
    t.wait_prompt()


def case_completes_names_and_ids(folder):
    t = scratch(folder)
    t.enter('scheduler.add_job { id = "nightly-report", run = command "true" }')
    t.wait_text("nightly-report")
    t.wait_prompt()
    t.type("schedu\t")
    t.wait_prompt("scheduler")
    t.type(".paus\t")
    t.wait_prompt("scheduler.pause_job")
    t.type('("nigh\t')
    t.wait_prompt('scheduler.pause_job("nightly-report"')
    t.enter(')')
    t.wait_prompt()


def case_the_history_survives(folder):
    os.mkdir(os.path.join(folder, "jobs"))
    t = Terminal(["repl", "jobs"], folder)
    t.wait_prompt()
    t.enter("function twice(x)")
    t.enter("return x * 2 end")
    t.wait_prompt()
    t.type("\x04")
    assert t.wait_end() == 0
    path = os.path.join(folder, ".moonbeat", "repl_history")
    assert os.stat(path).st_mode & 0o777 == 0o600
    t = Terminal(["repl", "jobs"], folder)
    t.wait_prompt()
    t.type("\x1b[A")
    t.wait_text("function twice(x)")
    t.wait_text("return x * 2 end")
    t.enter("")
    t.wait_prompt()
    t.enter("twice(21)")
    t.wait_line("42")


def case_attaches_to_a_daemon_and_tells_its_end(folder):
    os.mkdir(os.path.join(folder, "jobs"))
    program = os.path.abspath(MOONBEAT)
    daemon = subprocess.Popen([program, "run", "jobs"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + WAIT_S
        while subprocess.run([program, "status"], cwd=folder, capture_output=True).returncode != 0:
            assert time.monotonic() < until, "the daemon does not start"
            time.sleep(0.05)
        t = Terminal(["repl"], folder)
        t.wait_text(f"attached to process {daemon.pid}")
        t.wait_prompt()
        subprocess.run([program, "stop"], cwd=folder, check=True, capture_output=True)
        t.wait_text("has gone")
        assert t.wait_end() == 69, t.child.exitstatus
    finally:
        daemon.kill()
        daemon.wait()


def case_what_is_shown_does_not_act_on_the_terminal(folder):
    t = scratch(folder)
    t.enter(r'print("\27[2J\27]0;title\7end")')
    t.wait_text("\\x1b[2J\\x1b]0;title\\x07end")
    assert "scratch" in t.text()


def case_a_narrow_terminal_and_its_growth(folder):
    t = Terminal(["repl", "--memory"], folder, rows=20, columns=40)
    t.wait_prompt()
    long = "x = " + " + ".join(str(i) for i in range(20))
    t.type(long)
    t.wait("the line", lambda: "19" in t.text())
    t.screen.resize(20, 100)
    t.child.setwinsize(20, 100)
    t.type("\r")
    t.enter("x")
    t.wait_line("190")


CASES = {name[5:]: function for name, function in globals().items() if name.startswith("case_")}


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return 0
    folder = tempfile.mkdtemp(prefix="moonbeat-repl-")
    try:
        CASES[sys.argv[1]](folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
