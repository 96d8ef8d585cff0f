"""No ring is lost, in whatever order those who ring and a turn that ends go on."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select

from models import Attempt, Lane, Operation, State
from tests import factory
from tests.clock import FixedClock
from tests.outbox.gates import Actor, interleavings, play
from tests.outbox.steps import TERMS, lane, make, turn_on_an_empty_lane
from worker.outbox import Database
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn

Way = Callable[[Database, Turn], object]


def take(db: Database, at_most: int = 1000) -> Turn | None:
    return turns.take_turn(db, "comeback", lease=45, worker="there:2", at_most=at_most)


def in_flight(db: Database) -> int:
    with db.read() as connection:
        return connection.scalars(select(Operation.state)).all().count(State.IN_FLIGHT)


def give_up(db: Database, turn: Turn) -> None:
    """The turn's last exchange: it finds nothing to claim, and gives the lane back at once."""
    exchange(db, turn, [], 5, TERMS, give_back_if_idle=True)


WAYS = pytest.mark.parametrize(("way", "steps"), [(turns.end_turn, 4), (give_up, 7)])
"""How a turn ends, and how many steps that has with the look afterwards."""


@WAYS
def test_no_order_of_enqueuing_and_releasing_loses_a_ring(
    pg_db: Database, pg_url: str, clock: FixedClock, way: Way, steps: int
) -> None:
    """Enqueue: commit, wake, ring. Turn: give back, commit, look, ring. After every order one of the two has the lane."""
    lost = [order for order in interleavings(3, steps) if not _is_served(order, way, pg_db, pg_url, clock)]
    assert lost == []


def _is_served(order: str, way: Way, db: Database, url: str, clock: FixedClock) -> bool:
    turn = turn_on_an_empty_lane(db)
    enqueuer = Actor(url, _enqueue, clock)
    releaser = Actor(url, lambda actor: _give_back(actor, turn, way), clock, lambda point: True)
    assert enqueuer.go_on() == "commit"
    releaser.go_on()
    play(order, enqueuer, releaser)
    assert [enqueuer.finish(), releaser.finish()].count(True) <= 1
    # The turn goes on with the row that its last claim found.
    served = lane(db).token > turn.token or in_flight(db) == 1
    _empty(db)
    return bool(served)


def _enqueue(actor: Actor) -> bool:
    with actor.db.write() as connection:
        factory.make_operation(connection)
        actor.pause("commit")
    actor.pause("wake")
    turns.wake_lanes(actor.db, [(factory.CUSTOMER, "comeback")])
    actor.pause("ring")
    return take(actor.db) is not None


def _give_back(actor: Actor, turn: Turn, way: Way, at_most: int = 1000) -> bool:
    way(actor.db, turn)
    next_kind = turns.longest_due_kind(actor.db, ["comeback"])
    actor.stops = lambda point: False
    return next_kind is not None and take(actor.db, at_most=at_most) is not None


@WAYS
def test_a_ring_that_is_heard_in_vain_is_not_lost(
    pg_db: Database, pg_url: str, clock: FixedClock, way: Way, steps: int
) -> None:
    """Only one turn may live: a worker that hears the ring for the other lane meanwhile is refused, and the first takes it up."""
    lost = [order for order in interleavings(2, steps) if not _is_heard(order, way, pg_db, pg_url, clock)]
    assert lost == []


def _is_heard(order: str, way: Way, db: Database, url: str, clock: FixedClock) -> bool:
    turn = turn_on_an_empty_lane(db)
    make(db, customer_id="M2")
    ringer = Actor(url, _hear_a_ring, clock)
    releaser = Actor(url, lambda actor: _give_back(actor, turn, way, at_most=1), clock, lambda point: True)
    assert ringer.go_on() == "wake"
    releaser.go_on()
    play(order, ringer, releaser)
    heard = [ringer.finish(), releaser.finish()].count(True)
    _empty(db)
    return heard == 1


def _hear_a_ring(actor: Actor) -> bool:
    actor.pause("wake")
    turns.wake_lanes(actor.db, [("M2", "comeback")])
    actor.pause("ring")
    return take(actor.db, at_most=1) is not None


def _empty(db: Database) -> None:
    with db.write() as connection:
        for table in (Attempt, Operation, Lane):
            connection.execute(delete(table))
