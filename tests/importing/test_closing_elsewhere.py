"""A row that a file had rejected is closed when it comes in order by another way than a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.importing.exports import comeback, export, import_export, rejected_rows
from tests.importing.table import DATA, insert, take_in_all
from worker.importing import enqueue

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database

CELLS: dict[str, Any] = {"contact_id": "ADR0001", "date": "2026-12-10 09:00"}


@pytest.fixture(autouse=True)
def rejected(db: Database, tmp_path: Path) -> None:
    """Two rows that were rejected."""
    import_export(db, export(tmp_path, [comeback("A-1", date="x"), comeback("A-2", date="x")]))


def open_ids(db: Database) -> list[str]:
    return [row.source_id for row in rejected_rows(db) if row.closed_at is None]


def test_enqueue_closes_the_rejection_of_its_key(db: Database) -> None:
    enqueue(db, kind="comeback", source_id="A-1", customer_id="M30001", **CELLS)
    assert open_ids(db) == ["A-2"]


def test_enqueue_for_another_feed_closes_nothing(db: Database) -> None:
    enqueue(db, kind="comeback", source_id="A-1", customer_id="M30001", feed="other", **CELLS)
    assert open_ids(db) == ["A-1", "A-2"]


def test_enqueue_that_is_rolled_back_closes_nothing(db: Database) -> None:
    with db.engine.connect() as connection:
        enqueue(connection, kind="comeback", source_id="A-1", customer_id="M30001", **CELLS)
        connection.rollback()
    assert open_ids(db) == ["A-1", "A-2"]


@pytest.mark.parametrize("data", [DATA, {"withdrawn": True}])
def test_a_table_row_closes_the_rejection_of_its_key(db: Database, data: dict[str, Any]) -> None:
    insert(db, source_id="A-1", data=data)
    take_in_all(db)
    assert open_ids(db) == ["A-2"]


def test_a_table_row_that_is_rejected_closes_nothing(db: Database) -> None:
    insert(db, source_id="A-1", data=json.dumps({**DATA, "date": "x"}))
    take_in_all(db)
    assert open_ids(db) == ["A-1", "A-2"]
