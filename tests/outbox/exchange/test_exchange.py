"""The exchange: settle what has finished, claim what there is room for, under one lock order."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text, update

from models import Event, Operation, Scope, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import (
    DOUBT,
    REFUSAL,
    RETRY,
    SUCCESS,
    TERMS,
    begin,
    claim,
    done,
    entries,
    lane,
    make,
    read,
    settle,
)
from worker.decide import Settlement
from worker.outbox import Database
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns


def test_a_claim_puts_the_oldest_due_in_flight(db: Database) -> None:
    later = make(db, next_attempt_at=MOMENT - timedelta(minutes=1))
    sooner = make(db, next_attempt_at=MOMENT - timedelta(minutes=2))
    make(db, next_attempt_at=MOMENT + timedelta(seconds=1))
    turn = begin(db)
    result = claim(db, turn)
    assert [operation.id for operation in result.claimed] == [sooner, later]
    row = read(db, sooner)
    assert row.state is State.IN_FLIGHT
    assert row.attempt == 1
    assert row.claimed_by == turn.token
    assert row.claimed_at == MOMENT


def test_the_in_flight_limit_holds_for_all_lanes_together(db: Database) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(4):
            make(db, customer_id=customer)
    first = begin(db)
    assert len(claim(db, first).claimed) == 4
    second = begin(db)
    assert first.customer_id != second.customer_id
    assert len(claim(db, second).claimed) == 1
    assert claim(db, second).capacity == 0


def test_an_expired_operation_is_not_claimed(db: Database, clock: FixedClock) -> None:
    late = make(db, expires_at=MOMENT + timedelta(seconds=10))
    on_time = make(db, expires_at=MOMENT + timedelta(seconds=60))
    turn = begin(db)
    clock.advance(10)
    assert [operation.id for operation in claim(db, turn).claimed] == [on_time]
    assert read(db, late).state is State.PENDING


def test_a_child_waits_for_its_parents_success(db: Database) -> None:
    parent = make(db, source_id="P", kind="order_token", customer_id="M1")
    child = make(db, after_kind="order_token", after_source_id="P")
    unknown = make(db, after_kind="order_token", after_source_id="nobody")
    orphan_free = make(db)
    turn = begin(db)
    assert [operation.id for operation in claim(db, turn).claimed] == [orphan_free]
    parents_turn = begin(db, "order_token")
    (claimed,) = claim(db, parents_turn).claimed
    assert claimed.id == parent
    settle(db, parents_turn, [done(claimed, SUCCESS)])
    assert [operation.id for operation in claim(db, turn).claimed] == [child]
    assert read(db, unknown).state is State.PENDING


def test_success_is_written_with_its_attempt(db: Database) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    result = exchange(db, turn, [done(claimed, SUCCESS)], 0, TERMS)
    assert result.moved[claimed.id].state is State.SUCCEEDED
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "R1"
    assert row.answer == "R1"
    assert row.acted_at == MOMENT
    assert row.claimed_by is None
    assert row.finalized_at == MOMENT
    assert row.error_code is None
    (entry,) = entries(db, claimed.id)
    assert entry.event is Event.SENT
    assert entry.attempt == 1
    assert entry.outcome == "succeeded"
    assert entry.remote_id == "R1"
    assert entry.written is True
    assert entry.tries == 1
    assert entry.by == "here:1"
    assert entry.answer == "R1"


def test_a_ticket_is_kept_whole(db: Database) -> None:
    make(db, kind="order_token")
    turn = begin(db, "order_token")
    (claimed,) = claim(db, turn).claimed
    ticket = {"orderId": "Å1", "hasExpired": False, "userId": None}
    settlement = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id="Å1", answer=ticket)
    exchange(db, turn, [done(claimed, settlement)], 0, TERMS)
    assert read(db, claimed.id).answer == ticket
    assert entries(db, claimed.id)[0].answer == ticket


def test_a_retry_waits_and_costs_of_the_budget(db: Database) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    exchange(db, turn, [done(claimed, RETRY)], 5, TERMS)
    row = read(db, claimed.id)
    assert row.state is State.RETRYABLE
    assert row.failures == 1
    assert row.next_attempt_at == MOMENT + timedelta(seconds=30)
    assert row.error_code == "unreachable"
    assert row.finalized_at is None
    assert row.attempt == 1


def test_doubt_waits_for_a_person_and_is_never_claimed(db: Database, clock: FixedClock) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    exchange(db, turn, [done(claimed, DOUBT)], 0, TERMS)
    row = read(db, claimed.id)
    assert row.state is State.IN_DOUBT
    assert row.needs_person is True
    assert row.doubt_since == MOMENT
    clock.advance(20)
    assert claim(db, turn).claimed == ()
    clock.advance(86_400)
    assert turns.due_kinds(db) == {}


def test_attempts_are_settled_together_each_by_its_outcome(db: Database) -> None:
    for _ in range(4):
        make(db)
    turn = begin(db)
    first, second, third, fourth = claim(db, turn).claimed
    settled = [done(first, SUCCESS), done(second, RETRY), done(third, DOUBT), done(fourth, REFUSAL)]
    result = exchange(db, turn, settled, 0, TERMS)
    states = [result.moved[claimed.id].state for claimed in (first, second, third, fourth)]
    assert states == [State.SUCCEEDED, State.RETRYABLE, State.IN_DOUBT, State.FAILED]
    assert read(db, fourth.id).error_detail == "Nej"


def test_a_settlement_written_twice_changes_nothing(db: Database) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    exchange(db, turn, [done(claimed, SUCCESS)], 0, TERMS)
    again = exchange(db, turn, [done(claimed, SUCCESS)], 0, TERMS)
    assert again.moved == {}
    assert len(entries(db, claimed.id)) == 1
    assert not read(db, claimed.id).needs_person


def test_a_settlement_names_its_attempt(db: Database, clock: FixedClock) -> None:
    make(db)
    turn = begin(db)
    (first,) = claim(db, turn).claimed
    exchange(db, turn, [done(first, RETRY)], 0, TERMS)
    clock.advance(31)
    (second,) = claim(db, turn).claimed
    assert (second.id, second.attempt) == (first.id, 2)
    exchange(db, turn, [done(first, DOUBT)], 0, TERMS)
    assert read(db, first.id).state is State.IN_FLIGHT


def test_a_lost_lane_is_settled_but_not_claimed_from(db: Database, clock: FixedClock) -> None:
    make(db), make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn, want=1).claimed
    clock.advance(46)
    successor = turns.take_turn(db, "comeback", lease=45, worker="there:2")
    assert successor is not None
    assert successor.token == turn.token + 1
    result = exchange(db, turn, [done(claimed, SUCCESS)], 5, TERMS)
    assert (result.owns_lane, result.claimed) == (False, ())
    assert read(db, claimed.id).state is State.SUCCEEDED


def test_an_ended_lease_claims_nothing(db: Database, clock: FixedClock) -> None:
    make(db)
    turn = begin(db)
    clock.advance(45)
    assert claim(db, turn) == ExchangeResult(owns_lane=False, moved={})


def test_a_short_lease_is_renewed_before_the_claim(db: Database, clock: FixedClock) -> None:
    make(db), make(db)
    turn = begin(db)
    assert not claim(db, turn, want=1).renewed
    clock.advance(11)
    assert claim(db, turn, want=1).renewed
    with db.read() as connection:
        assert factory.lane(connection).lease_until == MOMENT + timedelta(seconds=11 + 45)


def test_evidence_outweighs_the_attempt_in_flight(db: Database) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    with db.write() as connection:
        connection.execute(update(Operation).values(acted_at=MOMENT, remote_id="EARLIER"))
    exchange(db, turn, [done(claimed, RETRY)], 0, TERMS)
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "EARLIER"
    assert row.needs_person is False
    assert entries(db, claimed.id)[0].outcome == "retryable"


def test_two_that_both_acted_are_shown_to_a_person(db: Database) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    with db.write() as connection:
        connection.execute(update(Operation).values(acted_at=MOMENT, remote_id="EARLIER"))
    exchange(db, turn, [done(claimed, SUCCESS)], 0, TERMS)
    row = read(db, claimed.id)
    assert (row.state, row.remote_id) == (State.SUCCEEDED, "EARLIER")
    assert (row.error_code, row.needs_person) == ("acted_twice", True)
    assert entries(db, claimed.id)[0].remote_id == "R1"


def test_an_open_import_does_not_hold_up_the_exchange(pg_db: Database) -> None:
    make(pg_db)
    turn = begin(pg_db)
    with pg_db.write() as importing:
        factory.make_operation(importing)
        # The import's foreign key holds the lane's key; had the exchange asked for more, this would time out.
        with pg_db.write() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
            assert turns.lock_lane(connection, turn)
        assert len(claim(pg_db, turn).claimed) == 1


def leave(db: Database, turn: turns.Turn, *finished: Finished, want: int = 5) -> ExchangeResult:
    """An exchange of a turn that has nothing else in flight."""
    return exchange(db, turn, finished, want, TERMS, give_back_if_idle=True)


def test_an_empty_lane_is_released_in_the_same_transaction(db: Database) -> None:
    make(db)
    make(db, next_attempt_at=MOMENT + timedelta(minutes=5))
    turn = begin(db)
    (claimed,) = leave(db, turn).claimed
    done_now = leave(db, turn, done(claimed, SUCCESS))
    assert (done_now.gave_lane_back, done_now.claimed) == (True, ())
    row = lane(db)
    assert row.lease_until is None
    assert row.worker is None
    assert row.due_at == MOMENT + timedelta(minutes=5)
    # A turn that does not know whether that was committed may do it all again.
    again = leave(db, turn, done(claimed, SUCCESS))
    assert (again.owns_lane, again.gave_lane_back) == (False, False)
    turns.end_turn(db, turn)
    assert lane(db) == row


def test_a_lane_with_work_to_come_is_kept(db: Database) -> None:
    for _ in range(2):
        make(db)
    turn = begin(db)
    assert not leave(db, turn, want=1).gave_lane_back
    assert not leave(db, turn, want=0).gave_lane_back
    assert not exchange(db, turn, [], 5, TERMS).gave_lane_back
    make(db, customer_id="M2")
    begin(db)
    # One of two in flight is the other turn's share; there may be more to claim, and no room to see it.
    assert not exchange(db, turn, [], 5, replace(TERMS, in_flight=2), give_back_if_idle=True).gave_lane_back
    with db.write() as connection:
        factory.make_hold(connection, Scope.LANE, customer_id=turn.customer_id)
    assert not leave(db, turn).gave_lane_back
    assert lane(db).lease_until is not None
