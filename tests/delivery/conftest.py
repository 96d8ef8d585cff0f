"""A real database with the real clock, and a wire that remembers."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests import factory
from worker.outbox import Database, connect
from worker.settings import Settings


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An empty outbox with its environment, by the database's own clock."""
    yield from _open(database_url)


@pytest.fixture
def pg_db(pg_url: str) -> Iterator[Database]:
    """The same on PostgreSQL only."""
    yield from _open(pg_url)


def _open(url: str) -> Iterator[Database]:
    engine = connect(url)
    db = Database(engine)
    with db.write() as connection:
        factory.make_environment(connection, at=datetime(2026, 1, 1, tzinfo=UTC))
    yield db
    engine.dispose()


@pytest.fixture
def settings() -> Settings:
    """No pace, five in flight."""
    return Settings(vitec_requests_per_second=0, vitec_in_flight=5, vitec_timeout=5)
