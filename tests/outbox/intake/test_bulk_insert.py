"""Rows that are all new are copied straight, or nothing of them is."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

from models import Operation
from tests.outbox.exported import record, row
from worker.outbox.database.staging import FEW
from worker.outbox.intake.record import KnownShare
from worker.outbox.revisions.judge import IntakeResult

if TYPE_CHECKING:
    from worker.outbox import Database
    from worker.outbox.database.staging import NewOperation

MANY = FEW + 1
BROKEN = "{Astrid Hemlig"


def rows(**columns: str) -> list[NewOperation]:
    return [row(source_id=f"C-{number}", **columns) for number in range(MANY)]


def test_new_rows_are_copied_in_their_order(pg_db: Database) -> None:
    statements: list[str] = []
    event.listen(pg_db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert record(pg_db, *rows(), known_share=KnownShare.NONE) == [IntakeResult.RECORDED] * MANY
    assert not [statement for statement in statements if "INSERT INTO operations" in statement]
    with pg_db.read() as connection:
        source_ids = connection.scalars(select(Operation.source_id).order_by(Operation.id)).all()
    assert source_ids == [row.source_id for row in rows()]


def test_a_known_row_costs_none_of_the_new_ones(pg_db: Database) -> None:
    record(pg_db, row("old", "C-100"))
    expected = [IntakeResult.RECORDED] * MANY
    expected[100] = IntakeResult.REVISED
    assert record(pg_db, *rows(), known_share=KnownShare.NONE) == expected


def test_a_refused_insert_is_reported_without_the_row(pg_db: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        record(pg_db, *rows(payload=BROKEN), known_share=KnownShare.NONE)
    assert "invalid input syntax" in str(caught.value)
    assert "Hemlig" not in "".join(traceback.format_exception(caught.value))
    with pg_db.read() as connection:
        assert connection.scalars(select(Operation.id)).all() == []
