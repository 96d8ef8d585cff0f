"""A turn leaves rows alone that wait for a parent or are too late, and all rows once its sending hours are over."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from models import State
from tests.delivery.steps import LONG_AGO, make_due, serve_turn
from tests.delivery.wire import Wire, created
from tests.outbox.steps import read
from worker import housekeeping
from worker.errors import Refused, VitecError
from worker.outbox import Database
from worker.outbox.database.sending_hours import SendingHours, Window
from worker.outbox.lanes import turns

if TYPE_CHECKING:
    from worker.kind import Answer, Call
    from worker.settings import Settings
    from worker.vitec.http_attempt import Permit


def refuse(call: Call, permit: Permit) -> VitecError:
    return Refused("no", status=400)


@dataclass(frozen=True, slots=True)
class UntilSet(Window):
    """Hours that are over as soon as the event is set."""

    over: threading.Event = field(default_factory=threading.Event)

    def holds(self, moment: datetime) -> bool:
        """Whether the event is not yet set."""
        return not self.over.is_set()


def test_a_turn_ends_when_its_sending_hours_do(db: Database, settings: Settings) -> None:
    window = UntilSet(time(8), time(20))
    limited = Database(db.engine, SendingHours({"comeback": window}))
    make_due(limited, 60)

    def one_by_one(call: Call, permit: Permit) -> Answer:
        window.over.set()
        # Longer than the turn waits between two looks at the hours.
        threading.Event().wait(0.1)
        return created(call, permit)

    wire = Wire(one_by_one)
    report = serve_turn(limited, wire, settings, turn_shared=0.02, vitec_in_flight=1)
    assert report.ended == "its sending hours were over"
    assert 1 <= len(wire.calls) <= 5
    assert turns.due_kinds(limited) == {}
    assert serve_turn(limited, Wire(), settings).sent == 0


def test_a_child_goes_after_its_parent_however_old_it_is(db: Database, settings: Settings) -> None:
    (child,) = make_due(db, after_kind="comeback", after_source_id="P", next_attempt_at=LONG_AGO - timedelta(days=9))
    assert serve_turn(db, Wire(), settings).sent == 0
    (parent,) = make_due(db, source_id="P")
    wire = Wire()
    while serve_turn(db, wire, settings).sent:
        pass
    assert wire.request_ids == [f"{parent}.1", f"{child}.1"]


def test_a_child_of_a_refused_parent_fails_with_the_reason(db: Database, settings: Settings) -> None:
    make_due(db, source_id="P")
    (child,) = make_due(db, after_kind="comeback", after_source_id="P")
    wire = Wire(refuse)
    while serve_turn(db, wire, settings).sent:
        pass
    assert len(wire.calls) == 1
    assert housekeeping.expire(db)["orphaned"] == 1
    row = read(db, child)
    assert row.state is State.FAILED
    assert row.error_code == "parent_failed"
    assert row.reported_at is None


def test_an_expired_retry_is_not_sent(db: Database, settings: Settings) -> None:
    (late,) = make_due(db, state=State.RETRYABLE, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert serve_turn(db, Wire(), settings).sent == 0
    assert housekeeping.expire(db)["expired"] == 1
    assert read(db, late).state is State.EXPIRED
