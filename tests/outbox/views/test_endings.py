"""Endings are counted by kind, state and code, from the newest rows, by an index."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models import State
from tests.factory import MOMENT, make_operation
from tests.outbox.plans import explained
from worker.outbox.views import endings
from worker.outbox.views.endings import EndingCount, count_endings_of_a_day, count_untold
from worker.outbox.views.operations import OperationFilter, list_operations

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from tests.clock import FixedClock
    from worker.outbox import Database


def untold(db: Database) -> Sequence[EndingCount]:
    with db.read() as connection:
        return count_untold(connection)


def test_untold_failures_are_counted_by_kind_and_code(db: Database) -> None:
    failed: list[dict[str, Any]] = [
        {"finalized_at": MOMENT},
        {"finalized_at": MOMENT - timedelta(hours=2)},
        {"error_code": "not_found"},
        {"kind": "notification"},
        {"reported_at": MOMENT},
    ]
    with db.write() as connection:
        for values in failed:
            make_operation(connection, State.FAILED, **values)
        for state in (State.SUCCEEDED, State.CANCELLED, State.PENDING, State.EXPIRED):
            make_operation(connection, state)
    assert untold(db) == [
        EndingCount("comeback", State.FAILED, "refused", 2, MOMENT - timedelta(hours=2)),
        EndingCount("comeback", State.EXPIRED, None, 1, MOMENT),
        EndingCount("comeback", State.FAILED, "not_found", 1, MOMENT),
        EndingCount("notification", State.FAILED, "refused", 1, MOMENT),
    ]


def test_only_the_newest_failures_are_read(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "NEWEST", 2)
    with db.write() as connection:
        for _ in range(3):
            make_operation(connection, State.FAILED)
    assert [group.count for group in untold(db)] == [2]


def test_endings_are_those_of_a_day(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        make_operation(connection, State.FAILED)
    clock.advance(3600)
    with db.write() as connection:
        for state in State:
            make_operation(connection, state, at=clock.moment)
    clock.advance(endings.DAY - 3000)
    with db.read() as connection:
        counts = {(group.state, group.count) for group in count_endings_of_a_day(connection)}
    assert counts == {(state, 1) for state in (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED)}


def test_no_count_reads_what_has_succeeded(pg_db: Database) -> None:
    plans = explained(pg_db.engine, "SELECT anon_1")
    with pg_db.read() as connection:
        count_untold(connection)
        count_endings_of_a_day(connection)
    assert [("ix_operations_unsuccessful" in plan, "Seq Scan" in plan) for plan in plans[:2]] == [(True, False)] * 2
    assert "ix_operations_to_blank" in plans[2], plans[2]


def test_failed_operations_are_listed_by_their_index(pg_db: Database) -> None:
    plans = explained(pg_db.engine, "SELECT operations.id", freely=False)
    list_operations(pg_db, OperationFilter(states=frozenset({State.FAILED})), limit=50)
    (plan,) = plans
    assert "ix_operations_unsuccessful" in plan, plan
