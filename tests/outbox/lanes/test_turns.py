"""Turns at lanes: who waits, who is taken first, and that no ring is lost."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from models import Lane, Operation, Reason, Scope, State
from tests import factory
from tests.factory import MOMENT
from tests.outbox.gates import COMMIT, Actor
from tests.outbox.steps import SUCCESS, begin, claim, done, lane, make, release, settle, turn_on_an_empty_lane, wake_all
from worker.outbox import FixedClock, Outbox
from worker.outbox.lanes import turns as lanes
from worker.outbox.lanes.turns import Turn


def take(box: Outbox, kind: str = "comeback") -> Turn | None:
    return lanes.take(box, kind, lease=45, worker="there:2")


def test_the_lane_that_has_waited_longest_is_taken(box: Outbox) -> None:
    for customer, minutes in (("M1", 3), ("M2", 9), ("M3", 5)):
        make(box, customer_id=customer, next_attempt_at=MOMENT - timedelta(minutes=minutes))
    wake_all(box)
    assert [turn.customer_id for turn in (take(box), take(box), take(box)) if turn] == ["M2", "M3", "M1"]
    assert take(box) is None


def test_a_ring_serves_its_own_kind_only(box: Outbox) -> None:
    make(box, kind="appointment")
    wake_all(box)
    assert take(box, "comeback") is None
    assert take(box, "appointment") is not None


def test_a_turn_is_signed_leased_and_numbered(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    row = lane(box)
    assert (turn.token, row.token, row.worker) == (1, 1, "here:1")
    assert row.lease_until == MOMENT + timedelta(seconds=45)
    assert turn.function_group == row.function_group


def test_a_leased_lane_waits_for_nobody_until_the_lease_ends(box: Outbox, clock: FixedClock) -> None:
    make(box)
    begin(box)
    assert lanes.due_kinds(box) == {}
    assert not lanes.somebody_waits(box)
    clock.advance(44.999)
    assert take(box) is None
    clock.advance(0.001)
    assert lanes.due_kinds(box) == {"comeback": 1}
    turn = take(box)
    assert turn is not None
    assert turn.token == 2


def test_two_workers_at_once_get_two_lanes_and_neither_waits(pg_box: Outbox, pg_url: str, clock: FixedClock) -> None:
    make(pg_box, customer_id="M1", next_attempt_at=MOMENT - timedelta(minutes=11))
    make(pg_box, customer_id="M2")
    wake_all(pg_box)
    first = Actor(pg_url, lambda actor: take(actor.box), clock, lambda what: what == COMMIT)
    second = Actor(pg_url, lambda actor: take(actor.box), clock)
    third = Actor(pg_url, lambda actor: take(actor.box), clock)
    assert first.go_on() == COMMIT
    assert second.go_on() is None
    assert third.go_on() is None
    assert [actor.finish() and actor.result.customer_id for actor in (first, second, third)] == ["M1", "M2", None]


def test_a_wake_only_brings_a_lane_forward(box: Outbox) -> None:
    make(box, next_attempt_at=MOMENT + timedelta(minutes=5))
    wake_all(box)
    assert lane(box).due_at == MOMENT + timedelta(minutes=5)
    make(box, next_attempt_at=MOMENT + timedelta(minutes=2))
    wake_all(box)
    assert lane(box).due_at == MOMENT + timedelta(minutes=2)
    make(box, next_attempt_at=MOMENT + timedelta(minutes=9))
    wake_all(box)
    assert lane(box).due_at == MOMENT + timedelta(minutes=2)


def test_a_wake_of_a_lane_that_has_nothing_does_nothing(box: Outbox) -> None:
    make(box, State.SUCCEEDED)
    make(box, State.IN_DOUBT)
    wake_all(box)
    assert lane(box).due_at is None


def test_a_lane_with_more_to_do_goes_to_the_back(box: Outbox, clock: FixedClock) -> None:
    make(box), make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn, want=1).claimed
    clock.advance(7)
    settle(box, turn, [done(claimed, SUCCESS)])
    assert release(box, turn)
    row = lane(box)
    assert (row.due_at, row.lease_until, row.worker) == (clock.moment, None, None)


def test_a_lane_at_the_back_stays_there_whatever_is_enqueued(box: Outbox, clock: FixedClock) -> None:
    """Its backlog is older than its place; neither an import nor housekeeping lets it jump the queue by that."""
    make(box, customer_id="M1"), make(box, customer_id="M1")
    turn = begin(box)
    claim(box, turn, want=1)
    clock.advance(7)
    make(box, customer_id="M2", next_attempt_at=clock.moment - timedelta(seconds=1))
    lanes.wake(box, [("M2", "comeback")])
    lanes.release(box, turn)
    clock.advance(1)
    make(box, customer_id="M1", next_attempt_at=clock.moment)
    lanes.wake(box, [("M1", "comeback")])
    assert lanes.correct(box) == 0
    taken = take(box)
    assert taken is not None
    assert taken.customer_id == "M2"


def test_a_lane_whose_work_is_for_later_is_due_later(box: Outbox) -> None:
    make(box, next_attempt_at=MOMENT + timedelta(minutes=5))
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    assert not release(box, turn)
    assert lane(box).due_at == MOMENT + timedelta(minutes=5)


def test_an_emptied_lane_is_due_no_more(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    assert not release(box, turn)
    assert lane(box).due_at is None


def test_whoever_has_lost_the_lane_gives_nothing_back(box: Outbox, clock: FixedClock) -> None:
    make(box)
    turn = begin(box)
    clock.advance(46)
    successor = take(box)
    assert successor is not None
    before = lane(box)
    lanes.release(box, turn)
    assert lane(box) == before


def test_the_last_look_of_a_turn_sees_the_other_lanes_of_its_kind(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    make(box, customer_id="M2")
    make(box, customer_id="M3", kind="appointment")
    lanes.wake(box, [("M3", "appointment")])
    assert not release(box, turn)
    lanes.wake(box, [("M2", "comeback")])
    assert release(box, turn)


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
def test_dispatch_turn_claim_and_last_look_agree(box: Outbox, why: str, scope: Scope | None) -> None:
    """What one of them sees as due and another does not, makes turns that ring each other for ever."""
    turn = turn_on_an_empty_lane(box)
    make(box, kind="appointment", source_id="PARENT", next_attempt_at=MOMENT + timedelta(hours=1))
    make(box, **NOT_NOW.get(why, {}))
    with box.write() as connection:
        # Housekeeping and the waking may be late or early; what stands here must not matter.
        connection.execute(update(Lane).values(due_at=MOMENT - timedelta(minutes=1)))
        if scope is not None:
            factory.make_hold(connection, scope)
    is_due = why == "nothing" and scope is None
    assert bool(claim_nothing_else(box, turn)) is is_due
    with box.write() as connection:
        connection.execute(update(Lane).values(lease_until=None))
    assert lanes.due_kinds(box) == ({"comeback": 1} if is_due else {})
    assert lanes.somebody_waits(box) is is_due
    assert (take(box) is not None) is is_due


def claim_nothing_else(box: Outbox, turn: Turn) -> bool:
    """Whether the turn's claim, and the look it takes at its own lane, find something; then it is put back."""
    seen = lanes.has_claimable(box, turn)
    claimed = claim(box, turn).claimed
    assert bool(claimed) is seen
    with box.write() as connection:
        for one in claimed:
            connection.execute(
                update(Operation)
                .where(Operation.id == one.id)
                .values(state=State.PENDING, claimed_by=None, claimed_at=None)
            )
    return seen


