"""A settlement moves the row that it names, once, and writes the attempt beside it."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg

from models import FINAL, Event, State
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.plans import explained
from tests.outbox.steps import ACCEPTED, DOUBT, REFUSAL, RETRY, SUCCESS, begin, change, claim, done, entries, make, read
from tests.outbox.steps import settle as settle_by_exchange
from worker.decide import Settlement
from worker.outbox import Database
from worker.outbox.exchange.settle import Finished, settle
from worker.outbox.exchange.settle import _move as statement_that_settles
from worker.outbox.lanes.turns import Turn

EVERY = {"success": SUCCESS, "retry": RETRY, "doubt": DOUBT, "accepted": ACCEPTED, "refusal": REFUSAL}


@pytest.fixture
def turn(db: Database) -> Turn:
    make(db)
    return begin(db)


@pytest.mark.parametrize("name", EVERY)
def test_every_new_verdict_is_news_for_the_crm(db: Database, turn: Turn, name: str) -> None:
    (claimed,) = claim(db, turn).claimed
    change(db, claimed.id, reported_at=MOMENT)
    settle_by_exchange(db, turn, [done(claimed, EVERY[name])])
    assert read(db, claimed.id).reported_at is None


@pytest.mark.parametrize("name", EVERY)
def test_final_states_and_only_they_have_an_end(db: Database, turn: Turn, name: str) -> None:
    (claimed,) = claim(db, turn).claimed
    settle_by_exchange(db, turn, [done(claimed, EVERY[name])])
    row = read(db, claimed.id)
    assert (row.finalized_at is not None) is (row.state in FINAL)
    assert (row.claimed_by, row.claimed_at) == (None, None)


@pytest.mark.parametrize(("name", "acted"), [(name, name in {"success", "accepted"}) for name in EVERY])
def test_proof_that_vitec_acted_is_dated(db: Database, turn: Turn, name: str, acted: bool) -> None:
    (claimed,) = claim(db, turn).claimed
    settle_by_exchange(db, turn, [done(claimed, EVERY[name])])
    assert (read(db, claimed.id).acted_at == MOMENT) is acted


@pytest.mark.parametrize("state", [state for state in State if state is not State.IN_FLIGHT])
def test_only_a_row_in_flight_is_settled(db: Database, state: State) -> None:
    id_ = make(db, state, attempt=1, history=False)
    before = read(db, id_)
    with db.write() as connection:
        assert settle(connection, [Finished(id_, 1, REFUSAL, "here:1")]) == {}
    assert read(db, id_) == before
    assert entries(db, id_) == []


def test_only_the_named_attempt_is_settled(db: Database, turn: Turn) -> None:
    (claimed,) = claim(db, turn).claimed
    stale = Finished(claimed.id, claimed.attempt - 1, REFUSAL, "here:1")
    with db.write() as connection:
        assert settle(connection, [stale]) == {}
    assert read(db, claimed.id).state is State.IN_FLIGHT


def test_attempts_grow_even_after_free_failures(db: Database, turn: Turn, clock: FixedClock) -> None:
    """401, 403, 429 and revocations leave the budget alone; the fence rises all the same."""
    free = Settlement(State.RETRYABLE, State.RETRYABLE, delay=1, failures=0, code="unauthorized")
    id_ = 0
    for attempt in (1, 2, 3):
        (claimed,) = claim(db, turn).claimed
        assert claimed.attempt == attempt
        settle_by_exchange(db, turn, [done(claimed, free)])
        clock.advance(1)
        id_ = claimed.id
    row = read(db, id_)
    assert (row.attempt, row.failures) == (3, 0)
    assert [entry.attempt for entry in entries(db, id_)] == [1, 2, 3]


def test_cancel_is_honoured_when_nothing_was_written(db: Database) -> None:
    unsent, sent = make(db), make(db)
    turn = begin(db)
    by_id = {claimed.id: claimed for claimed in claim(db, turn).claimed}
    change(db, cancel_asked=True)
    settle_by_exchange(db, turn, [done(by_id[unsent], RETRY), done(by_id[sent], DOUBT)])
    assert read(db, unsent).state is State.CANCELLED
    assert read(db, unsent).error_code is None
    assert read(db, unsent).finalized_at == MOMENT
    assert read(db, sent).state is State.IN_DOUBT


def test_a_cancelled_doubt_is_not_sent_again(db: Database, turn: Turn) -> None:
    """Nor is it cancelled, which would say that it was not done."""
    (claimed,) = claim(db, turn).claimed
    change(db, claimed.id, cancel_asked=True)
    resent = Settlement(State.RETRYABLE, State.IN_DOUBT, delay=2, failures=1, code="unanswered")
    settle_by_exchange(db, turn, [done(claimed, resent)])
    row = read(db, claimed.id)
    assert row.state is State.IN_DOUBT
    assert row.error_code == "unanswered"
    assert row.needs_person is True
    assert row.cancel_asked is True
    assert row.finalized_at is None


@pytest.mark.parametrize("name", ["success", "accepted"])
def test_acting_after_earlier_evidence_is_acting_twice(db: Database, turn: Turn, name: str) -> None:
    (claimed,) = claim(db, turn).claimed
    change(db, claimed.id, acted_at=MOMENT)
    settle_by_exchange(db, turn, [done(claimed, EVERY[name])])
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.error_code == "acted_twice"
    assert row.needs_person is True


def test_a_cancel_is_not_carried_out_after_a_success(db: Database, turn: Turn) -> None:
    (claimed,) = claim(db, turn).claimed
    change(db, claimed.id, cancel_asked=True)
    settle_by_exchange(db, turn, [done(claimed, SUCCESS)])
    assert read(db, claimed.id).state is State.SUCCEEDED


def test_the_history_keeps_the_attempts_own_outcome(db: Database, turn: Turn) -> None:
    (claimed,) = claim(db, turn).claimed
    resent = Settlement(State.RETRYABLE, State.IN_DOUBT, delay=2, failures=1, code="unanswered")
    settle_by_exchange(db, turn, [done(claimed, resent)])
    (entry,) = entries(db, claimed.id)
    assert read(db, claimed.id).state is State.RETRYABLE
    assert entry.event is Event.SENT
    assert entry.outcome == "in_doubt"


@pytest.mark.parametrize("revision", [None, {"payload_hash": "new"}])
def test_a_settlement_says_whether_new_content_waits(db: Database, turn: Turn, revision: Any) -> None:
    (claimed,) = claim(db, turn).claimed
    change(db, claimed.id, revision=revision)
    with db.write() as connection:
        moved = settle(connection, [done(claimed, SUCCESS)])
    assert moved[claimed.id].revised is (revision is not None)


def test_the_driver_keeps_the_statement_of_a_settlement() -> None:
    """It takes a statement of more than 4,096 characters apart each time anew."""
    driver: Any = psycopg.dialect
    moving = statement_that_settles("postgresql")
    assert len(str(moving.compile(dialect=driver()))) <= 4096


def test_settling_nothing_moves_nothing(db: Database) -> None:
    with db.write() as connection:
        assert settle(connection, []) == {}


def test_a_settlement_finds_rows_by_id_despite_stale_statistics(pg_db: Database) -> None:
    """A kept plan that reads a small table from end to end is wrong as soon as an export has been taken in."""
    for _ in range(50):
        make(pg_db, State.SUCCEEDED)
    with pg_db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    make(pg_db)
    turn = begin(pg_db)
    (claimed,) = claim(pg_db, turn).claimed
    plans = explained(pg_db.engine, "UPDATE operations", freely=False)
    settle_by_exchange(pg_db, turn, [done(claimed, SUCCESS)])
    (plan,) = plans
    entered, repeats = [line for line in plan.splitlines() if "Index Cond" in line]
    assert "(id = ANY (" in entered, plan
    assert "(remote_id)::text = settled.remote_id" in repeats, plan
