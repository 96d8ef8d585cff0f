"""Beat's scheduler: Celery's own, but of two beats at one schedule file the second leaves it alone.

Two beats do no harm, since a spare ring finds nothing to do; two writers in one file would break it.
"""

import fcntl
import os
import shelve
from pathlib import Path
from typing import Any

import structlog
from celery import beat

log = structlog.get_logger(__name__)


class Scheduler(beat.PersistentScheduler):  # type: ignore[misc]
    """Keeps in its file when it last asked for what; in memory if another beat keeps that file."""

    def _open_schedule(self) -> Any:
        schedule = Path(self.schedule_filename)
        schedule.parent.mkdir(parents=True, exist_ok=True)
        if lock(Path(f"{schedule}.lock")):
            return super()._open_schedule()
        log.warning("another beat keeps its schedule here; two do no harm, but one is enough")
        return shelve.Shelf({}, writeback=True)


def lock(path: Path) -> bool:
    """Lock the file for as long as this process lives; False if another process holds it."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return False
    return True
