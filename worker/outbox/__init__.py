"""The outbox: the only writer of operations, attempts, lanes, holds and environments. Has never heard of HTTP."""

from worker.outbox.clock import Clock, FixedClock, SqlClock
from worker.outbox.engine import connect
from worker.outbox.store import Outbox

__all__ = ["Clock", "FixedClock", "Outbox", "SqlClock", "connect"]
