"""Turns at lanes: the order in which lanes are taken, and that no ring is lost."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from models import HoldReason, Lane, Operation, Scope, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.gates import COMMIT, Actor
from tests.outbox.steps import SUCCESS, begin, claim, done, lane, make, release, settle, turn_on_an_empty_lane, wake_all
from worker.outbox import Database
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn


def take(db: Database, kind: str = "comeback") -> Turn | None:
    return turns.take_turn(db, kind, lease=45, worker="there:2")


def test_the_lane_that_has_waited_longest_is_taken(db: Database) -> None:
    for customer, minutes in (("M1", 3), ("M2", 9), ("M3", 5)):
        make(db, customer_id=customer, next_attempt_at=MOMENT - timedelta(minutes=minutes))
    wake_all(db)
    assert [turn.customer_id for turn in (take(db), take(db), take(db)) if turn] == ["M2", "M3", "M1"]
    assert take(db) is None


def test_a_ring_serves_its_own_kind_only(db: Database) -> None:
    make(db, kind="appointment")
    wake_all(db)
    assert take(db, "comeback") is None
    assert take(db, "appointment") is not None


def test_a_turn_is_signed_leased_and_numbered(db: Database) -> None:
    make(db)
    turn = begin(db)
    row = lane(db)
    assert turn.token == 1
    assert row.token == 1
    assert row.worker == "here:1"
    assert row.lease_until == MOMENT + timedelta(seconds=45)
    assert turn.function_group == row.function_group


def test_a_leased_lane_is_not_due_until_the_lease_ends(db: Database, clock: FixedClock) -> None:
    make(db)
    begin(db)
    assert turns.due_kinds(db) == {}
    assert not turns.any_lane_is_due(db)
    clock.advance(44.999)
    assert take(db) is None
    clock.advance(0.001)
    assert turns.due_kinds(db) == {"comeback": 1}
    turn = take(db)
    assert turn is not None
    assert turn.token == 2


def test_two_workers_at_once_get_two_lanes_and_neither_waits(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    make(pg_db, customer_id="M1", next_attempt_at=MOMENT - timedelta(minutes=11))
    make(pg_db, customer_id="M2")
    wake_all(pg_db)
    first = Actor(pg_url, lambda actor: take(actor.db), clock, lambda point: point == COMMIT)
    second = Actor(pg_url, lambda actor: take(actor.db), clock)
    third = Actor(pg_url, lambda actor: take(actor.db), clock)
    assert first.go_on() == COMMIT
    assert second.go_on() is None
    assert third.go_on() is None
    assert [actor.finish() and actor.result.customer_id for actor in (first, second, third)] == ["M1", "M2", None]


def test_a_wake_only_brings_a_lane_forward(db: Database) -> None:
    make(db, next_attempt_at=MOMENT + timedelta(minutes=5))
    wake_all(db)
    assert lane(db).due_at == MOMENT + timedelta(minutes=5)
    make(db, next_attempt_at=MOMENT + timedelta(minutes=2))
    wake_all(db)
    assert lane(db).due_at == MOMENT + timedelta(minutes=2)
    make(db, next_attempt_at=MOMENT + timedelta(minutes=9))
    wake_all(db)
    assert lane(db).due_at == MOMENT + timedelta(minutes=2)


def test_a_wake_of_a_lane_that_has_nothing_does_nothing(db: Database) -> None:
    make(db, State.SUCCEEDED)
    make(db, State.IN_DOUBT)
    wake_all(db)
    assert lane(db).due_at is None


def test_a_lane_with_more_to_do_goes_to_the_back(db: Database, clock: FixedClock) -> None:
    make(db), make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn, want=1).claimed
    clock.advance(7)
    settle(db, turn, [done(claimed, SUCCESS)])
    assert release(db, turn)
    row = lane(db)
    assert row.due_at == clock.moment
    assert row.lease_until is None
    assert row.worker is None


def test_a_lane_at_the_back_stays_there_whatever_is_enqueued(db: Database, clock: FixedClock) -> None:
    """Its backlog is older than its place; neither an import nor housekeeping lets it jump the queue by that."""
    make(db, customer_id="M1"), make(db, customer_id="M1")
    turn = begin(db)
    claim(db, turn, want=1)
    clock.advance(7)
    make(db, customer_id="M2", next_attempt_at=clock.moment - timedelta(seconds=1))
    turns.wake_lanes(db, [("M2", "comeback")])
    turns.end_turn(db, turn)
    clock.advance(1)
    make(db, customer_id="M1", next_attempt_at=clock.moment)
    turns.wake_lanes(db, [("M1", "comeback")])
    assert turns.wake_missed(db) == 0
    taken = take(db)
    assert taken is not None
    assert taken.customer_id == "M2"


def test_a_lane_with_later_work_is_due_later(db: Database) -> None:
    make(db, next_attempt_at=MOMENT + timedelta(minutes=5))
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    assert not release(db, turn)
    assert lane(db).due_at == MOMENT + timedelta(minutes=5)


def test_an_emptied_lane_is_due_no_more(db: Database) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    assert not release(db, turn)
    assert lane(db).due_at is None


def test_a_turn_that_lost_its_lane_releases_nothing(db: Database, clock: FixedClock) -> None:
    make(db)
    turn = begin(db)
    clock.advance(46)
    successor = take(db)
    assert successor is not None
    before = lane(db)
    turns.end_turn(db, turn)
    assert lane(db) == before


def test_a_turns_last_exchange_sees_its_kinds_other_lanes(db: Database) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    make(db, customer_id="M2")
    make(db, customer_id="M3", kind="appointment")
    turns.wake_lanes(db, [("M3", "appointment")])
    assert not release(db, turn)
    turns.wake_lanes(db, [("M2", "comeback")])
    assert release(db, turn)


NOT_NOW: dict[str, dict[str, Any]] = {
    "succeeded": {"state": State.SUCCEEDED},
    "in doubt": {"state": State.IN_DOUBT},
    "for later": {"next_attempt_at": MOMENT + timedelta(seconds=1)},
    "expired": {"expires_at": MOMENT},
    "after one that is not known": {"after_kind": "order_token", "after_source_id": "nobody"},
    "after one that waits": {"after_kind": "appointment", "after_source_id": "PARENT"},
}


@pytest.mark.parametrize("why", [*NOT_NOW, "nothing"])
@pytest.mark.parametrize("scope", [None, *Scope])
def test_dispatch_turn_claim_and_last_look_agree(db: Database, why: str, scope: Scope | None) -> None:
    """A lane that is due by one condition and not by another makes turns ring each other for ever."""
    turn = turn_on_an_empty_lane(db)
    make(db, kind="appointment", source_id="PARENT", next_attempt_at=MOMENT + timedelta(hours=1))
    make(db, **NOT_NOW.get(why, {}))
    with db.write() as connection:
        # Housekeeping and the waking may be late or early; the lane's own time must not matter.
        connection.execute(update(Lane).values(due_at=MOMENT - timedelta(minutes=1)))
        if scope is not None:
            factory.make_hold(connection, scope)
    is_due = why == "nothing" and scope is None
    assert bool(claim_nothing_else(db, turn)) is is_due
    with db.write() as connection:
        connection.execute(update(Lane).values(lease_until=None))
    assert turns.due_kinds(db) == ({"comeback": 1} if is_due else {})
    assert turns.any_lane_is_due(db) is is_due
    assert (take(db) is not None) is is_due


def claim_nothing_else(db: Database, turn: Turn) -> bool:
    """Whether the turn's claim, and the look it takes at its own lane, find something; then it is put back."""
    is_found = turns.has_claimable(db, turn)
    claimed = claim(db, turn).claimed
    assert bool(claimed) is is_found
    with db.write() as connection:
        for operation in claimed:
            connection.execute(
                update(Operation)
                .where(Operation.id == operation.id)
                .values(state=State.PENDING, claimed_by=None, claimed_at=None)
            )
    return is_found


