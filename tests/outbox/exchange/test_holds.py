"""Holds and the circuit breaker: the scope that rests, its time, and its return."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Environment, Hold, HoldReason, Scope, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import DOUBT, REFUSAL, SUCCESS, TERMS, begin, claim, done, make, read
from worker.decide import Settlement
from worker.outbox import Database
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import turns
from worker.outcome import HoldWanted


@pytest.mark.parametrize("scope", list(Scope))
def test_a_held_scope_is_not_claimed_from(db: Database, scope: Scope, clock: FixedClock) -> None:
    make(db)
    turn = begin(db)
    with db.write() as connection:
        factory.make_hold(connection, scope)
    result = claim(db, turn)
    assert (result.held, result.claimed) == (True, ())
    assert turns.due_kinds(db) == {}
    clock.advance(44)
    assert claim(db, turn).held


@pytest.mark.parametrize("scope", list(Scope))
def test_after_a_hold_one_probe_is_sent_until_a_success(db: Database, scope: Scope) -> None:
    for _ in range(5):
        make(db)
    turn = begin(db)
    with db.write() as connection:
        factory.make_hold(connection, scope, until=MOMENT - timedelta(seconds=1))
    (first,) = claim(db, turn).claimed
    assert claim(db, turn).claimed == ()
    result = exchange(db, turn, [done(first, SUCCESS)], 5, TERMS)
    assert len(result.claimed) == 4
    with db.read() as connection:
        assert connection.execute(select(Hold.id)).all() == []


def test_one_probe_serves_all_lanes_of_the_scope(db: Database) -> None:
    make(db), make(db, kind="appointment")
    comebacks, appointments = begin(db), begin(db, "appointment")
    with db.write() as connection:
        factory.make_hold(connection, Scope.GROUP, until=MOMENT - timedelta(seconds=1))
    assert len(claim(db, comebacks).claimed) == 1
    assert claim(db, appointments).claimed == ()


def test_a_pause_of_another_scope_holds_no_lane_here(db: Database) -> None:
    make(db)
    turn = begin(db)
    with db.write() as connection:
        factory.make_hold(connection, Scope.GROUP, customer_id="M2", until=None, reason=HoldReason.PAUSED)
        factory.make_hold(connection, Scope.GROUP, function_group="viewing", until=None, reason=HoldReason.PAUSED)
        factory.make_hold(connection, Scope.LANE, kind="appointment", until=None, reason=HoldReason.PAUSED)
    assert len(claim(db, turn).claimed) == 1


def barred(seconds: float | None = None) -> Settlement:
    hold = HoldWanted(Scope.GROUP, HoldReason.FORBIDDEN, seconds)
    return Settlement(State.RETRYABLE, State.RETRYABLE, delay=1, code="forbidden", hold=hold)


def test_one_reason_from_many_rows_is_one_strike(db: Database, clock: FixedClock) -> None:
    for _ in range(3):
        make(db)
    turn = begin(db)
    claimed = claim(db, turn, want=2).claimed
    exchange(db, turn, [done(operation, barred()) for operation in claimed], 0, TERMS)
    with db.read() as connection:
        (hold,) = connection.execute(select(Hold.__table__)).all()
    assert hold.strikes == 1
    assert hold.until == MOMENT + timedelta(hours=1)
    assert hold.customer_id == "M30001"
    assert read(db, claimed[0].id).failures == 0
    clock.advance(3601)
    turn = begin(db)
    (probe,) = claim(db, turn).claimed
    exchange(db, turn, [done(probe, barred())], 0, TERMS)
    with db.read() as connection:
        (hold,) = connection.execute(select(Hold.__table__)).all()
    assert (hold.strikes, hold.until) == (2, MOMENT + timedelta(seconds=3601 + 7200))


def test_a_hold_says_what_set_or_renewed_it_last(db: Database, clock: FixedClock) -> None:
    make(db), make(db)
    turn = begin(db)
    first, second = claim(db, turn).claimed
    refused = replace(barred(), cause="403: no right")
    exchange(db, turn, [done(first, refused), done(second, replace(refused, cause="another"))], 0, TERMS)
    assert read_causes(db) == ["403: no right"]
    clock.advance(3601)
    turn = begin(db)
    (probe,) = claim(db, turn).claimed
    exchange(db, turn, [done(probe, replace(refused, cause="403: " + "x" * 300))], 0, TERMS)
    assert read_causes(db) == ["403: " + "x" * 195]


def test_an_opened_breaker_says_the_last_failure(db: Database) -> None:
    for _ in range(5):
        make(db)
    turn = begin(db)
    settlements = [replace(DOUBT, cause=f"cause {number}") for number in range(5)]
    claimed = claim(db, turn).claimed
    exchange(db, turn, list(map(done, claimed, settlements)), 0, TERMS)
    assert read_causes(db) == ["cause 4"]


def read_causes(db: Database) -> list[str | None]:
    with db.read() as connection:
        return list(connection.scalars(select(Hold.cause)))


def test_retry_after_is_never_shortened(db: Database) -> None:
    make(db), make(db)
    turn = begin(db)
    first, second = claim(db, turn).claimed

    def throttled(seconds: float) -> Settlement:
        hold = HoldWanted(Scope.ENVIRONMENT, HoldReason.THROTTLED, seconds)
        return Settlement(State.RETRYABLE, State.RETRYABLE, delay=1, code="throttled", hold=hold)

    exchange(db, turn, [done(first, throttled(90)), done(second, throttled(20))], 0, TERMS)
    with db.read() as connection:
        assert connection.scalar(select(Hold.until)) == MOMENT + timedelta(seconds=90)


def test_five_failures_in_a_row_open_the_breaker(db: Database, clock: FixedClock) -> None:
    for _ in range(7):
        make(db)
    turn = begin(db)
    claimed = claim(db, turn).claimed
    exchange(db, turn, [done(operation, DOUBT) for operation in claimed[:4]], 0, TERMS)
    with db.read() as connection:
        assert connection.execute(select(Hold.id)).all() == []
        assert connection.scalar(select(Environment.failures_in_row)) == 4
    exchange(db, turn, [done(claimed[4], DOUBT)], 0, TERMS)
    with db.read() as connection:
        hold = connection.execute(select(Hold.__table__)).one()
    assert hold.scope is Scope.ENVIRONMENT
    assert hold.reason is HoldReason.UNAVAILABLE
    assert hold.until == MOMENT + timedelta(seconds=120)
    clock.advance(121)
    turn = begin(db)
    (probe,) = claim(db, turn).claimed
    exchange(db, turn, [done(probe, DOUBT)], 0, TERMS)
    with db.read() as connection:
        assert connection.scalar(select(Hold.until)) == MOMENT + timedelta(seconds=121 + 240)


def test_a_good_answer_between_failures_keeps_the_breaker_closed(db: Database) -> None:
    for _ in range(5):
        make(db)
    turn = begin(db)
    claimed = claim(db, turn).claimed
    kinds = [DOUBT, DOUBT, DOUBT, REFUSAL, DOUBT]
    exchange(
        db, turn, [done(operation, settlement) for operation, settlement in zip(claimed, kinds, strict=True)], 0, TERMS
    )
    with db.read() as connection:
        assert connection.scalar(select(Environment.failures_in_row)) == 1
        assert connection.execute(select(Hold.id)).all() == []
