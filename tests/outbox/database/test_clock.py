"""The clock that decides is the database's, and looks at the moment of each statement."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import literal, select

from models import UtcDateTime
from run import ROOT
from tests.clock import FixedClock
from tests.factory import MOMENT
from worker.outbox import Database, connect
from worker.outbox.database.sql import current_time, later, read_current_time

OUTBOX = sorted((ROOT / "worker" / "outbox").rglob("*.py"))

# How long a connection has rested decides nothing but whether it is asked first.
RESTED = {"database.py": {"time.monotonic"}}


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