def test_a_lane_that_was_never_woken_is_found(db: Database) -> None:
    make(db)
    assert lane(db).due_at is None
    assert turns.wake_missed(db) == 1
    assert lane(db).due_at == MOMENT - timedelta(minutes=10)
    assert turns.wake_missed(db) == 0


def test_a_paused_lane_leaves_its_kinds_others_due(db: Database) -> None:
    make(db, customer_id="M1"), make(db, customer_id="M2")
    wake_all(db)
    with db.write() as connection:
        factory.make_hold(connection, Scope.LANE, customer_id="M1", reason=HoldReason.PAUSED, until=None)
    assert turns.due_kinds(db) == {"comeback": 1}
    turn = take(db)
    assert turn is not None
    assert turn.customer_id == "M2"


@pytest.mark.parametrize(
    ("state", "has_leftovers"), [(State.IN_FLIGHT, True), (State.PENDING, False), (State.IN_DOUBT, False)]
)
def test_a_new_turn_knows_whether_rows_are_in_flight(db: Database, state: State, *, has_leftovers: bool) -> None:
    make(db)
    make(db, state)
    make(db, State.IN_FLIGHT, customer_id="M2")
    with db.write() as connection:
        connection.execute(update(Lane).values(due_at=MOMENT, lease_until=None, worker=None))
        connection.execute(update(Lane).where(Lane.customer_id == "M2").values(due_at=None))
    turn = take(db)
    assert turn is not None
    assert turn.leftovers is has_leftovers
