"""Leftovers of dead turns: found in every lane but a living one, and the lane's token rises with the rescue."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models import Event, HoldReason, Scope, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.gates import Actor
from tests.outbox.steps import (
    DIED,
    RETRY,
    SUCCESS,
    TERMS,
    begin,
    change,
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
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import find_claims_without_thread
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import turns


def died(kind: str, failures: int, max_failures: int) -> Settlement:
    del kind, failures, max_failures
    return DIED


def run(db: Database) -> int:
    return rescue.rescue_lanes(db, died, "there:2")


def test_a_living_turn_is_left_alone(db: Database, clock: FixedClock) -> None:
    id_ = make(db)
    turn = begin(db)
    claim(db, turn)
    clock.advance(44)
    assert run(db) == 0
    assert (read(db, id_).state, lane(db).token) == (State.IN_FLIGHT, turn.token)


def test_rescue_puts_rows_in_doubt_and_raises_the_token(db: Database, clock: FixedClock) -> None:
    id_, waiting = make(db), make(db)
    turn = begin(db)
    claim(db, turn, want=1)
    clock.advance(45)
    assert run(db) == 1
    row, lane_after = read(db, id_), lane(db)
    assert row.state is State.IN_DOUBT
    assert row.needs_person is True
    assert row.claimed_by is None
    assert lane_after.token == turn.token + 1
    assert lane_after.lease_until is None
    assert lane_after.worker is None
    assert lane_after.due_at == clock.moment
    (entry,) = entries(db, id_)
    assert entry.event is Event.SENT
    assert entry.code == "worker_died"
    assert entry.written is None
    assert entry.by == "there:2"
    assert read(db, waiting).state is State.PENDING
    assert run(db) == 0


def test_the_quiet_time_counts_from_the_rescue(db: Database, clock: FixedClock) -> None:
    id_ = make(db)
    claim(db, begin(db))
    clock.advance(300)
    run(db)
    assert read(db, id_).doubt_since == MOMENT + timedelta(seconds=300)


@pytest.mark.parametrize("scope", list(Scope))
def test_held_and_paused_lanes_are_rescued_too(db: Database, scope: Scope, clock: FixedClock) -> None:
    id_ = make(db)
    claim(db, begin(db))
    with db.write() as connection:
        factory.make_hold(connection, scope, reason=HoldReason.PAUSED, until=None)
    clock.advance(45)
    assert run(db) == 1
    assert read(db, id_).state is State.IN_DOUBT


def test_a_paused_worker_claims_nothing_after_its_rescue(db: Database, clock: FixedClock) -> None:
    first = make(db)
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn, want=1).claimed
    clock.advance(45)
    run(db)
    result = exchange(db, turn, [done(claimed, SUCCESS)], 5, TERMS)
    assert (result.owns_lane, result.claimed) == (False, ())
    assert read(db, first).state is State.SUCCEEDED


def test_a_rescue_that_comes_second_leaves_the_new_turn_alone(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    """Found abandoned, then taken by a turn before the rescue had locked it: nothing is put in doubt under it."""
    id_, second = make(pg_db), make(pg_db)
    claim(pg_db, begin(pg_db), want=1)
    clock.advance(45)
    late = Actor(pg_url, lambda actor: run(actor.db), clock, lambda point: "FOR NO KEY UPDATE" in point)
    assert "FOR NO KEY UPDATE" in (late.go_on() or "")
    turn = turns.take_turn(pg_db, "comeback", lease=45, worker="there:3")
    assert turn is not None
    assert rescue.settle_leftovers(pg_db, turn, died, "there:3") == 1
    (claimed,) = claim(pg_db, turn).claimed
    assert late.finish() == 0
    assert (read(pg_db, id_).state, claimed.id) == (State.IN_DOUBT, second)
    assert (read(pg_db, second).state, lane(pg_db).token) == (State.IN_FLIGHT, turn.token)


def test_an_exchange_that_waits_for_a_rescue_claims_nothing(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    """A claim committed after the take-over would leave rows in flight without an owner."""
    make(pg_db), make(pg_db)
    turn = begin(pg_db)
    claim(pg_db, turn, want=1)
    # By the exchange's own clock the lease still runs: only the token can tell it.
    slow = Actor(pg_url, lambda actor: claim(actor.db, turn), FixedClock(clock.moment))
    clock.advance(45)
    rescuer = Actor(pg_url, lambda actor: run(actor.db), clock, lambda point: "UPDATE lanes" in point)
    assert "UPDATE lanes" in (rescuer.go_on() or "")
    assert slow.go_on() == "blocked"
    assert rescuer.finish() == 1
    result = slow.finish()
    assert (result.owns_lane, result.claimed) == (False, ())


def test_a_new_turn_rescues_every_row_in_flight(db: Database) -> None:
    """Whichever token claimed it: also one that a commit, late in the pipe, put there after a take-over."""
    older = make(db, State.IN_FLIGHT, claimed_by=1)
    odd = make(db, State.IN_FLIGHT, claimed_by=99)
    with db.write() as connection:
        factory.make_lane(connection, "M2")
    elsewhere = make(db, State.IN_FLIGHT, customer_id="M2")
    turn = turns.Turn(factory.CUSTOMER, "comeback", "crm-contact", lane(db).token)
    assert rescue.settle_leftovers(db, turn, died, "here:1") == 2
    assert {read(db, id_).state for id_ in (older, odd)} == {State.IN_DOUBT}
    assert read(db, elsewhere).state is State.IN_FLIGHT


def test_a_turn_that_lost_its_lane_settles_no_leftovers(db: Database) -> None:
    id_ = make(db, State.IN_FLIGHT)
    stranger = turns.Turn(factory.CUSTOMER, "comeback", "crm-contact", lane(db).token - 1)
    assert rescue.settle_leftovers(db, stranger, died, "here:1") == 0
    assert read(db, id_).state is State.IN_FLIGHT


def test_a_doubtful_claim_is_read_back_without_running_requests(db: Database) -> None:
    sent, unsent = make(db), make(db)
    make(db, State.IN_FLIGHT, claimed_by=77)
    with db.write() as connection:
        connection.exec_driver_sql("UPDATE lanes SET lease_until = NULL")
    turn = begin(db)
    claim(db, turn)
    assert find_claims_without_thread(db, turn, frozenset({sent})) == [(unsent, 1)]


REFUSED = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = 'data_exception'; END $$;
CREATE TRIGGER refusing BEFORE UPDATE ON operations FOR EACH ROW
WHEN (NEW.customer_id = 'M1' AND NEW.state = 'in_doubt') EXECUTE FUNCTION refuse()
"""


