"""One who uses the daemon as it is meant while others do not: a question every few milliseconds, on a
connection of its own and on a new one in turn, and how long each answer took.

    with Bystander(rig, daemon) as bystander:
        ...
    bystander.report("while clients were bad")
"""
import threading
import time

from client import Client, Gone, Refused
from process import is_sanitized

PAUSE_SECONDS = 0.005
PATIENCE_SECONDS = 20  # an answer that takes longer is none, on any machine
PATIENCE_WITH_SANITIZER_SECONDS = 200


class Bystander:
    def __init__(self, rig, daemon, ask=lambda client: client.call("pulse")):
        self.rig, self.daemon, self.ask = rig, daemon, ask
        self.took = []  # seconds
        self.patience = PATIENCE_WITH_SANITIZER_SECONDS if is_sanitized(rig.moonbeat) else PATIENCE_SECONDS
        self.refusals = {}
        self.again = 0  # how often a new connection was refused and made again
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _connect(self):
        return Client(self.daemon.socket, timeout=self.patience)

    def _once(self, lasting):
        begun = time.monotonic()
        self.ask(lasting)
        self.took.append(time.monotonic() - begun)
        begun = time.monotonic()
        while not self._ask_anew(time.monotonic() - begun < self.patience):
            self.again += 1
        self.took.append(time.monotonic() - begun)

    def _ask_anew(self, may_fail):
        """Who comes in a crowd may be taken for one of the silent before it has said a word: it comes again."""
        try:
            with self._connect() as fresh:
                self.ask(fresh)
            return True
        except (Gone, Refused):
            if not may_fail or not self.daemon.is_alive():
                raise
            return False

    def _refused(self, error):
        text = str(error)
        self.refusals[text] = self.refusals.get(text, 0) + 1

    def _run(self):
        lasting = None
        while not self._stop.wait(PAUSE_SECONDS):
            try:
                lasting = lasting or self._connect()
                self._once(lasting)
            except (Gone, Refused, TimeoutError) as error:
                self._refused(error)
                lasting = lasting and lasting.close()
        if lasting:
            lasting.close()

    def report(self, when):
        """Notes how long answers took; who got none is a violation."""
        took = sorted(self.took) or [0.0]
        self.rig.note("%s: %d questions, answered in %.1f ms (p50), %.1f ms (p99), %.1f ms (longest); "
                      "%d connections had to be made again" % (
            when, len(self.took), 1000 * took[len(took) // 2], 1000 * took[len(took) * 99 // 100], 1000 * took[-1],
            self.again))
        for text, count in self.refusals.items():
            self.rig.violate("not_served", "%d of the bystander's questions: %s" % (count, text))
        if not self.took:
            self.rig.violate("not_served", "the bystander got no answer at all")
