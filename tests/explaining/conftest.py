"""An outbox whose environment is at work, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import factory
from worker.outbox import FixedClock, Outbox, connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> FixedClock:
    """The clock of `box`."""
    return FixedClock()


@pytest.fixture
def box(database_url: str, clock: FixedClock) -> Iterator[Outbox]:
    """An empty outbox that has been dispatched for just now."""
    engine = connect(database_url)
    box = Outbox(engine, clock)
    with box.write() as connection:
        factory.make_environment(connection, dispatched_at=clock.moment)
    yield box
    engine.dispose()
