"""Beat's scheduler: Celery's own, which asks for nothing while nobody listens, and leaves another beat's file alone.

Two beats do no harm, since a spare ring finds nothing to do; two writers in one file would break it.
"""

import fcntl
import os
import shelve
from pathlib import Path
from typing import Any

import structlog
from celery import beat

from worker import rings

log = structlog.get_logger(__name__)


class Scheduler(beat.PersistentScheduler):  # type: ignore[misc]
    """Keeps in its file when it last asked for what; in memory if another beat keeps that file."""

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **options: Any) -> Any:
        """Ask for a chore, unless as many wait already as may."""
        if producer is not None and _is_full(producer):
            return None
        return super().apply_async(entry, producer=producer, advance=advance, **options)

    def _open_schedule(self) -> Any:
        schedule = Path(self.schedule_filename)
        schedule.parent.mkdir(parents=True, exist_ok=True)
        if lock(Path(f"{schedule}.lock")):
            return super()._open_schedule()
        log.warning("another beat keeps its schedule here; two do no harm, but one is enough")
        return shelve.Shelf({}, writeback=True)


def _is_full(producer: Any) -> bool:
    """Whether as many chores wait as may. If it cannot be told they are asked for: to publish mends a lost connection.

    Beat keeps one producer for as long as it lives, and only publishing gives it a new channel for a dead one.
    """
    try:
        return rings.waiting(producer, rings.CHORES) >= rings.WAITING_AT_MOST
    except Exception:  # noqa: BLE001 (whatever the broker's library raises; publishing says it aloud)
        return False


def lock(path: Path) -> bool:
    """Lock the file for as long as this process lives; False if another process holds it."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return False
    return True
