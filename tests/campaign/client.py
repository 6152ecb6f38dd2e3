"""The control socket (src/ctl/server.h) from outside: newline-delimited JSON, one connection.

Every operation goes to the log when it is answered or when the connection breaks; so "in the log with
an answer" is what was acknowledged, and "without one" is what may or may not have happened. One
thread per client."""
import json
import socket

# They change nothing, so nothing can be lost of them.
QUESTIONS = {"list", "show", "next", "why", "runs", "run", "skips", "logs", "scripts", "show_script",
             "status", "pulse", "ping", "subscribe", "unsubscribe", "kv_get", "kv_keys", "kv_list",
             "events", "pools", "calendars", "listeners", "locks"}


class Gone(Exception):
    """There is no daemon, it has ended, or it is ending; an operation that was sent may have happened."""


class Refused(Exception):
    """The daemon answered with an error: nothing has changed."""

    def __init__(self, op, error):
        super().__init__("%s: %s (%s)" % (op, error["message"], error["code"]))
        self.code = error["code"]


class Client:
    def __init__(self, path, log=None, name="client", timeout=30.0):
        self.log, self.name, self.last_id = log, name, 0
        self.pushes = []  # events and what was printed, oldest first
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError as error:
            self.socket.close()
            raise Gone(str(error)) from error
        self.lines = self.socket.makefile("rb")

    def close(self):
        self.lines.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def receive(self):
        """The next frame. Raises TimeoutError when none comes, Gone when none will."""
        try:
            line = self.lines.readline()
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone(str(error)) from error
        if not line.endswith(b"\n"):
            raise Gone("the connection has ended")
        return json.loads(line)

    def send(self, op, params):
        self.last_id += 1
        frame = json.dumps({"id": self.last_id, "op": op, "params": params}) + "\n"
        try:
            self.socket.sendall(frame.encode())
        except OSError as error:
            raise Gone(str(error)) from error
        return self.last_id

    def _answer(self, op, params):
        number = self.send(op, params)
        while True:
            frame = self.receive()
            if frame.get("id") == number:
                return frame
            self.pushes.append(frame)

    def call(self, op, /, **params):
        """The answer's result. Raises Refused or Gone."""
        if not self.log or op in QUESTIONS:
            return self._result(op, self._answer(op, params))
        facts = {"begin": self.log.begin(), "client": self.name, "op": op, "params": params,
                 "sent_us": self.log.now_us(), "acked_us": None}
        frame = None
        try:
            frame = self._answer(op, params)
        finally:
            if frame:
                facts["acked_us"] = self.log.now_us()
                facts.update({key: frame[key] for key in ("result", "error") if key in frame})
            self.log.write("op", **facts)
        return self._result(op, frame)

    def _result(self, op, frame):
        if "error" not in frame:
            return frame["result"]
        if frame["error"]["code"] == "unavailable":
            raise Gone(frame["error"]["message"])
        raise Refused(op, frame["error"])

    def event(self):
        """The next pushed event, which goes to the log: it is told after the commit of what it tells."""
        while True:
            frame = self.pushes.pop(0) if self.pushes else self.receive()
            if "event" in frame:
                if self.log:
                    self.log.write("event", at_us=self.log.now_us(), event=frame["event"])
                return frame["event"]

    def pages(self, op, members, **params):
        """All of a list that comes in pages: of `list` the next is asked for by `after`, of `runs` by `before`."""
        while True:
            page = self.call(op, limit=1000, **params)
            yield from page[members]
            if not page.get("next"):
                return
            params["after" if op == "list" else "before"] = page["next"]
