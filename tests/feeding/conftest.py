"""A stage on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.feeding.stage import Stage
from tests.outbox.conftest import clock, db, pg_db

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database

__all__ = ["clock", "db", "pg_db"]


@pytest.fixture
def stage(db: Database, tmp_path: Path) -> Stage:
    """A stage with one feed, a folder of comebacks."""
    made = Stage(db, tmp_path)
    made.write_feeds()
    return made
