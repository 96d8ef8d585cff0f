"""An outbox with a clock that the test moves, on both databases."""

from collections.abc import Iterator

import pytest

from tests import factory
from tests.clock import FixedClock
from tests.outbox.scene import Scene
from worker.outbox import Database, connect


@pytest.fixture
def clock() -> FixedClock:
    """The clock of `db`."""
    return FixedClock()


@pytest.fixture
def db(database_url: str, clock: FixedClock) -> Iterator[Database]:
    """An empty outbox with its environment."""
    yield from _open(database_url, clock)


@pytest.fixture
def pg_db(pg_url: str, clock: FixedClock) -> Iterator[Database]:
    """The same on PostgreSQL only, for rules about its locks."""
    yield from _open(pg_url, clock)


@pytest.fixture
def scene(db: Database, clock: FixedClock) -> Scene:
    """An empty lane, by a clock that the test moves."""
    return Scene(db, clock)


def _open(url: str, clock: FixedClock) -> Iterator[Database]:
    engine = clock.rule(connect(url))
    db = Database(engine)
    with db.write() as connection:
        factory.make_environment(connection)
    yield db
    engine.dispose()
