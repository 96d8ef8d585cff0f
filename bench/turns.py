"""The worker's turns without Celery: forked processes that serve one turn after another. `python -m bench.turns N`."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time

from worker import bootstrap, delivery
from worker.delivery.switch import make_deadly


def main() -> None:
    """Serve in so many processes until ended."""
    for _ in range(int(sys.argv[1])):
        multiprocessing.get_context("fork").Process(target=serve_for_ever).start()
    signal.pause()


def serve_for_ever() -> None:
    """What a prefork child does when its ring is always heard at once."""
    make_deadly()
    box, client, settings = bootstrap.outbox(), bootstrap.client(), bootstrap.settings()
    while True:
        report = delivery.serve("comeback", box=box, client=client, settings=settings, stopping=lambda: False)
        if report.customer_id is None:
            time.sleep(0.01)


if __name__ == "__main__":
    main()
