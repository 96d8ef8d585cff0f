"""Holds and the circuit breaker: what rests, for how long, and how it comes back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Environment, Hold, Reason, Scope, State
from tests import factory
from tests.factory import MOMENT
from tests.outbox.steps import DOUBT, REFUSAL, SUCCESS, TERMS, begin, claim, done, make, read
from worker.decide import Settlement
from worker.outbox import FixedClock, Outbox
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import turns as lanes
from worker.outcome import HoldWanted


@pytest.mark.parametrize("scope", list(Scope))
def test_a_held_scope_is_not_claimed_from(box: Outbox, scope: Scope, clock: FixedClock) -> None:
    make(box)
    turn = begin(box)
    with box.write() as connection:
        factory.make_hold(connection, scope)
    result = claim(box, turn)
    assert (result.held, result.claimed) == (True, ())
    assert lanes.due_kinds(box) == {}
    clock.advance(44)
    assert claim(box, turn).held


@pytest.mark.parametrize("scope", list(Scope))
def test_after_a_hold_one_goes_first_until_a_success(box: Outbox, scope: Scope) -> None:
    for _ in range(5):
        make(box)
    turn = begin(box)
    with box.write() as connection:
        factory.make_hold(connection, scope, until=MOMENT - timedelta(seconds=1))
    (first,) = claim(box, turn).claimed
    assert claim(box, turn).claimed == ()
    result = exchange(box, turn, [done(first, SUCCESS)], 5, TERMS)
    assert len(result.claimed) == 4
    with box.read() as connection:
        assert connection.execute(select(Hold.id)).all() == []


def test_one_goes_first_among_all_lanes_of_the_scope(box: Outbox) -> None:
    make(box), make(box, kind="appointment")
    comebacks, appointments = begin(box), begin(box, "appointment")
    with box.write() as connection:
        factory.make_hold(connection, Scope.GROUP, until=MOMENT - timedelta(seconds=1))
    assert len(claim(box, comebacks).claimed) == 1
    assert claim(box, appointments).claimed == ()


def test_a_pause_of_another_customer_holds_nobody_else(box: Outbox) -> None:
    make(box)
    turn = begin(box)
    with box.write() as connection:
        factory.make_hold(connection, Scope.GROUP, customer_id="M2", until=None, reason=Reason.PAUSED)
        factory.make_hold(connection, Scope.GROUP, function_group="viewing", until=None, reason=Reason.PAUSED)
        factory.make_hold(connection, Scope.LANE, kind="appointment", until=None, reason=Reason.PAUSED)
    assert len(claim(box, turn).claimed) == 1


def barred(seconds: float | None = None) -> Settlement:
    hold = HoldWanted(Scope.GROUP, Reason.FORBIDDEN, seconds)
    return Settlement(State.RETRYABLE, State.RETRYABLE, delay=1, code="forbidden", hold=hold)


def test_one_reason_brought_by_many_is_one_strike_and_doubles_when_it_comes_back(
    box: Outbox, clock: FixedClock
) -> None:
    for _ in range(3):
        make(box)
    turn = begin(box)
    claimed = claim(box, turn, want=2).claimed
    exchange(box, turn, [done(one, barred()) for one in claimed], 0, TERMS)
    with box.read() as connection:
        (hold,) = connection.execute(select(Hold.__table__)).all()
    assert (hold.strikes, hold.until, hold.customer_id) == (1, MOMENT + timedelta(hours=1), "M30001")
    assert read(box, claimed[0].id).failures == 0
    clock.advance(3601)
    turn = begin(box)
    (probe,) = claim(box, turn).claimed
    exchange(box, turn, [done(probe, barred())], 0, TERMS)
    with box.read() as connection:
        (hold,) = connection.execute(select(Hold.__table__)).all()
    assert (hold.strikes, hold.until) == (2, MOMENT + timedelta(seconds=3601 + 7200))


def test_retry_after_is_kept_as_said_and_never_shortened(box: Outbox) -> None:
    make(box), make(box)
    turn = begin(box)
    one, two = claim(box, turn).claimed

    def throttled(seconds: float) -> Settlement:
        hold = HoldWanted(Scope.ENVIRONMENT, Reason.THROTTLED, seconds)
        return Settlement(State.RETRYABLE, State.RETRYABLE, delay=1, code="throttled", hold=hold)

    exchange(box, turn, [done(one, throttled(90)), done(two, throttled(20))], 0, TERMS)
    with box.read() as connection:
        assert connection.scalar(select(Hold.until)) == MOMENT + timedelta(seconds=90)


def test_five_failures_in_a_row_open_the_breaker_and_one_more_doubles_it(box: Outbox, clock: FixedClock) -> None:
    for _ in range(7):
        make(box)
    turn = begin(box)
    claimed = claim(box, turn).claimed
    exchange(box, turn, [done(one, DOUBT) for one in claimed[:4]], 0, TERMS)
    with box.read() as connection:
        assert connection.execute(select(Hold.id)).all() == []
        assert connection.scalar(select(Environment.failures_in_row)) == 4
    exchange(box, turn, [done(claimed[4], DOUBT)], 0, TERMS)
    with box.read() as connection:
        hold = connection.execute(select(Hold.__table__)).one()
    assert (hold.scope, hold.reason, hold.until) == (
        Scope.ENVIRONMENT,
        Reason.UNAVAILABLE,
        MOMENT + timedelta(seconds=120),
    )
    clock.advance(121)
    turn = begin(box)
    (probe,) = claim(box, turn).claimed
    exchange(box, turn, [done(probe, DOUBT)], 0, TERMS)
    with box.read() as connection:
        assert connection.scalar(select(Hold.until)) == MOMENT + timedelta(seconds=121 + 240)


def test_a_good_answer_between_failures_keeps_the_breaker_closed(box: Outbox) -> None:
    for _ in range(5):
        make(box)
    turn = begin(box)
    claimed = claim(box, turn).claimed
    kinds = [DOUBT, DOUBT, DOUBT, REFUSAL, DOUBT]
    exchange(box, turn, [done(one, what) for one, what in zip(claimed, kinds, strict=True)], 0, TERMS)
    with box.read() as connection:
        assert connection.scalar(select(Environment.failures_in_row)) == 1
        assert connection.execute(select(Hold.id)).all() == []
