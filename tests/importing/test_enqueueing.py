"""A program records one operation by the rules of a file's row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models import Lane
from tests.importing.exports import operations
from worker.importing import Enqueued, enqueue
from worker.kind import BadCells
from worker.kinds import UnknownKind
from worker.outbox.revisions.judge import IntakeResult

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.outbox import Database


def comeback(db: Database, note: str = "", source_id: str = "P-1", after: str | None = None) -> Enqueued:
    return enqueue(
        db,
        kind="comeback",
        source_id=source_id,
        customer_id="M30001",
        contact_id="ADR1",
        date="2026-12-10 09:00",
        note=note,
        send_after=datetime(2026, 12, 5, 9, tzinfo=UTC),
        after=after,
    )


def test_an_enqueued_row_is_recorded_once_and_wakes_its_lane(db: Database) -> None:
    first = comeback(db)
    assert first.result is IntakeResult.RECORDED
    assert comeback(db) == Enqueued(IntakeResult.UNCHANGED, first.id)
    (row,) = operations(db)
    assert row.id == first.id
    assert row.feed_file_id is None
    assert row.line is None
    assert row.next_attempt_at == row.send_after == datetime(2026, 12, 5, 9, tzinfo=UTC)
    with db.read() as connection:
        assert connection.scalar(select(Lane.due_at)) == row.send_after


def test_a_waiting_child_does_not_wake_its_lane(db: Database) -> None:
    comeback(db, after="comeback:P-0")
    (row,) = operations(db)
    assert row.after_kind == "comeback"
    assert row.after_source_id == "P-0"
    assert row.parent_done is False
    with db.read() as connection:
        assert connection.scalar(select(Lane.due_at)) is None


def test_new_content_replaces_a_waiting_rows_content(db: Database) -> None:
    comeback(db)
    assert comeback(db, "new").result is IntakeResult.REVISED
    assert operations(db)[0].payload["note"] == "new"


def test_a_time_to_expiry_counts_from_the_database_s_clock(db: Database, clock: FixedClock) -> None:
    enqueue(db, kind="order_token", source_id="T-1", customer_id="M1", data="x")
    assert (operations(db)[0].expires_at - clock.moment).total_seconds() == 3600


def test_impossible_values_are_refused(db: Database) -> None:
    with pytest.raises(BadCells, match="contact_id: it is missing"):
        enqueue(db, kind="comeback", source_id="P-1", customer_id="M30001", date="2026-12-10 09:00")
    with pytest.raises(UnknownKind):
        enqueue(db, kind="valuation", source_id="P-1", customer_id="M30001")
    assert operations(db) == []
