"""A turn that only waits for one slow request leaves the database alone, and yet sees new rows."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, select

from models import Operation, State
from tests.delivery.steps import make_due, serve_turn
from tests.delivery.wire import Wire, created

if TYPE_CHECKING:
    from worker.kind import Answer, Call
    from worker.outbox import Database
    from worker.settings import Settings
    from worker.vitec.http_attempt import Permit

SLOW = 1.5
"""Seconds that a slow request takes. Looked at every 0.05 s, that is 30 looks; by growing pauses, 6."""


def count_transactions(db: Database) -> Counter[str]:
    """Count the transactions that begin from now on, and the exchanges: only they read `failures_in_row`."""
    counts: Counter[str] = Counter()

    def begin(connection: Any) -> None:
        counts["begun"] += 1

    def execute(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        counts["exchanges"] += "failures_in_row" in statement

    event.listen(db.engine, "begin", begin)
    event.listen(db.engine, "before_cursor_execute", execute)
    return counts


def test_a_slow_request_is_awaited_with_ever_fewer_exchanges(db: Database, settings: Settings) -> None:
    make_due(db)
    counts = count_transactions(db)
    meanwhile: Counter[str] = Counter()

    def slow(call: Call, permit: Permit) -> Answer:
        before = counts.copy()
        threading.Event().wait(SLOW)
        meanwhile.update(counts - before)
        return created(call, permit)

    assert serve_turn(db, Wire(slow), settings).states == {State.SUCCEEDED: 1}
    # One exchange finds the lane empty; from then on it is only looked at.
    assert meanwhile["exchanges"] <= 1
    assert 2 <= meanwhile["begun"] <= 10


def test_new_rows_are_claimed_while_a_slow_request_runs(db: Database, settings: Settings) -> None:
    make_due(db)
    both_calls = threading.Barrier(2)

    def first_awaits_the_second(call: Call, permit: Permit) -> Answer:
        if call is wire.calls[0]:
            # Long enough for the turn to have looked in vain, and more than once.
            threading.Event().wait(0.3)
            make_due(db)
        both_calls.wait(4)
        return created(call, permit)

    wire = Wire(first_awaits_the_second)
    serve_turn(db, wire, settings)
    with db.read() as connection:
        assert list(connection.scalars(select(Operation.state))) == [State.SUCCEEDED] * 2
