"""An outbox with a clock that the test moves, on both databases."""

from collections.abc import Iterator

import pytest

from tests import factory
from tests.outbox.scene import Scene
from worker.outbox import FixedClock, Outbox, connect


@pytest.fixture
def clock() -> FixedClock:
    """The clock of `box`."""
    return FixedClock()


@pytest.fixture
def box(database_url: str, clock: FixedClock) -> Iterator[Outbox]:
    """An empty outbox with its environment."""
    yield from _open(database_url, clock)


@pytest.fixture
def pg_box(pg_url: str, clock: FixedClock) -> Iterator[Outbox]:
    """The same on PostgreSQL only, for rules about its locks."""
    yield from _open(pg_url, clock)


@pytest.fixture
def scene(box: Outbox, clock: FixedClock) -> Scene:
    """An empty lane, by a clock that the test moves."""
    return Scene(box, clock)


def _open(url: str, clock: FixedClock) -> Iterator[Outbox]:
    engine = connect(url)
    box = Outbox(engine, clock)
    with box.write() as connection:
        factory.make_environment(connection)
    yield box
    engine.dispose()
