"""A thread of the main process that takes in what a CRM writes into `crm_rows` within a moment, and writes back likewise.

It looks at two indexes that are empty while nothing is to be done, so that it need not be told by the database.
"""

import threading
from typing import Any

import structlog
from celery import bootsteps

from worker import bootstrap, logs
from worker.processes.main_process import at_work

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.25
"""Seconds between two looks while nothing is to be done."""

WAIT_LONGEST = 5.0
"""Seconds between two looks while they fail."""


class TableWatch(bootsteps.StartStopStep):  # type: ignore[misc]
    """Looks for new rows, and for rows that do not yet show how their operations stand."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._ended = threading.Event()
        self._outage = logs.Outage("the table crm_rows cannot be served", "the table crm_rows is served again")

    def start(self, parent: Any) -> None:
        """Begin to look."""
        del parent
        threading.Thread(target=self._run, name="table", daemon=True).start()

    def stop(self, parent: Any) -> None:
        """Cease; a look that has begun comes to its end, and each is a whole."""
        self.terminate(parent)

    def terminate(self, parent: Any) -> None:
        """Cease."""
        del parent
        self._ended.set()

    def _run(self) -> None:
        wait = LOOK_EVERY
        while not self._ended.wait(wait):
            with at_work:
                if self._ended.is_set() or bootstrap.stopping():
                    return
                try:
                    wait = 0.0 if self._look() else LOOK_EVERY
                    self._outage.end()
                except Exception as error:  # noqa: BLE001 (of any class; the next look is in a moment)
                    wait = min(2 * max(wait, LOOK_EVERY), WAIT_LONGEST)
                    self._outage.note(bootstrap.name_fault(error))

    @staticmethod
    def _look() -> bool:
        """Serve the table; return whether there may be more to do."""
        taken_in, written_back = bootstrap.serve_table()
        if taken_in.rows:
            log.info("rows taken in", rows=taken_in.rows, rejected=taken_in.rejected)
        return taken_in.may_be_more or written_back > 0
