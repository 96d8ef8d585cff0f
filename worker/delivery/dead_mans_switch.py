"""The dead man's switch: no byte leaves this process outside its lease, even if it was stopped and continued.

A check in Python is not enough, since a process can be paused between the check and the write. So while requests may
be written, the kernel holds a timer whose signal ends the process: a paused process that wakes after the lease meets the
signal before it runs another instruction of its own.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

MARGIN = 1.0
"""Seconds before the lease's end at which the timer fires."""

LEEWAY = 0.5
"""Seconds before the timer at which the last request is cut: a doubt about one is better than the end of all."""

FRESH = 0.05
"""How old, in seconds, the reading may be after which requests are handed over."""


# CLOCK_BOOTTIME goes on while the machine is suspended; not every system has it.
_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One moment by two clocks, in seconds: the one that timers follow, and the one that counts suspension, too."""

    monotonic: float
    boot: float

    @classmethod
    def now(cls) -> "ClockReading":
        """Read both clocks."""
        return cls(time.monotonic(), time.clock_gettime(_BOOT))


@dataclass(slots=True, eq=False)
class DeadMansSwitch:
    """Counts the requests that may be written and keeps the timer armed while there are any.

    Armed in the main thread; disarmed by the thread that brings the count to nothing, under the counter's lock: the
    main thread may be waiting for the database, and a worker that only holds answers must not be killed.
    """

    margin: float = MARGIN
    clock: Callable[[], ClockReading] = ClockReading.now
    count: int = 0
    """How many requests may be written at this moment."""
    write_deadline: float = -inf
    """When (monotonic) the last request must have ended, so that its answer is in hand before the timer fires."""
    _ends: ClockReading | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start_lease(self, reading: ClockReading, lease: float) -> None:
        """The lease was begun by a statement sent after `reading`: it ends `lease` s after it, or a little later."""
        with self._lock:
            self._ends = ClockReading(reading.monotonic + lease - self.margin, reading.boot + lease - self.margin)
            self.write_deadline = self._ends.monotonic - LEEWAY
            if self.count:
                self._arm()

    def admit(self, count: int) -> bool:
        """Let so many requests begin. False: not enough of the lease is left, or this process was paused just now."""
        with self._lock:
            self.count += count
            if self._arm() and self.may_write():
                return True
            self.leave(count)
            return False

    def leave(self, count: int = 1) -> None:
        """So many requests have ended; they write nothing more."""
        with self._lock:
            self.count -= count
            if self.count == 0:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def may_write(self) -> bool:
        """Asked just before the first byte: is the lease still running, by the clock that counts suspension, too?"""
        ends, reading = self._ends, self.clock()
        return ends is not None and reading.monotonic < ends.monotonic and reading.boot < ends.boot

    def _arm(self) -> bool:
        """Arm the timer to the lease's end, then read the clock again. False: paused in between, or nothing is left."""
        before = self.clock()
        remaining = 0.0 if self._ends is None else self._ends.monotonic - before.monotonic
        if remaining <= 0:  # A remainder of nothing would disarm the timer instead of firing it.
            return False
        signal.setitimer(signal.ITIMER_REAL, remaining)
        return self.clock().monotonic - before.monotonic < FRESH


def restore_default_sigalrm() -> None:
    """Give SIGALRM its default action, which ends the process. Main thread only; Celery may have put in its own."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
