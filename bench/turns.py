"""The worker's turns without Celery: forked processes that serve one turn after another. `python -m bench.turns N`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from sqlalchemy import event

from worker import bootstrap, delivery
from worker.delivery.dead_mans_switch import restore_default_sigalrm

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from worker.delivery import TurnReport
    from worker.outbox import Database


def main() -> None:
    """Serve in so many processes until ended."""
    for _ in range(int(sys.argv[1])):
        multiprocessing.get_context("fork").Process(target=serve_for_ever).start()
    signal.pause()


def serve_for_ever() -> None:
    """Serve turns as a prefork child does that gets a ring whenever it is free."""
    restore_default_sigalrm()
    slow_down_commits(bootstrap.database(), float(os.environ.get("BENCH_FLUSH", "0")))
    while True:
        if serve_once().customer_id is None:
            time.sleep(0.01)


def serve_once() -> TurnReport:
    """Serve one turn, if any lane is due."""
    db, client, settings = bootstrap.database(), bootstrap.client(), bootstrap.settings()
    return delivery.serve("comeback", db=db, client=client, settings=settings, stopping=lambda: False)


def slow_down_commits(db: Database, flush: float) -> None:
    """Let every commit that has to reach the disk take so many seconds longer, all its locks still held.

    This is what a slower disk does to one connection. A real one also lets commits of the same moment share a flush.
    """

    def wait(connection: Connection) -> None:
        # A transaction that only reads says so, and is not flushed.
        if connection.get_execution_options().get("sqlite_begin") != "DEFERRED":
            time.sleep(flush)

    if flush:
        event.listen(db.engine, "commit", wait)


if __name__ == "__main__":
    main()
