"""SQL on both databases: the present moment is the statement's own, and rows in one parameter come out as they went in."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Float, Integer, Text, literal, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

from models import UtcDateTime
from run import ROOT
from tests.clock import FixedClock
from tests.factory import MOMENT
from worker.outbox import Database, connect
from worker.outbox.database.sql import (
    as_json,
    as_json_parameter,
    current_time,
    json_table,
    later,
    read_current_time,
    to_json_text,
)
from worker.outbox.exchange.settle import _move
from worker.outbox.upkeep.reported import _mark

OUTBOX = sorted((ROOT / "worker" / "outbox").rglob("*.py"))

# How long a connection has rested decides nothing but whether it is asked first.
RESTED = {"database.py": {"time.monotonic"}, "environments.py": {"time.monotonic"}}
"""Modules that rest, or that reckon how long ago an answer of Vitec's came: durations, no moments."""


@pytest.fixture
def real_time_db(database_url: str) -> Iterator[Database]:
    """A database that goes by its own clock."""
    db = Database(connect(database_url))
    yield db
    db.engine.dispose()


def test_the_moment_is_the_statements_not_the_transactions(real_time_db: Database) -> None:
    """A transaction may have waited for a lock past the end of its lease."""
    with real_time_db.write() as connection:
        first = read_current_time(connection)
        while (second := read_current_time(connection)) == first:
            assert datetime.now(UTC) - first < timedelta(seconds=20)
    assert second > first


def test_the_production_clock_binds_nothing(db: Database) -> None:
    assert select(current_time).compile(dialect=db.engine.dialect).params == {}


def test_the_databases_clock_gives_the_time(real_time_db: Database) -> None:
    with real_time_db.read() as connection:
        moment = read_current_time(connection)
    assert abs(moment - datetime.now(UTC)) < timedelta(seconds=30)
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize("seconds", [0.0, 0.25, -3.5, 86_400.0, 0.001])
def test_later_is_later_by_fractions_of_seconds_too(db: Database, seconds: float) -> None:
    with db.read() as connection:
        moment = connection.execute(select(later(literal(MOMENT, UtcDateTime()), seconds))).scalar_one()
    assert moment == MOMENT + timedelta(seconds=seconds)


def test_moments_of_the_clock_compare_with_bound_ones(real_time_db: Database) -> None:
    """On SQLite they are text; both must sort as time does."""
    soon, before = (literal(datetime.now(UTC) + timedelta(hours=hours), UtcDateTime()) for hours in (1, -1))
    with real_time_db.read() as connection:
        assert connection.execute(
            select(current_time < soon, current_time > before, later(current_time, 7200) > soon)
        ).one() == (1, 1, 1)


def test_the_fixed_clock_stands_until_it_is_moved(db: Database, clock: FixedClock) -> None:
    with db.read() as connection:
        assert read_current_time(connection) == MOMENT
        clock.advance(1.5)
        assert read_current_time(connection) == MOMENT + timedelta(seconds=1.5)


@pytest.mark.parametrize("path", OUTBOX, ids=lambda path: path.name)
def test_no_module_of_the_outbox_reads_a_clock(path: Path) -> None:
    """Leases, holds, pace and due times are decided by the database's clock alone."""
    called = [
        ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    own = ("datetime.now", "datetime.utcnow", "datetime.today", "time.time", "time.monotonic", "monotonic")
    assert {name for name in called if name.endswith(own)} <= RESTED.get(path.name, set())


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
