"""Many rows in one parameter come out of the database as they went in."""

from typing import Any

import pytest
from sqlalchemy import Boolean, Float, Integer, Text, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

from worker.outbox import Database
from worker.outbox.database.sql import as_json, as_json_parameter, json_table, to_json_text
from worker.outbox.exchange.settle import _move
from worker.outbox.upkeep.reported import _mark

COLUMNS: dict[str, TypeEngine[Any]] = {"id": Integer(), "text": Text(), "yes": Boolean(), "seconds": Float()}
ROWS: list[dict[str, Any]] = [
    {"id": 1, "text": 'Åsa "O\'Neil"\n\t\\ 🏡', "yes": True, "seconds": 0.125},
    {"id": 2, "text": "", "yes": False, "seconds": 3.0},
    {"id": 3},
    {"id": 2**31 - 1, "text": "'; DROP TABLE operations; --"},
]


def test_rows_come_out_as_they_went_in(db: Database) -> None:
    with db.read() as connection:
        table = json_table(connection.dialect.name, "given", COLUMNS)
        rows = connection.execute(select(table).order_by(table.c.id), as_json_parameter(ROWS)).mappings().all()
    assert [dict(row) for row in rows] == [{**dict.fromkeys(COLUMNS), **row} for row in ROWS]


def test_one_row_and_fifty_are_the_same_statement(db: Database) -> None:
    with db.read() as connection:
        table = json_table(connection.dialect.name, "given", COLUMNS)
        for count in (1, 50):
            assert len(connection.execute(select(table), as_json_parameter(ROWS[:1] * count)).all()) == count


@pytest.mark.parametrize("value", ["R1", "Å\n\"'", {"a": [1, None, True], "ö": {"x": 1.5}}, [], False, 0, None])
def test_an_answer_is_kept_as_the_json_it_was(db: Database, value: Any) -> None:
    with db.read() as connection:
        table = json_table(connection.dialect.name, "given", {"answer": Text()})
        row = {"answer": to_json_text(value)}
        document = as_json_parameter([{key: text for key, text in row.items() if text is not None}])
        result = connection.execute(select(as_json(table.c.answer)), document)
        assert result.scalar_one() == value


def test_sqlite_goes_through_a_document_once() -> None:
    """Named a second time beside the join, it is read from end to end for each of its rows."""
    statements = (_move("sqlite"), _mark("sqlite"))
    assert [str(statement.compile(dialect=sqlite.dialect())).count("json_each") for statement in statements] == [1, 1]
