"""Bad clients: by the thousand, silent, cut off, endless, deep, deaf and greedy, while somebody else works.

The daemon lives, says something clear where it can, keeps its memory and its descriptors in bounds, and
answers the bystander at once. A cycle is one go of each attack."""
import json
import socket
import time

from bystander import PATIENCE_SECONDS, Bystander
from client import Gone
from process import MIB, Process, is_sanitized
from rig import wait_until

SOURCE = """
function once(run) return 1 end
job "tick" { trigger = every "50ms", run = function() end }
"""
JOBS = [{"id": "tick", "trigger": "every 50ms"}]
KEEP_RUNS = 1000  # what the checker has to know: the job ticks beyond it in the long form
LISTED = 1000  # jobs, so that a list is an answer of some size
FRAME_MAX = 1 << 20
GROWTH_MOST = 512 * MIB  # at any moment, over what the daemon had before
KEPT_MOST = 64 * MIB     # when all bad clients have gone
GOOD = {"id": 1, "op": "show", "params": {"job": "tick"}}


class Attacks:
    """Methods without an underscore are the attacks; each cleans up after itself."""

    def __init__(self, rig, daemon):
        self.rig, self.daemon, self.chance = rig, daemon, rig.chance
        self.again = 0  # how often all places were taken

    # ---- sockets without manners ----

    def _connect(self, timeout=20.0):
        """As a bad client does: a refusal is its due."""
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(timeout)
        for _ in range(2000):
            try:
                made.connect(str(self.daemon.socket))
                return made
            except BlockingIOError:  # the backlog is full
                time.sleep(0.005)
        raise TimeoutError("the daemon accepts nobody any more")

    def _send(self, to, data):
        """What the daemon takes of it; False when it has had enough."""
        try:
            to.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def _read_all(self, of):
        """Frames up to the end of the connection, or until nothing comes for a while."""
        data = b""
        try:
            while chunk := of.recv(1 << 16):
                data += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return [json.loads(line) for line in data.splitlines()]

    def _talk(self, data):
        """The answers to `data` and nothing else. Who finds all places taken comes again: the crowd before may have
        left without its last words having been read."""
        stop = time.monotonic() + PATIENCE_SECONDS
        while True:
            with self._connect() as one:
                self._send(one, data)
                try:
                    one.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                frames = self._read_all(one)
            if not any(frame.get("error", {}).get("code") == "busy" for frame in frames) or time.monotonic() > stop:
                return frames
            self.again += 1

    def _must_say(self, what, frames, *words):
        """One of the frames is an error with these words."""
        texts = [frame["error"]["message"] for frame in frames if "error" in frame]
        if not any(all(word in text for word in words) for text in texts):
            self.rig.violate("unclear", "%s: the daemon says %s, nothing of %s" % (what, texts[:3], " ".join(words)))

    def _crowd(self, count, data=b""):
        """So many connections at a time that have sent this much each."""
        crowd = []
        for _ in range(count):
            crowd.append(self._connect())
            if data:
                self._send(crowd[-1], data)
        return crowd

    def _leave(self, crowd):
        for one in crowd:
            one.close()

    def _call(self, op, **params):
        """In good manners; who is pushed aside in a crowd, before it has said a word, comes again."""
        stop = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with self.daemon.client(logged=False) as client:
                    return client.call(op, **params)
            except Gone:
                if time.monotonic() > stop:
                    raise

    # ---- the attacks ----

    def a_thousand_silent(self):
        crowd = self._crowd(1000)
        time.sleep(0.3)
        self._leave(crowd)

    def a_thousand_half_frames(self):
        frame = json.dumps(GOOD).encode()
        self._leave(self._crowd(1000, frame[:len(frame) // 2]))

    def large_half_frames(self):
        """As much as a frame may have, in all places, and no end."""
        self._leave(self._crowd(250, b'{"id":1,"op":"' + b"x" * (FRAME_MAX - 100)))

    def two_gigabytes(self):
        """Announced in each way that somebody may think of, and sent until the daemon has had enough."""
        for header in (b"\x80\x00\x00\x00", b"\x00\x00\x00\x80", b"Content-Length: 2147483648\r\n\r\n"):
            frames = self._talk(header + b'{"id":1,"op":"ping"}\n')
            self._must_say("a header of 2 GiB", frames, "not a frame")
        chunk, sent = b"x" * (1 << 16), 0
        with self._connect() as one:
            while sent < 1 << 31 and self._send(one, chunk):
                sent += len(chunk)
            self._must_say("a frame of 2 GiB", self._read_all(one), "more than 1048576 bytes")
        if sent > 64 * MIB:
            self.rig.violate("unbounded", "%d bytes of one frame were taken" % sent)

    def deep_json(self):
        for open_, close in ((b"[", b"]"), (b'{"a":', b"}")):
            deep = open_ * 100_000 + b"1" + close * 100_000
            frames = self._talk(b'{"id":1,"op":"ping","params":' + deep + b"}\n")
            self._must_say("depth 100,000", frames, "deep")

    def each_byte_first(self):
        good = b'{"id":7,"op":"ping"}\n'
        for byte in range(256):
            frames = self._talk(bytes([byte]) + good)
            if bytes([byte]) in b" \t\r\n":
                if [frame.get("id") for frame in frames] != [7]:
                    self.rig.violate("unclear", "byte %d before a request: %s" % (byte, frames))
            else:
                self._must_say("byte %d first" % byte, frames, "not a frame")
        frames = self._talk(b"".join(bytes([byte]) + good for byte in range(256)))
        if len(frames) != 256:  # the line end before a request makes an empty line, which is none
            self.rig.violate("unclear", "256 frames with a byte too many: %d answers" % len(frames))

    def noise(self):
        for _ in range(200):
            self._talk(self.chance.randbytes(self.chance.randrange(1, 4000)))

    def closing_at_every_point(self):
        """Also of its own sending alone: then the answer comes when the frame was whole."""
        frame = json.dumps(GOOD).encode() + b"\n"
        for cut in range(len(frame) + 1):
            with self._connect() as one:
                self._send(one, frame[:cut])
            frames = self._talk(frame[:cut])
            if (len(frames) == 1 and "result" in frames[0]) != (cut == len(frame)):
                self.rig.violate("unclear", "%d of %d bytes of a request: %s" % (cut, len(frame), frames))

    def leaving_before_the_answer(self):
        ask = json.dumps({"id": 1, "op": "list", "params": {"limit": LISTED}}).encode() + b"\n"
        for count in range(100):
            with self._connect() as one:
                self._send(one, ask * (1 + count % 7))

    def byte_by_byte(self):
        frame = json.dumps(GOOD).encode() + b"\n"
        crowd = self._crowd(100)
        for place in range(len(frame)):
            for one in crowd:
                self._send(one, frame[place:place + 1])
        for one in crowd:
            if b'"result"' not in one.recv(1 << 16):
                self.rig.violate("unclear", "a request sent byte by byte is not answered")
        self._leave(crowd)

    def deaf_readers(self):
        """They ask for lists until nothing more is taken, and never read."""
        ask = json.dumps({"id": 1, "op": "list", "params": {"limit": LISTED}}).encode() + b"\n"
        self._never_read(ask, 200)

    def large_questions(self):
        """The same with as much as a frame may hold in each."""
        ask = json.dumps({"id": 1, "op": "show", "params": {"job": "x" * (FRAME_MAX - 100)}}).encode() + b"\n"
        self._never_read(ask, 100)

    def _never_read(self, ask, count):
        crowd = self._crowd(count)
        for one in crowd:
            one.setblocking(False)
        rest = {one: ask * max(1, min(300, (8 << 20) // len(ask))) for one in crowd}
        stop = time.monotonic() + 3
        while rest and time.monotonic() < stop:
            for one in list(rest):
                try:
                    rest[one] = rest[one][one.send(rest[one]):]
                except BlockingIOError:
                    pass
                except OSError:
                    rest[one] = b""
                if not rest[one]:
                    del rest[one]
        time.sleep(1)
        self._leave(crowd)

    def deaf_subscribers(self):
        crowd = self._crowd(100, b'{"id":1,"op":"subscribe"}\n')
        for number in range(100):
            self._call("emit", event="noise", data={"number": number, "text": "x" * 10_000})
        self._leave(crowd)

    def thousands_without_reading(self):
        """Nothing that was asked is lost: all is answered when it reads at last."""
        count, sent = 20_000, 0
        data = b"".join(b'{"id":%d,"op":"pulse"}\n' % number for number in range(count))
        with self._connect() as one:
            one.setblocking(False)
            stop = time.monotonic() + 2
            while sent < len(data) and time.monotonic() < stop:
                try:
                    sent += one.send(data[sent:sent + (1 << 16)])
                except BlockingIOError:
                    time.sleep(0.01)
            answers = b""
            stop = time.monotonic() + 60
            while answers.count(b"\n") < count and time.monotonic() < stop:
                try:
                    sent += one.send(data[sent:sent + (1 << 16)]) if sent < len(data) else 0
                except BlockingIOError:
                    pass
                try:
                    answers += one.recv(1 << 20)
                except BlockingIOError:
                    time.sleep(0.001)
        ids = sorted(json.loads(line)["id"] for line in answers.splitlines())
        if ids != list(range(count)):
            self.rig.violate("lost", "%d requests at once: %d answers" % (count, len(ids)))


ATTACKS = [name for name in vars(Attacks) if not name.startswith("_")]


def fill(daemon):
    with daemon.client() as client:
        for number in range(LISTED):
            client.call("add_job", id="listed-%d" % number, func="work.once", trigger="in 1000d")


def campaign(rig):
    daemon = rig.daemon(config={"keep_runs": KEEP_RUNS})
    daemon.write("work", SOURCE, jobs=JOBS)
    daemon.start()
    fill(daemon)
    process, attacks = Process(daemon.process.pid), Attacks(rig, daemon)
    descriptors, resident = process.descriptors(), process.resident()
    worst, kept_first = (0, ""), None
    with Bystander(rig, daemon) as bystander:
        for _ in rig.cycles(short=1, long=100):
            for name in ATTACKS:
                process.forget_peak()
                rig.inject(name.replace("_", " "), getattr(attacks, name))
                if not daemon.is_alive():
                    rig.violate("died", "of %s: %s" % (name, daemon.tail()))
                    return
                worst = max(worst, (process.peak() - resident, name))
            kept_first = kept_first or process.resident() - resident
    bystander.report("beside them")
    rig.note("%d times all places were taken when an attack began" % attacks.again)
    wait_until(lambda: process.descriptors() <= descriptors, 30, "all descriptors of bad clients are closed")
    kept = process.resident() - resident
    rig.note("memory: at most %.0f MiB more (%s), %.0f MiB of it kept after the first cycle, %.0f MiB in the end" % (
        worst[0] / MIB, worst[1].replace("_", " "), kept_first / MIB, kept / MIB))
    if (worst[0] > GROWTH_MOST or kept > KEPT_MOST) and not is_sanitized(rig.moonbeat):
        rig.violate("memory", "%s: %d MiB more, %d MiB of it kept" % (worst[1], worst[0] // MIB, kept // MIB))
    daemon.stop()
    rig.check(daemon)
