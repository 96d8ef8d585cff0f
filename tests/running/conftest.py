"""An office on each database, or on SQLite alone where the database is not the subject."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import redis

from tests.running.office import Office, environment_of
from worker.outbox import Database, connect
from worker.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def office(sqlite_url: str, broker_url: str, tmp_path: Path) -> Iterator[Office]:
    """An office on SQLite."""
    with _open(sqlite_url, broker_url, tmp_path) as office:
        yield office


@pytest.fixture
def any_office(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Office]:
    """An office on SQLite, then one on PostgreSQL."""
    with _open(database_url, broker_url, tmp_path) as office:
        yield office


@contextmanager
def _open(database_url: str, broker_url: str, folder: Path) -> Iterator[Office]:
    engine = connect(database_url)
    with running_sandbox() as sandbox, redis.Redis.from_url(broker_url) as broker:
        settings = environment_of(folder, database_url, broker_url, sandbox.base_url)
        yield Office(folder, settings, Database(engine), broker, sandbox)
    engine.dispose()
