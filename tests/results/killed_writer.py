"""`python -m tests.results.killed_writer JSON`: writes results until nothing is new, or is killed at a failpoint on its way.

Its argument is JSON: the database's `url`, `destination` (the options of a destination), and `point`, at which the process
is killed when it first reaches it; without one it lives.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from tests.results.destinations import to
from worker import failpoints
from worker.outbox import Database, connect
from worker.results.run import write_results


def main() -> None:
    """Write, or die."""
    order = json.loads(sys.argv[1])

    def strike(point: str) -> None:
        if point == order["point"]:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.hook = strike
    destination = to(**order["destination"])
    write_results(Database(connect(order["url"])), [destination], worker=f"there:{os.getpid()}")


if __name__ == "__main__":
    main()
