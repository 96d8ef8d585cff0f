"""A database of each make, with an environment at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factory
from tests.clock import FixedClock
from worker.outbox import Database, connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> FixedClock:
    """The clock of `db`."""
    return FixedClock()


@pytest.fixture
def db(database_url: str, clock: FixedClock) -> Iterator[Database]:
    """An empty database with a dispatch just now."""
    engine = clock.rule(connect(database_url))
    db = Database(engine)
    with db.write() as connection:
        factory.make_environment(connection, dispatched_at=clock.moment)
    yield db
    engine.dispose()
