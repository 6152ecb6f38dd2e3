"""The daemon as a service: this program is its manager, and hears what it is told by NOTIFY_SOCKET.

service.py --list names the cases, service.py CASE runs one; MOONBEAT_BIN is the program under test.
"""
import ctypes
import errno
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BIN = os.path.abspath(os.environ.get("MOONBEAT_BIN", "build/moonbeat"))
PATIENCE = 20
JOBS = """
job "env" { run = function() return tostring(env.NOTIFY_SOCKET) .. tostring(env.WATCHDOG_USEC) end }
job "long" { run = function() sleep "60s" end }
job "short" { run = function() while not kv.shared.get "go" do sleep "10ms" end end }
"""


class Service:
    """A daemon, and the socket on which it tells how it is."""

    def __init__(self, arguments=(), abstract=False, files=None, scripts=(), **environment):
        self.root = tempfile.mkdtemp(prefix="moonbeat-service-")
        os.mkdir(self.root + "/jobs")
        with open(self.root + "/jobs/a.lua", "w") as file:
            file.write(JOBS)
        for name, source in dict(scripts).items():
            with open("%s/jobs/%s.lua" % (self.root, name), "w") as file:
                file.write(source)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = "@" + self.root if abstract else self.root + "/notify"
        self.socket.bind("\0" + self.root if abstract else name)
        environment = {**os.environ, "NOTIFY_SOCKET": name, "MOONBEAT_STATE": self.root + "/state", **environment}
        self.log = open(self.root + "/log", "w")
        self.process = subprocess.Popen([BIN, "run", self.root + "/jobs", *arguments], env=environment, stderr=self.log,
                                        preexec_fn=files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)))
        self.heard = []

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.socket.close()
        shutil.rmtree(self.root)

    def hear(self, seconds):
        """The next message, or None when there was none for so long."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            message = self.socket.recv(4096).decode()
        except socket.timeout:
            return None
        self.heard.append(message)
        return message

    def wait_for(self, beginning):
        stop = time.monotonic() + PATIENCE
        while time.monotonic() < stop:
            message = self.hear(stop - time.monotonic())
            if message and message.startswith(beginning):
                return message
        raise AssertionError("waited in vain for %s, heard %s" % (beginning, self.heard))

    def cli(self, *arguments):
        environment = {**os.environ, "MOONBEAT_STATE": self.root + "/state"}
        return subprocess.run([BIN, *arguments], env=environment, check=True, capture_output=True, text=True).stdout

    def wait_for_jobs(self):
        """READY says that the folder was read; its scripts load meanwhile."""
        stop = time.monotonic() + PATIENCE
        while '"env"' not in self.cli("list", "--json"):
            assert time.monotonic() < stop, "no job is loaded"
            time.sleep(0.02)

    def begin(self, job):
        self.wait_for_jobs()
        self.cli("run-now", job)
        stop = time.monotonic() + PATIENCE
        while '"running":0' in self.cli("status", "--json"):
            assert time.monotonic() < stop, job + " does not begin"
            time.sleep(0.02)


def wait_until(is_so, what):
    stop = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < stop, what
        time.sleep(0.02)


def case_ready_and_told(service=None):
    """READY once the folder was read, from the first message on in that order; a line on how it goes."""
    service = service or Service()
    try:
        service.wait_for("READY=1")
        assert [m for m in service.heard if m.startswith("READY")] == ["READY=1"], service.heard
        assert service.wait_for("STATUS=") == "STATUS=1 script, 0 runs running, 0 pending"
        assert not [m for m in service.heard if m.startswith("WATCHDOG")], service.heard
        service.wait_for_jobs()
        assert '"nilnil"' in service.cli("run-now", "env", "--wait", "--json")
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("STOPPING=1")
        assert service.process.wait(PATIENCE) == 0
    finally:
        service.close()


def case_abstract_socket():
    case_ready_and_told(Service(abstract=True))


def case_reload():
    """SIGHUP: RELOADING with the time, and READY when what is new is loaded."""
    service = Service()
    try:
        service.wait_for("READY=1")
        with open(service.root + "/jobs/b.lua", "w") as file:
            file.write('job "new" { run = function() end }')
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        service.process.send_signal(signal.SIGHUP)
        usec = int(service.wait_for("RELOADING=1\nMONOTONIC_USEC=").split("=")[2])
        assert before <= usec <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        service.wait_for("READY=1")
        assert '"new"' in service.cli("list", "--json")
    finally:
        service.close()


def case_stops_in_good_order():
    """SIGTERM: no run begins, what is open may end, and more time is asked for meanwhile."""
    service = Service(["--grace", "1h"])
    try:
        service.wait_for("READY=1")
        service.begin("short")
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("STOPPING=1")
        service.wait_for("EXTEND_TIMEOUT_USEC=10000000")
        assert "\nstopping" in service.cli("status")
        assert '"stop_by":"' in service.cli("status", "--json")
        try:
            raise AssertionError("a run begins: " + service.cli("run-now", "env"))
        except subprocess.CalledProcessError as refused:
            assert refused.returncode == 69, refused.stderr
        service.cli("kv", "set", "go", "true")
        assert service.process.wait(PATIENCE) == 0
        assert "READY=1" not in service.heard[service.heard.index("STOPPING=1"):]
        service = resume(service)
        assert '"state":"succeeded"' in service.cli("runs", "short", "--json")
    finally:
        service.close()


def resume(service):
    """The same again after its end."""
    service.process = subprocess.Popen(service.process.args, stderr=service.log, env={
        **os.environ, "NOTIFY_SOCKET": service.root + "/notify", "MOONBEAT_STATE": service.root + "/state"})
    service.wait_for("READY=1")
    return service


def case_second_signal_cuts_off():
    service = Service(["--grace", "1h"])
    try:
        service.wait_for("READY=1")
        service.begin("long")
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("STOPPING=1")
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(PATIENCE) == 0
        with open(service.root + "/log") as log:
            assert "again: cutting runs off" in log.read()
    finally:
        service.close()


def case_stubborn_command_does_not_hold_the_stop():
    """Whoever began it, it gets KILL when there is nothing more to wait for."""
    exec_it = """exec { "sh", "-c", "trap '' TERM; echo > begun; while :; do sleep 1; done", grace = "1h" }"""
    for name, script in {
        "load": exec_it,
        "listener": 'on("job_executed", function() %s end) job "j" { trigger = every "1s", run = function() end }' % exec_it,
        "trigger": 'job "j" { trigger = trigger("t", function() %s end), run = function() end }' % exec_it,
        "after a load": 'local c = io.popen("trap \'\' TERM; echo > begun; while :; do sleep 1; done") sleep "1s" error "no"',
    }.items():
        service = Service(["--grace", "1s"])
        try:
            service.wait_for("READY=1")
            with open(service.root + "/jobs/stubborn.lua", "w") as file:
                file.write(script)
            wait_until(lambda: os.path.exists(service.root + "/jobs/begun"), name)
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(PATIENCE) == 0, name
            assert time.monotonic() - began < 12, name  # the last word of a listener is waited for
        finally:
            service.close()


def case_hanging_pool_does_not_hold_the_stop():
    """A file that never answers: it is left behind, and no signal ends what is in order."""
    service = Service(["--grace", "1s"])
    try:
        os.mkfifo(service.root + "/fifo")
        with open(service.root + "/jobs/a.lua", "a") as file:
            file.write('job "hang" { run = function() sqlite.open("%s/fifo", { readonly = true }) end }' % service.root)
        service.wait_for("READY=1")
        service.begin("hang")
        service.process.send_signal(signal.SIGTERM)
        stop = time.monotonic() + PATIENCE
        while service.process.poll() is None:
            assert time.monotonic() < stop, "it does not end"
            service.process.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        assert service.process.returncode == 0, service.process.returncode
        with open(service.root + "/log") as log:
            assert "does not answer; leaving it" in log.read()
        service = resume(service)
        assert '"attempt":2' in service.cli("runs", "hang", "--json")
    finally:
        service.close()


def case_signals_from_the_first_moment():
    """A hangup while the store is opened ends nothing, and a TERM ends it in order."""
    for number in [signal.SIGHUP, signal.SIGTERM] * 8:
        service = Service()
        try:
            while not os.path.exists(service.root + "/state"):
                pass
            service.process.send_signal(number)
            if number == signal.SIGHUP:
                service.wait_for("READY=1")
            else:
                assert service.process.wait(PATIENCE) == 0, service.process.returncode
        finally:
            service.close()


def case_hangup_before_it_is_ready():
    """Is no reloading to be told of, and those that follow are."""
    service = Service()
    try:
        with open(service.root + "/jobs/slow.lua", "w") as file:
            file.write('sleep "2s"')
        while not os.path.exists(service.root + "/state/control.sock"):
            pass
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("READY=1")
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("RELOADING=1")
        service.wait_for("READY=1")
    finally:
        service.close()


def case_hangup_while_stopping():
    """Nothing is read any more, and nothing told of it."""
    service = Service(["--grace", "1h"])
    try:
        service.wait_for("READY=1")
        service.begin("short")
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("STOPPING=1")
        with open(service.root + "/jobs/b.lua", "w") as file:
            file.write('log.info "loaded" job "new" { run = function() end }')
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("EXTEND_TIMEOUT_USEC")
        service.wait_for("EXTEND_TIMEOUT_USEC")
        assert '"new"' not in service.cli("list", "--json")
        try:
            raise AssertionError("it reads the folder: " + service.cli("reload"))
        except subprocess.CalledProcessError as refused:
            assert refused.returncode == 69, refused.stderr
        service.cli("kv", "set", "go", "true")
        assert service.process.wait(PATIENCE) == 0
        assert not [m for m in service.heard if m.startswith("RELOADING")], service.heard
    finally:
        service.close()


GREEDY = """
held = {}
job "databases-%(name)s" { run = function()
  for i = 1, 500 do
    local db = sqlite.open("../%(name)s" .. i .. ".db")
    db:exec "CREATE TABLE IF NOT EXISTS a(b)"
    held[#held + 1] = db
  end
end }
job "commands-%(name)s" { run = function() for i = 1, 500 do held[#held + 1] = assert(io.popen "exec sleep 60") end end }
job "few-%(name)s" { run = function() sqlite.open("few.db"):exec "CREATE TABLE IF NOT EXISTS a(b)" end }
job "limit-%(name)s" { run = function() return exec({ "sh", "-c", "ulimit -Sn" }).stdout end }
"""


def case_scripts_share_descriptors():
    """One script cannot take all of them, and all together leave some to the daemon."""
    names = ["g%d" % i for i in range(12)]
    service = Service(files=(128, 512), scripts={name: GREEDY % {"name": name} for name in names})
    try:
        service.wait_for("READY=1")
        service.wait_for_jobs()

        def end_of(job):
            command = [BIN, "run-now", job, "--wait", "--json"]
            environment = {**os.environ, "MOONBEAT_STATE": service.root + "/state"}
            return subprocess.run(command, env=environment, capture_output=True, text=True).stdout

        assert "this script has 64 databases open already" in end_of("databases-g0")
        assert "64 commands of this script are running already" in end_of("commands-g0")
        assert '"state":"succeeded"' in end_of("few-g1")
        assert '128' in end_of("limit-g1"), "commands have the limit as it was"
        told = [end_of("databases-" + name) for name in names]
        assert "of 512 are kept for moonbeat itself" in told[-1], told
        assert '"state":"running"' in service.cli("status", "--json")
        assert '"few-g3"' in service.cli("list", "--json")
    finally:
        service.close()


def thread_of(pid, name):
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, thread)) as file:
            if file.read().strip() == name:
                return int(thread)
    raise AssertionError("no thread " + name)


class PtraceForbidden(Exception):
    """Containers may forbid it; then no thread can be stopped alone."""


class Frozen:
    """One thread of another process stands still."""
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long] * 4
        self.libc.ptrace.restype = ctypes.c_long

    def trace(self, what):
        if self.libc.ptrace(what, self.thread, 0, 0) == 0:
            return
        number = ctypes.get_errno()
        if what == self.SEIZE and number in (errno.EPERM, errno.ENOSYS):
            raise PtraceForbidden("ptrace is not allowed here")
        raise OSError(number, "ptrace: " + os.strerror(number))

    def __enter__(self):
        self.trace(self.SEIZE)
        self.trace(self.INTERRUPT)
        os.waitpid(self.thread, self.WALL)

    def __exit__(self, *_):
        self.trace(self.DETACH)


def case_hanging_scheduler_is_not_fed():
    """The watchdog is fed as long as turns are taken, and no longer, however well the other threads are."""
    service = Service(WATCHDOG_USEC="400000")
    try:
        service.wait_for("READY=1")
        service.wait_for("WATCHDOG=1")
        with Frozen(thread_of(service.process.pid, "scheduler")):
            while service.hear(0.05):  # what was said before
                pass
            for _ in range(8):
                assert service.hear(0.2) is None, service.heard
        service.wait_for("WATCHDOG=1")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
    finally:
        service.close()


def case_watchdog_of_another_process():
    """WATCHDOG_PID says for whom it is."""
    service = Service(WATCHDOG_USEC="400000", WATCHDOG_PID="1")
    try:
        service.wait_for("STATUS=")
        for _ in range(4):
            assert service.hear(0.2) != "WATCHDOG=1"
    finally:
        service.close()


SKIPPED = 77  # as others say it to CTest

CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
    else:
        try:
            CASES[sys.argv[1]]()
        except PtraceForbidden as why:
            print("skipped: %s" % why)
            sys.exit(SKIPPED)
