"""A real database with the real clock, and a wire that remembers."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests import factory
from worker.outbox import Outbox, connect
from worker.settings import Settings


@pytest.fixture
def box(database_url: str) -> Iterator[Outbox]:
    """An empty outbox with its environment, by the database's own clock."""
    yield from _open(database_url)


@pytest.fixture
def pg_box(pg_url: str) -> Iterator[Outbox]:
    """The same on PostgreSQL only."""
    yield from _open(pg_url)


def _open(url: str) -> Iterator[Outbox]:
    engine = connect(url)
    box = Outbox(engine)
    with box.write() as connection:
        factory.make_environment(connection, now=datetime(2026, 1, 1, tzinfo=UTC))
    yield box
    engine.dispose()


@pytest.fixture
def settings() -> Settings:
    """No pace, five in flight."""
    return Settings(vitec_requests_per_second=0, vitec_in_flight=5, vitec_timeout=5)
