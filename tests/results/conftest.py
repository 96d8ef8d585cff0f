"""An outbox on both databases, with a clock that the test moves, and news in it."""

from pathlib import Path

import pytest

from models import State
from tests import factory
from tests.outbox.conftest import clock, db, pg_db
from tests.results.destinations import IDS
from worker.outbox import Database

__all__ = ["clock", "db", "folder", "news", "pg_db"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder into which results go."""
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.fixture
def news(db: Database) -> Database:
    """Five operations that have ended, one that waits, and a rejected row."""
    with db.write() as connection:
        for source_id in IDS[:5]:
            factory.make_operation(connection, State.SUCCEEDED, source_id=source_id)
        factory.make_operation(connection, State.PENDING, source_id="WAITS")
        factory.make_rejected_row(connection, source_id="BAD")
    return db