def test_a_failed_rescue_does_not_stop_the_others(pg_db: Database, clock: FixedClock) -> None:
    refused, second = make(pg_db, customer_id="M1"), make(pg_db, customer_id="M2")
    for _ in range(2):
        claim(pg_db, begin(pg_db))
    with pg_db.write() as connection:
        connection.execute(text(REFUSED))
    clock.advance(45)
    with pytest.raises(DBAPIError):
        run(pg_db)
    assert [read(pg_db, id_).state for id_ in (refused, second)] == [State.IN_FLIGHT, State.IN_DOUBT]


def test_a_wish_to_cancel_outlives_the_doubt(db: Database, clock: FixedClock) -> None:
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    change(db, claimed.id, cancel_asked=True)
    clock.advance(45)
    rescue.rescue_lanes(db, lambda *_: DIED, "there:2")
    assert read(db, claimed.id).cancel_asked
    assert settle(db, turn, [done(claimed, RETRY)]).moved[claimed.id].state is State.CANCELLED
    row = read(db, claimed.id)
    assert row.state is State.CANCELLED
    assert row.error_code is None
    assert not row.cancel_asked
    assert row.finalized_at == clock.moment


def test_a_cancelled_doubt_of_a_dead_worker_is_a_persons(db: Database, clock: FixedClock) -> None:
    make(db)
    (claimed,) = claim(db, begin(db)).claimed
    change(db, claimed.id, cancel_asked=True)
    resent = Settlement(State.RETRYABLE, State.IN_DOUBT, failures=1, code="worker_died")
    clock.advance(45)
    rescue.rescue_lanes(db, lambda *_: resent, "there:2")
    row = read(db, claimed.id)
    assert row.state is State.IN_DOUBT
    assert row.needs_person is True
    assert row.cancel_asked is True


def test_a_late_success_mends_a_dead_workers_last_attempt(db: Database, clock: FixedClock) -> None:
    exhausted = Settlement(State.FAILED, State.IN_DOUBT, failures=1, code="exhausted")
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    clock.advance(45)
    rescue.rescue_lanes(db, lambda *_: exhausted, "there:2")
    settle(db, turn, [done(claimed, SUCCESS)])
    assert read(db, claimed.id).state is State.SUCCEEDED
