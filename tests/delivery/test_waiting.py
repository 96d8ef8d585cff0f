"""What a turn leaves alone: what waits for another, what is too late, and everything once the hours are over."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from models import Lane, State
from tests import factory
from tests.delivery.wire import Wire, created
from worker import delivery, housekeeping
from worker.errors import Refused, VitecError
from worker.outbox import Database
from worker.outbox.database.sending_hours import SendingHours, Window
from worker.outbox.lanes import turns

if TYPE_CHECKING:
    from worker.delivery import TurnReport
    from worker.kind import Answer, Call
    from worker.settings import Settings
    from worker.vitec.http_attempt import Permit

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def make(db: Database, state: State = State.PENDING, **overrides: Any) -> int:
    """Make a due operation and wake its lane."""
    with db.write() as connection:
        made = factory.make_operation(connection, state, **{"next_attempt_at": LONG_AGO, **overrides})
        keys = [(row.customer_id, row.kind) for row in connection.execute(select(Lane.customer_id, Lane.kind))]
    turns.wake_lanes(db, keys)
    return made


def serve(db: Database, wire: Wire, settings: Settings) -> TurnReport:
    return delivery.serve("comeback", db=db, client=wire, settings=settings, stopping=lambda: False, by="here:1")


def row(db: Database, operation_id: int) -> Any:
    with db.read() as connection:
        return factory.operation(connection, operation_id)


def refused(call: Call, permit: Permit) -> VitecError:
    return Refused("no", status=400)


@dataclass(frozen=True, slots=True)
class UntilTold(Window):
    """Hours that are over as soon as somebody says so."""

    over: threading.Event = field(default_factory=threading.Event)

    def holds(self, moment: datetime) -> bool:
        """Whether nobody has said so yet."""
        return not self.over.is_set()


def test_a_turn_ends_when_its_sending_hours_do(db: Database, settings: Settings) -> None:
    window = UntilTold(time(8), time(20))
    limited = Database(db.engine, db.clock, SendingHours({"comeback": window}))
    for _ in range(60):
        make(limited)

    def one_by_one(call: Call, permit: Permit) -> Answer:
        window.over.set()
        # Longer than the turn lets pass between two looks at the clock on the wall.
        threading.Event().wait(0.1)
        return created(call, permit)

    wire = Wire(one_by_one)
    report = serve(limited, wire, settings.model_copy(update={"turn_shared": 0.02, "vitec_in_flight": 1}))
    assert report.ended == "its sending hours were over"
    assert 1 <= len(wire.calls) <= 5
    assert turns.due_kinds(limited) == {}
    assert serve(limited, Wire(), settings).sent == 0


def test_a_child_goes_after_its_parent_however_old_it_is(db: Database, settings: Settings) -> None:
    child = make(db, after_kind="comeback", after_source_id="P", next_attempt_at=LONG_AGO - timedelta(days=9))
    assert serve(db, Wire(), settings).sent == 0
    parent = make(db, source_id="P")
    wire = Wire()
    while serve(db, wire, settings).sent:
        pass
    assert wire.request_ids == [f"{parent}.1", f"{child}.1"]


def test_a_child_of_a_refused_parent_fails_with_the_reason(db: Database, settings: Settings) -> None:
    make(db, source_id="P")
    child = make(db, after_kind="comeback", after_source_id="P")
    wire = Wire(refused)
    while serve(db, wire, settings).sent:
        pass
    assert len(wire.calls) == 1
    assert housekeeping.expire(db)["orphaned"] == 1
    assert (row(db, child).state, row(db, child).error_code) == (State.FAILED, "parent_failed")
    assert row(db, child).reported_at is None


def test_an_expired_retry_is_not_sent(db: Database, settings: Settings) -> None:
    late = make(db, State.RETRYABLE, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert serve(db, Wire(), settings).sent == 0
    assert housekeeping.expire(db)["expired"] == 1
    assert row(db, late).state is State.EXPIRED
