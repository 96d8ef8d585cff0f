"""The CRM is told each verdict once, and again only when it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text, update

from models import Operation, State
from tests import factory
from worker.outbox import predicates
from worker.outbox.upkeep import reported
from worker.outbox.upkeep.reported import ReportedState
from worker.outbox.views import unreported

if TYPE_CHECKING:
    from worker.outbox import Database


def untold(db: Database, **filters: str) -> list[int]:
    return [row.id for row in unreported.unreported_operations(db, **filters)]  # type: ignore[arg-type]


def told_as(db: Database, id_: int) -> ReportedState:
    with db.read() as connection:
        row = factory.operation(connection, id_)
    return ReportedState(row.id, row.attempt, State(row.state))


@pytest.mark.parametrize("state", list(State))
def test_ended_and_doubtful_rows_are_unreported(db: Database, state: State) -> None:
    with db.write() as connection:
        id_ = factory.make_operation(connection, state)
    news = state not in {State.PENDING, State.IN_FLIGHT, State.RETRYABLE}
    assert untold(db) == ([id_] if news else [])
    assert [row.id for row in unreported.unreported_operations(db, everything=True)] == [id_]


def test_a_reported_row_is_unreported_after_a_new_verdict(db: Database) -> None:
    with db.write() as connection:
        id_ = factory.make_operation(connection, State.IN_DOUBT)
    assert reported.mark_operations_reported(db, [told_as(db, id_)]) == 1
    assert untold(db) == []
    with db.write() as connection:
        values = {"state": State.SUCCEEDED, "finalized_at": factory.MOMENT, "reported_at": None}
        connection.execute(update(Operation).values(values))
    assert untold(db) == [id_]


@pytest.mark.parametrize("moved", [{"state": State.SUCCEEDED, "finalized_at": factory.MOMENT}, {"attempt": 2}])
def test_an_operation_that_moved_since_it_was_read_stays_untold(db: Database, moved: dict[str, object]) -> None:
    with db.write() as connection:
        id_ = factory.make_operation(connection, State.IN_DOUBT)
    reported_state = told_as(db, id_)
    with db.write() as connection:
        connection.execute(update(Operation).values(moved))
    assert reported.mark_operations_reported(db, [reported_state]) == 0
    assert untold(db) == [id_]


def test_pages_leave_nothing_out_and_nothing_twice(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unreported, "PAGE", 3)
    monkeypatch.setattr(reported, "BATCH", 3)
    with db.write() as connection:
        ids = [factory.make_operation(connection, State.FAILED) for _ in range(9)]
        rejected = [factory.make_rejected_row(connection) for _ in range(7)]
    assert untold(db) == ids
    assert [row.id for row in unreported.unreported_rejections(db)] == rejected
    assert reported.mark_operations_reported(db, [told_as(db, id_) for id_ in ids]) == 9
    assert reported.mark_rejections_reported(db, rejected) == 7
    assert reported.mark_rejections_reported(db, rejected) == 0
    assert (untold(db), list(unreported.unreported_rejections(db))) == ([], [])
    assert len(list(unreported.unreported_rejections(db, everything=True))) == 7


def test_unreported_rows_are_read_by_feed(db: Database) -> None:
    with db.write() as connection:
        mine = factory.make_operation(connection, State.FAILED)
        factory.make_operation(connection, State.FAILED, feed="other")
        file = factory.make_feed_file(connection, feed="other", name="a.csv")
        rejected = factory.make_rejected_row(connection, feed_file_id=file)
        factory.make_rejected_row(connection)
    assert untold(db, feed="crm") == [mine]
    assert [row.id for row in unreported.unreported_rejections(db, feed="other")] == [rejected]
    assert [row.id for row in unreported.unreported_rejections(db, file="a.csv")] == [rejected]


def test_unreported_rows_are_found_by_their_index(pg_db: Database) -> None:
    with pg_db.write() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        query = f"SELECT id FROM operations WHERE id > 0 AND {predicates.unreported} ORDER BY id"
        plan = "\n".join(connection.execute(text(f"EXPLAIN {query}")).scalars())
    assert "ix_operations_unreported" in plan
