"""The dead man's switch: no byte leaves this process outside its lease, even if it was stopped and continued.

A check in Python is not enough, since a process can be paused between the check and the write. So while requests may
be written, the kernel holds a timer that ends the process by a signal: a paused process that wakes after the lease gets
the signal before it runs another instruction of its own.
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
"""Seconds before the timer at which the last request is cut: one request in doubt is better than the end of all."""

FRESH = 0.05
"""Seconds for which arming the timer may take: after a longer pause no request is handed over."""

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

    The main thread arms it. The thread that brings the count to 0 disarms it, under the lock: the main thread may be
    waiting for the database, and a worker that only holds answers must not be killed.
    """

    margin: float = MARGIN
    clock: Callable[[], ClockReading] = ClockReading.now
    count: int = 0
    """Requests that may be written at this moment."""
    write_deadline: float = -inf
    """When (monotonic) the last request must have ended, so that its answer is in hand before the timer fires."""
    _ends: ClockReading | None = None
    """When the timer fires; None: no lease has begun."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start_lease(self, reading: ClockReading, lease: float) -> None:
        """Count the lease of `lease` s from `reading`, which was taken before the statement that began the lease."""
        with self._lock:
            self._ends = ClockReading(reading.monotonic + lease - self.margin, reading.boot + lease - self.margin)
            self.write_deadline = self._ends.monotonic - LEEWAY
            if self.count:
                self._arm()

    def admit(self, count: int) -> bool:
        """Let `count` requests begin. False: the lease has ended, or this process was paused just now."""
        with self._lock:
            self.count += count
            if self._arm() and self.may_write():
                return True
            self.leave(count)
            return False

    def leave(self, count: int = 1) -> None:
        """Count `count` requests as ended: they write nothing more."""
        with self._lock:
            self.count -= count
            if self.count == 0:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def may_write(self) -> bool:
        """Whether the lease still runs, by both clocks; asked just before the first byte."""
        ends, reading = self._ends, self.clock()
        return ends is not None and reading.monotonic < ends.monotonic and reading.boot < ends.boot

    def _arm(self) -> bool:
        """Arm the timer to the lease's end, then read the clock again. False: a pause lay between, or it has ended."""
        before = self.clock()
        remaining = 0.0 if self._ends is None else self._ends.monotonic - before.monotonic
        if remaining <= 0:  # 0 would disarm the timer instead of firing it.
            return False
        signal.setitimer(signal.ITIMER_REAL, remaining)
        return self.clock().monotonic - before.monotonic < FRESH


def restore_default_sigalrm() -> None:
    """Give SIGALRM its default action, which ends the process. Main thread only; Celery may have put in its own."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
