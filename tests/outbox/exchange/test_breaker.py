"""The breaker in an outage: its reason, answers that are not the API's, and the half-open probe."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models import Environment, HoldReason, Lane, Scope, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import DOUBT, REFUSAL, SUCCESS, TERMS, begin, change, claim, done, holds, make, read
from worker.decide import NEVER_SENT, Settlement
from worker.outbox import Database
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn
from worker.outcome import Health

PAGE = Settlement(
    State.RETRYABLE, State.RETRYABLE, delay=30, code="foreign_answer", health=Health.FOREIGN, cause="404: an HTML page"
)
UNREACHED = replace(PAGE, code="unreachable", health=Health.ILL, cause="refused")


def make_many(db: Database, count: int, kind: str = "comeback") -> None:
    for _ in range(count):
        make(db, kind=kind)


def answer_all(db: Database, turn: Turn, *settlements: Settlement) -> None:
    """Claim one operation for each settlement, and settle it so."""
    claimed = claim(db, turn, want=len(settlements)).claimed
    assert len(claimed) == len(settlements)
    exchange(db, turn, list(map(done, claimed, settlements)), 0, TERMS)


def begin_again(db: Database, turn: Turn) -> Turn:
    turns.end_turn(db, turn)
    change(db, next_attempt_at=MOMENT)
    return begin(db)


def test_pages_in_a_row_hold_the_environment_under_their_name(db: Database, clock: FixedClock) -> None:
    make_many(db, 7)
    turn = begin(db)
    answer_all(db, turn, *[PAGE] * 4)
    assert holds(db) == []
    answer_all(db, turn, PAGE)
    (hold,) = holds(db)
    assert (hold.scope, hold.reason) == (Scope.ENVIRONMENT, HoldReason.FOREIGN_ANSWER)
    assert (hold.cause, hold.until) == ("404: an HTML page", MOMENT + timedelta(seconds=120))
    clock.advance(121)
    turn = begin_again(db, turn)
    answer_all(db, turn, PAGE)
    (hold,) = holds(db)
    assert hold.until == MOMENT + timedelta(seconds=121 + 240)


def test_an_outage_with_another_face_goes_on(db: Database, clock: FixedClock) -> None:
    make_many(db, 7)
    turn = begin(db)
    answer_all(db, turn, *[UNREACHED] * 5)
    assert [hold.reason for hold in holds(db)] == [HoldReason.UNAVAILABLE]
    clock.advance(121)
    turn = begin_again(db, turn)
    answer_all(db, turn, PAGE)
    (hold,) = holds(db)
    assert (hold.reason, hold.strikes) == (HoldReason.FOREIGN_ANSWER, 2)
    clock.advance(241)
    turn = begin_again(db, turn)
    answer_all(db, turn, UNREACHED)
    (hold,) = holds(db)
    assert (hold.reason, hold.strikes) == (HoldReason.UNAVAILABLE, 3)
    assert hold.cause == "refused"


def test_after_an_outage_the_first_success_lets_all_go_on(db: Database, clock: FixedClock) -> None:
    make_many(db, 7)
    turn = begin(db)
    answer_all(db, turn, *[PAGE] * 5)
    clock.advance(121)
    turn = begin_again(db, turn)
    (probe,) = claim(db, turn).claimed
    assert len(exchange(db, turn, [done(probe, SUCCESS)], 5, TERMS).claimed) == 5
    assert holds(db) == []
    with db.read() as connection:
        assert connection.scalar(select(Lane.foreign_in_row)) == 0


def test_pages_to_one_lane_hold_that_lane(db: Database, clock: FixedClock) -> None:
    """As where one application of Vitec's is not deployed, and the others are."""
    make_many(db, 8)
    make_many(db, 8, kind="appointment")
    comebacks, appointments = begin(db), begin(db, "appointment")
    terms = replace(TERMS, in_flight=20)
    for _ in range(5):
        assert holds(db) == []
        (claimed,) = claim(db, comebacks, want=1, terms=terms).claimed
        (answered,) = claim(db, appointments, want=1, terms=terms).claimed
        exchange(db, appointments, [done(answered, REFUSAL)], 0, terms)
        exchange(db, comebacks, [done(claimed, PAGE)], 0, terms)
    (hold,) = holds(db)
    assert (hold.scope, hold.kind) == (Scope.LANE, "comeback")
    assert hold.reason is HoldReason.FOREIGN_ANSWER
    assert claim(db, appointments, want=1, terms=terms).claimed
    clock.advance(121)
    comebacks = begin_again(db, comebacks)
    answer_all(db, comebacks, PAGE)
    (hold,) = holds(db)
    assert (hold.strikes, hold.until) == (2, MOMENT + timedelta(seconds=121 + 240))


def test_a_claim_tells_a_row_alone_with_its_page(db: Database, clock: FixedClock) -> None:
    make(db, customer_id="M1"), make(db, kind="appointment")
    first = make(db, next_attempt_at=MOMENT - timedelta(days=2))
    make_many(db, 2)
    turn = begin(db)
    assert turn.customer_id == factory.CUSTOMER
    (claimed,) = claim(db, turn, want=1).claimed
    assert claimed.singled_out is False
    exchange(db, turn, [done(claimed, PAGE)], 0, TERMS)
    clock.advance(31)
    change(db, first, next_attempt_at=MOMENT - timedelta(days=1))
    (claimed,) = claim(db, turn, want=1).claimed
    assert (claimed.id, claimed.singled_out) == (first, False)
    exchange(db, turn, [done(claimed, PAGE)], 0, TERMS)
    answer_all(db, turn, REFUSAL)
    change(db, first, next_attempt_at=MOMENT - timedelta(days=1))
    (claimed,) = claim(db, turn, want=1).claimed
    assert (claimed.id, claimed.singled_out) == (first, True)
    assert not any(row.singled_out for row in claim(db, turn).claimed)


@pytest.mark.parametrize("settlement", [None, NEVER_SENT, replace(NEVER_SENT, code="unauthorized")])
def test_no_hold_is_renewed_by_what_never_reached_vitec(db: Database, settlement: Settlement | None) -> None:
    """Requests in flight together left a failure in the count after they had opened the breaker."""
    make_many(db, 2)
    turn = begin(db)
    with db.write() as connection:
        factory.make_hold(
            connection, Scope.ENVIRONMENT, reason=HoldReason.UNAVAILABLE, until=MOMENT - timedelta(seconds=1)
        )
        connection.execute(update(Environment).values(failures_in_row=3))
    before = holds(db)
    (probe,) = claim(db, turn).claimed
    if settlement is not None:
        exchange(db, turn, [done(probe, settlement)], 0, TERMS)
        assert read(db, probe.id).state is State.RETRYABLE
        with db.read() as connection:
            assert connection.scalar(select(Environment.failures_in_row)) == 3
    assert holds(db) == before


def test_the_probe_after_an_outage_decides_alone(db: Database, clock: FixedClock) -> None:
    make_many(db, 7)
    turn = begin(db)
    answer_all(db, turn, *[DOUBT] * 5)
    clock.advance(121)
    turn = begin_again(db, turn)
    answer_all(db, turn, UNREACHED)
    (hold,) = holds(db)
    assert hold.until == MOMENT + timedelta(seconds=121 + 240)
