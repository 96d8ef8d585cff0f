"""The row of the environment: when its lanes were last rung for."""

from sqlalchemy import update

from models import Environment
from worker.outbox import FixedClock, Outbox
from worker.outbox.lanes import environments


def test_silence_is_measured_by_the_last_dispatch(box: Outbox, clock: FixedClock) -> None:
    assert environments.silent_for(box, 10)
    environments.dispatched(box)
    clock.advance(9)
    assert not environments.silent_for(box, 10)
    clock.advance(1)
    assert environments.silent_for(box, 10)
    with box.write() as connection:
        connection.execute(update(Environment).values(dispatched_at=None))
    assert environments.silent_for(box, 10)
