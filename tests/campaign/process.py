"""What Linux tells of a process: its memory and its open files."""
import os

MIB = 1 << 20


def is_sanitized(program):
    """Whether it is built with AddressSanitizer or ThreadSanitizer: it is slow, keeps what it frees for a while, so
    that its memory tells nothing, and nothing may be loaded before it."""
    text = program.read_bytes()
    return b"__asan_init" in text or b"__tsan_init" in text


class Process:
    def __init__(self, pid):
        self.pid = pid

    def _status(self, name):
        with open("/proc/%d/status" % self.pid, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        raise KeyError(name)

    def resident(self):
        """Bytes that it has of its own: pages of files, which Linux may take back, are not counted."""
        return self._status("RssAnon")

    def peak(self):
        """The most that it ever had since forget_peak()."""
        return self._status("VmHWM")

    def forget_peak(self):
        with open("/proc/%d/clear_refs" % self.pid, "w", encoding="ascii") as file:
            file.write("5")

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))
