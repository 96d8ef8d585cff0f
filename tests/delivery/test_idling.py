"""A turn with nothing to do but to wait for one slow request leaves the database alone, and yet sees what is new."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, select

from models import Lane, Operation, State
from tests import factory
from tests.delivery.wire import Wire, created
from worker import delivery
from worker.outbox.lanes import turns

if TYPE_CHECKING:
    from worker.kind import Answer, Call
    from worker.outbox import Database
    from worker.settings import Settings
    from worker.vitec.http_attempt import Permit

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SLOW = 1.5
"""Seconds that a slow request takes. Looked at every 0.05 s, that is 30 looks; by growing pauses, 6."""


def make(db: Database) -> int:
    """Make a due operation and wake its lane."""
    with db.write() as connection:
        made = factory.make_operation(connection, next_attempt_at=LONG_AGO)
        keys = [(row.customer_id, row.kind) for row in connection.execute(select(Lane.customer_id, Lane.kind))]
    turns.wake_lanes(db, keys)
    return made


def serve(db: Database, wire: Wire, settings: Settings) -> delivery.TurnReport:
    return delivery.serve("comeback", db=db, client=wire, settings=settings, stopping=lambda: False, by="here:1")


def counted(db: Database) -> Counter[str]:
    """How many transactions are begun from now on, and how many exchanges: only they read what has failed in a row."""
    seen: Counter[str] = Counter()

    def begin(connection: Any) -> None:
        seen["begun"] += 1

    def execute(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen["exchanges"] += "failures_in_row" in statement

    event.listen(db.engine, "begin", begin)
    event.listen(db.engine, "before_cursor_execute", execute)
    return seen


def test_a_slow_request_is_awaited_with_ever_fewer_exchanges(db: Database, settings: Settings) -> None:
    make(db)
    seen = counted(db)
    meanwhile: Counter[str] = Counter()

    def slow(call: Call, permit: Permit) -> Answer:
        before = seen.copy()
        threading.Event().wait(SLOW)
        meanwhile.update(seen - before)
        return created(call, permit)

    assert serve(db, Wire(slow), settings).states == {State.SUCCEEDED: 1}
    # One exchange finds the lane empty; from then on it is only looked at.
    assert meanwhile["exchanges"] <= 1
    assert 2 <= meanwhile["begun"] <= 10


def test_new_rows_are_claimed_while_a_slow_request_runs(db: Database, settings: Settings) -> None:
    make(db)
    both = threading.Barrier(2)

    def first_awaits_the_second(call: Call, permit: Permit) -> Answer:
        if call is wire.calls[0]:
            # Long enough for the turn to have looked in vain, and more than once.
            threading.Event().wait(0.3)
            make(db)
        both.wait(4)
        return created(call, permit)

    wire = Wire(first_awaits_the_second)
    serve(db, wire, settings)
    with db.read() as connection:
        assert list(connection.scalars(select(Operation.state))) == [State.SUCCEEDED] * 2
