"""The CRM is told each verdict once, and again only when it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text, update

from models import Operation, State
from tests import factory
from worker.outbox.views import unreported as reporting
from worker.outbox.views.unreported import Told

if TYPE_CHECKING:
    from worker.outbox import Outbox


def untold(box: Outbox, **filters: str) -> list[int]:
    return [row.id for row in reporting.operations(box, **filters)]  # type: ignore[arg-type]


def told_as(box: Outbox, id_: int) -> Told:
    with box.read() as connection:
        row = factory.operation(connection, id_)
    return Told(row.id, row.attempt, State(row.state))


@pytest.mark.parametrize("state", list(State))
def test_what_has_ended_or_is_in_doubt_is_news(box: Outbox, state: State) -> None:
    with box.write() as connection:
        id_ = factory.make_operation(connection, state)
    news = state not in {State.PENDING, State.IN_FLIGHT, State.RETRYABLE}
    assert untold(box) == ([id_] if news else [])
    assert [row.id for row in reporting.operations(box, everything=True)] == [id_]


def test_what_was_told_is_no_news_until_its_verdict_changes(box: Outbox) -> None:
    with box.write() as connection:
        id_ = factory.make_operation(connection, State.IN_DOUBT)
    assert reporting.mark_operations(box, [told_as(box, id_)]) == 1
    assert untold(box) == []
    with box.write() as connection:
        done = {"state": State.SUCCEEDED, "finalized_at": factory.MOMENT, "reported_at": None}
        connection.execute(update(Operation).values(done))
    assert untold(box) == [id_]


@pytest.mark.parametrize("moved", [{"state": State.SUCCEEDED, "finalized_at": factory.MOMENT}, {"attempt": 2}])
def test_an_operation_that_moved_since_it_was_read_stays_untold(box: Outbox, moved: dict[str, object]) -> None:
    with box.write() as connection:
        id_ = factory.make_operation(connection, State.IN_DOUBT)
    told = told_as(box, id_)
    with box.write() as connection:
        connection.execute(update(Operation).values(moved))
    assert reporting.mark_operations(box, [told]) == 0
    assert untold(box) == [id_]


def test_pages_leave_nothing_out_and_nothing_twice(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "PAGE", 3)
    with box.write() as connection:
        ids = [factory.make_operation(connection, State.FAILED) for _ in range(9)]
        rejected = [factory.make_rejected_row(connection) for _ in range(7)]
    assert untold(box) == ids
    assert [row.id for row in reporting.rejected(box)] == rejected
    assert reporting.mark_operations(box, [told_as(box, id_) for id_ in ids]) == 9
    assert reporting.mark_rejected(box, rejected) == 7
    assert reporting.mark_rejected(box, rejected) == 0
    assert (untold(box), list(reporting.rejected(box))) == ([], [])
    assert len(list(reporting.rejected(box, everything=True))) == 7


def test_feeds_and_files_are_told_apart(box: Outbox) -> None:
    with box.write() as connection:
        mine = factory.make_operation(connection, State.FAILED)
        factory.make_operation(connection, State.FAILED, feed="other")
        file = factory.make_feed_file(connection, feed="other", name="a.csv")
        row = factory.make_rejected_row(connection, feed_file_id=file)
        factory.make_rejected_row(connection)
    assert untold(box, feed="crm") == [mine]
    assert [found.id for found in reporting.rejected(box, feed="other")] == [row]
    assert [found.id for found in reporting.rejected(box, file="a.csv")] == [row]


def test_what_is_new_is_found_by_its_index(pg_box: Outbox) -> None:
    with pg_box.write() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        query = f"SELECT id FROM operations WHERE id > 0 AND reported_at IS NULL AND {reporting._TELLING} ORDER BY id"
        plan = "\n".join(connection.execute(text(f"EXPLAIN {query}")).scalars())
    assert "ix_operations_unreported" in plan
