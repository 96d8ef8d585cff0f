"""A whole turn at a real database, over a wire that remembers calls in place of Vitec."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from models import Attempt, Event, Operation, State
from tests.delivery.steps import count_states, end_leases, make_due, serve_turn
from tests.delivery.wire import Wire, created
from tests.outbox.steps import entries, lane, read
from worker import delivery
from worker.errors import Barred, Refused, Unanswered, Unreachable, VitecError
from worker.kind import Answer, Call
from worker.outbox import Database
from worker.outbox.database.errors import is_database_unavailable
from worker.outbox.lanes import turns
from worker.settings import Settings
from worker.vitec.http_attempt import Permit


def test_a_turn_empties_its_lane(db: Database, settings: Settings) -> None:
    ids = make_due(db, 40)
    wire = Wire()
    report = serve_turn(db, wire, settings)
    assert count_states(db) == {State.SUCCEEDED: 40}
    assert sorted(wire.request_ids) == sorted(f"{id_}.1" for id_ in ids)
    assert report.sent == 40
    assert report.states == {State.SUCCEEDED: 40}
    assert report.next_kind is None
    row = lane(db)
    assert row.lease_until is None
    assert row.worker is None
    assert row.due_at is None


def test_the_driver_caches_every_statement_of_a_turn(pg_db: Database, settings: Settings) -> None:
    """It takes longer ones apart each time: a third of a millisecond of every exchange."""
    make_due(pg_db, 3)
    statements: list[str] = []
    note = lambda _c, _cursor, statement, *_: statements.append(statement)  # noqa: E731 (a listener)
    event.listen(pg_db.engine, "before_cursor_execute", note)
    serve_turn(pg_db, Wire(), settings)
    event.remove(pg_db.engine, "before_cursor_execute", note)
    assert len(statements) > 10
    assert max(map(len, statements)) <= MAX_CACHED_STATEMENT_LENGTH


def test_no_more_are_in_flight_than_the_environment_allows(db: Database, settings: Settings) -> None:
    make_due(db, 30)
    wire = Wire()
    serve_turn(db, wire, settings)
    assert wire.most_at_once <= 5


def test_claiming_goes_on_while_a_request_is_in_flight(db: Database, settings: Settings) -> None:
    make_due(db, 20)
    last_was_sent = threading.Event()

    def let_the_first_wait(call: Call, permit: Permit) -> Answer:
        if call is wire.calls[0]:
            assert last_was_sent.wait(20)
        elif len(wire.calls) == 20:
            last_was_sent.set()
        return created(call, permit)

    wire = Wire(let_the_first_wait)
    serve_turn(db, wire, settings)
    assert count_states(db) == {State.SUCCEEDED: 20}


def test_a_second_ring_does_nothing(db: Database, settings: Settings) -> None:
    make_due(db, 3)
    wire = Wire()
    serve_turn(db, wire, settings)
    report = serve_turn(db, wire, settings)
    assert len(wire.calls) == 3
    assert report.summary() == "comeback: nothing was due"


def test_the_longest_waiting_lane_is_served_first(db: Database, settings: Settings) -> None:
    make_due(db, customer_id="M2", next_attempt_at=datetime(2026, 2, 1, tzinfo=UTC))
    make_due(db, customer_id="M1", next_attempt_at=datetime(2026, 3, 1, tzinfo=UTC))
    first, second = serve_turn(db, Wire(), settings), serve_turn(db, Wire(), settings)
    assert (first.customer_id, first.next_kind) == ("M2", "comeback")
    assert (second.customer_id, second.next_kind) == ("M1", None)


class Closed(Wire):
    """Connects to nothing: no byte is ever written."""

    def send(self, call: Call, permit: Permit) -> VitecError:
        del call, permit
        return Unreachable("the connection was refused")


def test_a_report_counts_no_request_that_was_not_written(db: Database, settings: Settings) -> None:
    make_due(db, 3)
    report = serve_turn(db, Closed(), settings)
    assert report.sent == 0
    assert report.states == {State.RETRYABLE: 3}
    assert "sent 0 (3 retryable)" in str(report)


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (Refused("no", status=400, text="Nej"), State.FAILED, "refused"),
        (Refused("no", status=404), State.FAILED, "not_found"),
        (Unreachable("no route"), State.RETRYABLE, "unreachable"),
        (Barred("no", status=401), State.RETRYABLE, "unauthorized"),
        (Unanswered("cut"), State.IN_DOUBT, "unanswered"),
        (RuntimeError("what is this?"), State.IN_DOUBT, "unforeseen"),
    ],
)
def test_each_error_leads_to_its_state(
    db: Database, settings: Settings, error: Exception, state: State, code: str
) -> None:
    (id_,) = make_due(db)

    def fail(call: Call, permit: Permit) -> VitecError:
        if isinstance(error, VitecError):
            return error
        raise error

    serve_turn(db, Wire(fail), settings)
    row = read(db, id_)
    (entry,) = entries(db, id_)
    assert (row.state, row.error_code) == (state, code)
    assert (entry.event, entry.code) == (Event.SENT, code)
    assert entry.written


def test_rows_of_a_dead_turn_are_in_doubt(db: Database, settings: Settings) -> None:
    (waiting,) = make_due(db)
    (leftover,) = make_due(db, state=State.IN_FLIGHT)
    end_leases(db)
    wire = Wire()
    report = serve_turn(db, wire, settings)
    assert wire.request_ids == [f"{waiting}.1"]
    assert report.leftovers == 1
    assert read(db, leftover).state is State.IN_DOUBT
    assert entries(db, leftover)[-1].code == "worker_died"


def test_a_repeatable_row_of_a_dead_turn_is_sent_again(db: Database, settings: Settings) -> None:
    make_due(db, kind="order_token")
    (leftover,) = make_due(db, state=State.IN_FLIGHT, kind="order_token")
    end_leases(db)
    delivery.serve("order_token", db=db, client=Wire(), settings=settings, stopping=lambda: False)
    entry = entries(db, leftover)[0]
    assert entry.attempt == 1
    assert (entry.outcome, entry.code) == ("in_doubt", "worker_died")
    # It waits for its back-off, which may be so short that this turn has sent it already.
    assert read(db, leftover).state in (State.RETRYABLE, State.SUCCEEDED)


def test_a_leased_lane_is_not_served_by_another_turn(db: Database, settings: Settings) -> None:
    make_due(db, 2)
    assert turns.take_turn(db, "comeback", lease=45, worker="there:2") is not None
    wire = Wire()
    assert serve_turn(db, wire, settings).summary() == "comeback: nothing was due"
    assert wire.calls == []


def test_a_stop_claims_nothing_and_finishes_requests_in_flight(db: Database, settings: Settings) -> None:
    make_due(db, 20)
    stop = threading.Event()

    def stop_at_the_first_call(call: Call, permit: Permit) -> Answer:
        stop.set()
        return created(call, permit)

    wire = Wire(stop_at_the_first_call)
    report = serve_turn(db, wire, settings, stop.is_set)
    assert report.ended == "a stop was asked"
    assert count_states(db) == {State.SUCCEEDED: len(wire.calls), State.PENDING: 20 - len(wire.calls)}
    assert len(wire.calls) <= 10


def test_a_turn_gives_way_when_another_lane_waits(db: Database, settings: Settings) -> None:
    make_due(db, 200, customer_id="M1")

    def slowly(call: Call, permit: Permit) -> Answer:
        if len(wire.calls) == 5:
            make_due(db, customer_id="M2")
        time.sleep(0.02)
        return created(call, permit)

    wire = Wire(slowly)
    report = serve_turn(db, wire, settings, turn_shared=0.2)
    assert report.ended == "others were waiting"
    assert report.customer_id == "M1"
    assert report.next_kind == "comeback"
    assert count_states(db)[State.PENDING] > 1
    # The lane with more to do went to the back of the queue.
    assert serve_turn(db, Wire(), settings).customer_id == "M2"


def test_the_pace_is_kept_by_the_databases_clock(db: Database, settings: Settings) -> None:
    make_due(db, 11)
    moments: list[float] = []

    def note(call: Call, permit: Permit) -> Answer:
        moments.append(time.monotonic())
        return created(call, permit)

    serve_turn(db, Wire(note), settings, vitec_requests_per_second=20.0)
    assert len(moments) == 11
    # Ten gaps of 50 ms; a slot may be used a little late, but none is given twice.
    assert max(moments) - min(moments) >= 0.45


def test_answers_are_kept_until_the_database_is_back(db: Database, settings: Settings) -> None:
    make_due(db, 5)
    broken = threading.Event()
    refused: list[str] = []

    @event.listens_for(db.engine, "commit")
    def refuse(connection: Any) -> None:
        if broken.is_set():
            refused.append("commit")
            if len(refused) == 4:
                broken.clear()
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))

    def answer(call: Call, permit: Permit) -> Answer:
        broken.set()
        return created(call, permit)

    wire = Wire(answer)
    report = serve_turn(db, wire, settings)
    assert len(refused) == 4
    assert len(wire.calls) == len(set(wire.request_ids)) == 5
    assert count_states(db) == {State.SUCCEEDED: 5}, report.summary()


def test_a_claim_with_a_failed_commit_sends_nothing(pg_db: Database, settings: Settings) -> None:
    """The commit is carried out, and then reported as failed: its claims must be read back."""
    make_due(pg_db, 3)
    armed = threading.Event()
    armed.set()

    @event.listens_for(pg_db.engine, "commit")
    def applied_but_reported_as_failed(connection: Any) -> None:
        if armed.is_set() and _has_claimed(connection):
            armed.clear()
            connection.connection.dbapi_connection.commit()
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))

    wire = Wire()
    serve_turn(pg_db, wire, settings)
    assert not armed.is_set()
    assert wire.calls == []
    assert count_states(pg_db) == {State.RETRYABLE: 3}
    with pg_db.read() as connection:
        entries = connection.execute(select(Attempt.code, Attempt.written, Attempt.attempt)).all()
        assert connection.scalars(select(Operation.failures)).all() == [0, 0, 0]
    assert entries == [("revoked", False, 1)] * 3


def _has_claimed(connection: Any) -> bool:
    return (
        connection.connection.dbapi_connection.execute(
            "SELECT 1 FROM operations WHERE state = 'in_flight' LIMIT 1"
        ).fetchone()
        is not None
    )


def test_bad_sql_is_not_taken_for_an_absent_database(db: Database) -> None:
    with pytest.raises(Exception) as caught, db.read() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))
    # SQLite reports it as operational; PostgreSQL knows better.
    if db.engine.dialect.name == "postgresql":
        assert not is_database_unavailable(caught.value)