def test_a_lane_whose_enqueuer_died_before_waking_it_is_found(box: Outbox) -> None:
    make(box)
    assert lane(box).due_at is None
    assert lanes.correct(box) == 1
    assert lane(box).due_at == MOMENT - timedelta(minutes=10)
    assert lanes.correct(box) == 0


def test_a_pause_of_one_lane_leaves_the_kinds_other_lanes_due(box: Outbox) -> None:
    make(box, customer_id="M1"), make(box, customer_id="M2")
    wake_all(box)
    with box.write() as connection:
        factory.make_hold(connection, Scope.LANE, customer_id="M1", reason=Reason.PAUSED, until=None)
    assert lanes.due_kinds(box) == {"comeback": 1}
    turn = take(box)
    assert turn is not None
    assert turn.customer_id == "M2"


@pytest.mark.parametrize(("state", "left"), [(State.IN_FLIGHT, True), (State.PENDING, False), (State.IN_DOUBT, False)])
def test_whoever_takes_a_lane_is_told_whether_something_was_left_in_flight(
    box: Outbox, state: State, *, left: bool
) -> None:
    make(box)
    make(box, state)
    make(box, State.IN_FLIGHT, customer_id="M2")
    with box.write() as connection:
        connection.execute(update(Lane).values(due_at=MOMENT, lease_until=None, worker=None))
        connection.execute(update(Lane).where(Lane.customer_id == "M2").values(due_at=None))
    turn = take(box)
    assert turn is not None
    assert turn.leftovers is left
