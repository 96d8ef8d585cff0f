"""Beat's scheduler: Celery's own, which asks for no chore while the queue is full, and shares its file with no other.

Two beats do no harm, since a spare chore finds nothing to do; two writers in one file would break it.
"""

import fcntl
import os
import shelve
from pathlib import Path
from typing import Any

import structlog
from celery import beat

from worker import logs, rings

log = structlog.get_logger(__name__)

_outage = logs.Outage(
    "the broker takes no chores; workers look for work by themselves", "the broker takes chores again"
)


class Scheduler(beat.PersistentScheduler):  # type: ignore[misc]
    """Keeps in its file when it last asked for each chore; in memory if another beat has the file locked."""

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **options: Any) -> Any:
        """Ask for a chore, unless the queue of chores is full, or the broker does not take it: the next one comes soon."""
        if producer is not None and _queue_is_full(producer):
            return None
        try:
            result = super().apply_async(entry, producer=producer, advance=advance, **options)
        except beat.SchedulingError as error:
            _outage.note(rings.describe_fault(error))
            return None
        _outage.end()
        return result

    def _ensure_connected(self) -> Any:
        """Connect to the broker, however long it takes."""
        return self.connection.ensure_connection(lambda error, _: _outage.note(rings.describe_fault(error)), None)

    def _open_schedule(self) -> Any:
        schedule = Path(self.schedule_filename)
        schedule.parent.mkdir(parents=True, exist_ok=True)
        if lock_file(Path(f"{schedule}.lock")):
            return super()._open_schedule()
        log.warning("another beat keeps its schedule here; two do no harm, but one is enough")
        return shelve.Shelf({}, writeback=True)


def _queue_is_full(producer: Any) -> bool:
    """Whether as many chores wait as may. If the broker does not say, the queue counts as not full.

    Beat keeps one producer for as long as it lives, and only publishing replaces its channel when that is dead.
    """
    try:
        return rings.count_waiting(producer, rings.CHORES) >= rings.WAITING_AT_MOST
    except Exception:  # noqa: BLE001 (of any class, from the broker's library; publishing reports it)
        return False


def lock_file(path: Path) -> bool:
    """Lock the file for as long as this process lives; False if another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True
