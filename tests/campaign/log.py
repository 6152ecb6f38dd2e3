"""The campaign's own account: one JSON object per line, in the order in which things were seen.

What the lines mean is said in checker/__main__.py, which reads them. A line is flushed before the
next thing is done, so that nothing that a killed campaign knew is lost. Any thread."""
import json
import threading
import time


class Log:
    def __init__(self, path, last=0):
        """`last` is the number of the last line, when it goes on with one that was begun."""
        self.path = path
        self.offset_us = 0  # what a campaign has added to the daemon's wall clock
        self.counts = {}
        self.listener = None  # a function that hears of each line, in their order
        self.in_flight = 0  # operations that have begun and whose lines are not there yet
        self._last = last
        self._file = open(path, "a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def now_us(self):
        """The daemon's wall clock."""
        return time.time_ns() // 1000 + self.offset_us

    def begin(self):
        """An operation's place in the order of all that is seen; its line follows."""
        with self._lock:
            self._last += 1
            self.in_flight += 1
            return self._last

    def write(self, kind, **facts):
        with self._lock:
            self._last += 1
            self.in_flight -= kind == "op"
            line = json.dumps({"is": kind, "n": self._last, **facts}, separators=(",", ":")) + "\n"
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if facts.get("acked_us"):
                self.counts["acked"] = self.counts.get("acked", 0) + 1
            self._file.write(line)
            if self.listener:
                self.listener(line)

    def close(self):
        self._file.close()
