"""The row of the environment: when its lanes were last rung for."""

from sqlalchemy import update

from models import Environment
from tests.clock import FixedClock
from worker.outbox import Database
from worker.outbox.lanes import environments


def test_silence_is_measured_by_the_last_dispatch(db: Database, clock: FixedClock) -> None:
    assert not environments.dispatched_within(db, 10)
    environments.note_dispatch(db)
    clock.advance(9)
    assert environments.dispatched_within(db, 10)
    clock.advance(1)
    assert not environments.dispatched_within(db, 10)
    with db.write() as connection:
        connection.execute(update(Environment).values(dispatched_at=None))
    assert not environments.dispatched_within(db, 10)
