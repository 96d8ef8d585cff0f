"""The steps of a test about a turn: make due rows, serve one turn over a `Wire`, count the rows by state."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from models import Lane, Operation, State
from tests import factory
from tests.delivery.wire import Wire
from tests.outbox.steps import wake_all
from worker import delivery
from worker.delivery import TurnReport
from worker.outbox import Database
from worker.settings import Settings

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def make_due(db: Database, count: int = 1, state: State = State.PENDING, **overrides: Any) -> list[int]:
    """Make due operations and wake their lanes; return their ids."""
    overrides = {"next_attempt_at": LONG_AGO, **overrides}
    with db.write() as connection:
        ids = [factory.make_operation(connection, state, **overrides) for _ in range(count)]
    wake_all(db)
    return ids


def serve_turn(
    db: Database, wire: Wire, settings: Settings, stopping: Callable[[], bool] = lambda: False, **changed: Any
) -> TurnReport:
    """Serve one turn at the comebacks, with the settings that are `changed`."""
    settings = settings.model_copy(update=changed)
    return delivery.serve("comeback", db=db, client=wire, settings=settings, stopping=stopping, by="here:1")


def end_leases(db: Database) -> None:
    """Let the lease of every lane be over, as if its worker had died."""
    with db.write() as connection:
        connection.execute(update(Lane).values(lease_until=LONG_AGO))


def count_states(db: Database) -> Counter[State]:
    """Count the operations in each state."""
    with db.read() as connection:
        return Counter(connection.scalars(select(Operation.state)))
