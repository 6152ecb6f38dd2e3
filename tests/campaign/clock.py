"""The daemon's wall clock, moved under it: see clock_shim.c.

    clock = Clock(rig, daemon, begin_us)   # before the daemon is started
    clock.step(3600 * SECOND)              # somebody sets it
    clock.suspend(3600 * SECOND)           # the machine sleeps: CLOCK_MONOTONIC stands
"""
import mmap
import struct

SECOND = 1_000_000
SLOT = struct.Struct("qq")
SIZE = 8 + 2 * SLOT.size


class Clock:
    def __init__(self, rig, daemon, begin_us):
        self.daemon = daemon
        self.changes = self.wall_us = self.boot_us = 0
        path = daemon.root / "clock"
        path.write_bytes(bytes(SIZE))
        with open(path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), SIZE)
        daemon.env |= {"LD_PRELOAD": str(rig.shim("clock_shim")), "CLOCK_SHIM": str(path)}
        self._put(begin_us - daemon.log.now_us(), 0)

    def _put(self, wall_us, boot_us):
        self.wall_us += wall_us
        self.boot_us += boot_us
        self.changes += 1
        SLOT.pack_into(self.bytes, 8 + SLOT.size * (self.changes & 1), self.wall_us, self.boot_us)
        struct.pack_into("q", self.bytes, 0, self.changes)
        self.daemon.log.offset_us = self.wall_us

    def step(self, by_us):
        at_us = self.daemon.log.now_us()
        self._put(by_us, 0)
        self.daemon.log.write("clock", at_us=at_us, step_us=by_us)

    def suspend(self, for_us):
        self._put(for_us, for_us)
