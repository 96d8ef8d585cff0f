"""The factory makes what a state implies, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from models import FINAL, Event, State
from tests import factory
from worker.outbox import Database, connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An outbox at a fresh database."""
    engine = connect(database_url)
    yield Database(engine)
    engine.dispose()


def test_the_factory_makes_every_state_of_every_kind(db: Database) -> None:
    with db.write() as connection:
        for state in State:
            for kind in factory.GROUPS:
                row = factory.operation(connection, factory.make_operation(connection, state, kind=kind))
                assert (row.state, row.kind) == (state, kind)
                assert (row.finalized_at is not None) == (state in FINAL)


def test_a_row_in_flight_has_a_turn_at_its_lane(db: Database) -> None:
    with db.write() as connection:
        row = factory.operation(connection, factory.make_operation(connection, State.IN_FLIGHT))
        lane = factory.lane(connection)
    assert row.claimed_by == lane.token
    assert lane.lease_until == factory.MOMENT + timedelta(seconds=45)


def test_only_tried_operations_have_a_history(db: Database) -> None:
    with db.write() as connection:
        tried = factory.history(connection, factory.make_operation(connection, State.IN_DOUBT))
        untried = factory.history(connection, factory.make_operation(connection, State.PENDING))
    assert [(entry.event, entry.attempt, entry.outcome) for entry in tried] == [(Event.SENT, 1, "in_doubt")]
    assert untried == []


def test_every_column_can_be_overridden(db: Database) -> None:
    with db.write() as connection:
        made = factory.make_operation(connection, State.FAILED, attempt=7, source_id="X", failures=3)
        row = factory.operation(connection, made)
    assert row.attempt == 7
    assert row.source_id == "X"
    assert row.failures == 3


def test_the_other_tables_have_their_rows(db: Database) -> None:
    with db.write() as connection:
        factory.make_environment(connection)
        factory.make_lane(connection)
        hold, rejected = factory.make_hold(connection), factory.make_rejected_row(connection)
        assert hold > 0
        assert rejected > 0
