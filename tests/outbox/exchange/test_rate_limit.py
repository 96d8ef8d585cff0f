"""The pace: slots of the whole environment, none given twice, none long before its time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models import Environment
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.gates import COMMIT, Actor
from worker.outbox import Database, connect
from worker.outbox.database.sql import read_current_time
from worker.outbox.exchange import rate_limit


def next_slot(db: Database) -> float:
    with db.read() as connection:
        next_slot_at = connection.scalars(select(Environment.next_slot_at)).one()
    return (next_slot_at - MOMENT).total_seconds()


def test_slots_are_apart_by_the_rate_and_reserved_for_all(db: Database) -> None:
    slots = rate_limit.reserve_slots(db, 50.0, 3)
    assert slots.offsets == pytest.approx((0.0, 0.02, 0.04))
    assert next_slot(db) == pytest.approx(0.06, abs=0.002)
    assert rate_limit.reserve_slots(db, 50.0, 1).offsets == pytest.approx((0.06,), abs=0.002)


def test_no_slot_is_reserved_long_before_its_time(db: Database) -> None:
    """A reserve without a use would be lost to all other turns."""
    slots = rate_limit.reserve_slots(db, 10.0, 1000)
    assert slots.offsets == pytest.approx((0.0, 0.1))
    assert slots.wait == pytest.approx(0.1)
    again = rate_limit.reserve_slots(db, 10.0, 1000)
    assert again.offsets == ()
    assert again.wait == pytest.approx(0.1, abs=0.002)
    assert next_slot(db) == pytest.approx(0.2, abs=0.002)


def test_idle_time_is_not_saved_up(db: Database, clock: FixedClock) -> None:
    rate_limit.reserve_slots(db, 10.0, 1)
    clock.advance(3600)
    assert len(rate_limit.reserve_slots(db, 10.0, 100).offsets) == 2


def test_a_slow_rate_says_when_to_ask_again(db: Database, clock: FixedClock) -> None:
    assert rate_limit.reserve_slots(db, 0.5, 5).offsets == (0.0,)
    slots = rate_limit.reserve_slots(db, 0.5, 5)
    assert slots.offsets == ()
    assert slots.wait == pytest.approx(1.9, abs=0.002)
    clock.advance(2)
    assert rate_limit.reserve_slots(db, 0.5, 5).offsets == (0.0,)


def test_two_workers_never_get_the_same_slot(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    """The second waits for the first's reservation to be committed, and reads it."""
    first = Actor(
        pg_url, lambda actor: rate_limit.reserve_slots(actor.db, 50.0, 2), clock, lambda point: point == COMMIT
    )
    second = Actor(pg_url, lambda actor: rate_limit.reserve_slots(actor.db, 50.0, 2), clock)
    assert first.go_on() == COMMIT
    assert second.go_on() == "blocked"
    assert first.finish().offsets == pytest.approx((0.0, 0.02))
    assert second.finish().offsets == pytest.approx((0.04, 0.06), abs=0.002)


def test_many_workers_together_keep_the_rate(pg_url: str, pg_db: Database) -> None:
    """By the database's own clock: in what is reserved until the end there are no more slots than the rate allows."""
    with pg_db.write() as connection:
        connection.execute(update(Environment).values(next_slot_at=MOMENT - timedelta(days=365)))
    db = Database(connect(pg_url, pool_size=4))
    barrier = threading.Barrier(4)

    def reserve_some() -> int:
        barrier.wait(20)
        return sum(len(rate_limit.reserve_slots(db, 200.0, 5).offsets) for _ in range(20))

    with db.read() as connection:
        began = read_current_time(connection)
    with ThreadPoolExecutor(4) as threads:
        given = sum(future.result(60) for future in [threads.submit(reserve_some) for _ in range(4)])
    with db.read() as connection:
        last = connection.scalars(select(Environment.next_slot_at)).one()
    db.engine.dispose()
    assert given > 0
    assert given <= (last - began).total_seconds() * 200 + 1.5
