"""The watch on the database's clock: each process compares it with a clock of its host that nothing sets.

A step of less than ten seconds is taken for drift. One that happens while no process runs is seen if it goes back.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from worker.outbox import Database
from worker.outbox.upkeep import clock

log = structlog.get_logger(__name__)

SLOW = 2.0
"""Seconds that reading the clock may take; a slower reading tells too little."""

OLD = 3600.0
"""Seconds after which an earlier reading is not compared any more: clocks drift."""

RECENT = 60.0
"""Seconds since the last look of any process, by the database's clock, for a process to trust it at its own first look."""

POSTPONED = 3600.0
"""Seconds for which doubts are put off at a time while a step forward is not confirmed."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits that a step concerns, in seconds: the longest lease, and the quiet time of a doubt."""

    lease: float
    quiet: float


def read_elapsed() -> float:
    """Read a clock that nothing sets, in seconds; it goes on while the host sleeps, where the system has such a one."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


@dataclass(slots=True)
class ClockWatch:
    """The readings of one process."""

    elapsed: Callable[[], float] = read_elapsed
    _last: tuple[clock.ClockState, float] | None = field(default=None, init=False)

    def look(self, db: Database, waits: Waits) -> bool:
        """Look at the clock; record and mend a step. Returns whether what it shows may be trusted to end anything."""
        began = self.elapsed()
        reading = clock.read_clock(db)
        elapsed = self.elapsed()
        if reading is None or elapsed - began > SLOW:
            return False
        step, compared = self._compare(reading, elapsed)
        if step < 0:
            clock.bring_back(db, -step, waits.lease)
        if step:
            clock.begin_doubts_anew(db, waits.quiet)
            if clock.record_step(db, reading, step):
                log.warning("the database's clock was set", seconds=round(step))
            # The next look reads the record of it, by this process or another one that has seen the same step.
            self._last = None
            return False
        self._last = (reading, elapsed)
        if compared or reading.seen_at is None:
            # Not at a first look long after the last one of any process: it may be long by a step, and others must see it.
            clock.note_clock(db)
        if reading.unconfirmed > 0:
            clock.postpone_doubts(db, POSTPONED)
        return compared and reading.unconfirmed <= 0

    def _compare(self, reading: clock.ClockState, elapsed: float) -> tuple[float, bool]:
        """Return the step since this process's last reading, beside those on record, and whether there was one to go by."""
        if self._last is not None and elapsed - self._last[1] < OLD:
            last, last_elapsed = self._last
            step = (reading.at - last.at).total_seconds() - (elapsed - last_elapsed) - (reading.stepped - last.stepped)
            return clock.without_drift(step), True
        behind = -clock.overdue_by(reading).total_seconds()
        recent = reading.seen_at is not None and (reading.at - reading.seen_at).total_seconds() < RECENT
        return clock.without_drift(behind), recent
