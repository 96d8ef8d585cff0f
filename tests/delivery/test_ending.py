"""The end of a turn, and the beginning of its lease."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from models import Environment, Lane, State
from run import ROOT
from tests import factory
from tests.delivery.steps import LONG_AGO, count_states, make_due, serve_turn
from tests.delivery.wire import Wire, created
from worker.delivery.dead_mans_switch import LEEWAY, MARGIN, ClockReading, DeadMansSwitch
from worker.kind import Answer, Call
from worker.outbox import Database, connect
from worker.outbox.lanes import turns
from worker.settings import Settings
from worker.vitec.http_attempt import Permit


def test_a_turn_alone_ends_when_its_time_is_up(db: Database, settings: Settings) -> None:
    make_due(db, 300)

    def slowly(call: Call, permit: Permit) -> Answer:
        time.sleep(0.02)
        return created(call, permit)

    report = serve_turn(db, Wire(slowly), settings, turn_alone=0.3, turn_shared=0.1)
    assert (report.ended, report.next_kind) == ("its time was up", "comeback")
    assert State.IN_FLIGHT not in count_states(db)


def test_a_turn_that_is_alone_does_not_give_way(db: Database, settings: Settings) -> None:
    make_due(db, 60)

    def slowly(call: Call, permit: Permit) -> Answer:
        time.sleep(0.02)
        return created(call, permit)

    report = serve_turn(db, Wire(slowly), settings, turn_shared=0.01)
    assert (report.ended, count_states(db)) == ("nothing was left", {State.SUCCEEDED: 60})


def test_a_turn_without_a_share_ends_at_once(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two who take at once may both count one turn too few; the lane that comes last has no share then."""
    make_due(db, customer_id="M1"), make_due(db, customer_id="M2")
    with db.write() as connection:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        connection.execute(update(Lane).where(Lane.customer_id == "M1").values(lease_until=tomorrow))
    take = turns.take_turn
    monkeypatch.setattr(turns, "take_turn", lambda *values, **named: take(*values, **{**named, "at_most": 2}))
    report = serve_turn(db, Wire(), settings, vitec_in_flight=1, turn_alone=20.0)
    assert report.ended == "it had no share"
    assert report.customer_id == "M2"
    assert report.sent == 0


def test_a_turn_that_moved_nothing_does_not_ring(db: Database, settings: Settings) -> None:
    """It would only be rung again for rows that it could not send."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with db.write() as connection:
        for _ in range(5):
            factory.make_operation(connection, State.IN_FLIGHT, kind="appointment")
        connection.execute(update(Lane).values(lease_until=tomorrow))
    make_due(db, 3)
    wire = Wire()
    report = serve_turn(db, wire, settings, turn_alone=0.2)
    assert wire.calls == []
    assert report.sent == 0
    assert report.next_kind is None
    assert count_states(db) == {State.IN_FLIGHT: 5, State.PENDING: 3}


def test_a_stop_that_was_asked_before_takes_no_lane(db: Database, settings: Settings) -> None:
    make_due(db)
    report = serve_turn(db, Wire(), settings, lambda: True)
    assert report.ended == "a stop was asked"
    with db.read() as connection:
        assert factory.lane(connection).token == 0


def test_without_a_pace_no_slot_is_touched(db: Database, settings: Settings) -> None:
    make_due(db, 5)
    with db.read() as connection:
        before = connection.scalars(select(Environment.next_slot_at)).one()
    serve_turn(db, Wire(), settings)
    with db.read() as connection:
        assert connection.scalars(select(Environment.next_slot_at)).one() == before


@pytest.mark.parametrize(
    ("lease_margin", "leases"),
    # The second lease is so near to a request's deadline that each of the four claims renews it.
    [(15.0, 1), (5.05, 5)],
    ids=["taken", "renewed"],
)
def test_the_lease_counts_from_before_its_statement(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, lease_margin: float, leases: int
) -> None:
    """A clock read after the statement may be later than the lease's beginning, by as long as the database took."""
    make_due(db, 4)
    settings = settings.model_copy(update={"lease_margin": lease_margin, "claim_margin": 5.0, "vitec_in_flight": 1})
    begun_at: list[float] = []
    deadlines: list[tuple[float, float]] = []
    start_lease = DeadMansSwitch.start_lease

    @event.listens_for(db.engine, "before_cursor_execute")
    def note_statement(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "lease_until=" in statement:
            begun_at.append(time.monotonic())

    def note_lease(switch: DeadMansSwitch, reading: ClockReading, lease: float) -> None:
        start_lease(switch, reading, lease)
        deadlines.append((switch.write_deadline, begun_at[-1] + lease - MARGIN - LEEWAY))

    def answer_slowly(call: Call, permit: Permit) -> Answer:
        time.sleep(0.1)
        return created(call, permit)

    monkeypatch.setattr(DeadMansSwitch, "start_lease", note_lease)
    serve_turn(db, Wire(answer_slowly), settings)
    assert len(deadlines) >= leases
    assert all(deadline <= latest for deadline, latest in deadlines)


@pytest.mark.processes
def test_a_turn_whose_thread_will_not_end_ends_the_process(sqlite_url: str) -> None:
    """No turn returns, by any exit, while a thread of it could still write."""
    db = Database(connect(sqlite_url))
    with db.write() as connection:
        factory.make_environment(connection, at=LONG_AGO)
    make_due(db, 1)
    db.engine.dispose()
    process = subprocess.Popen([sys.executable, "-m", "tests.delivery.outlived", sqlite_url], cwd=ROOT)
    try:
        assert process.wait(60) == 70
    finally:
        process.kill()
        process.wait()
