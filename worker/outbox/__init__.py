"""The outbox: the only writer of operations, attempts, lanes, holds and environments. Has never heard of HTTP."""

from worker.outbox.database.database import Database, connect

__all__ = ["Database", "connect"]
