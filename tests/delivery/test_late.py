"""Answers that come to a turn which was believed dead."""

import time

import pytest
from sqlalchemy import update

from models import Event, Lane, State
from tests import factory
from tests.delivery.test_turn import LONG_AGO, make, serve
from tests.delivery.wire import Wire, created
from worker.delivery import turn
from worker.delivery.dead_mans_switch import LEEWAY, MARGIN, ClockReading
from worker.errors import Refused, VitecError
from worker.kind import Answer, Call
from worker.outbox import Database
from worker.outbox.exchange import rescue
from worker.policies import dead_worker_policy, retry_policy, turn_policy
from worker.settings import Settings
from worker.vitec.http_attempt import Permit


def test_a_late_answer_of_a_rescued_turn_is_evidence(db: Database, settings: Settings) -> None:
    (id_,) = make(db)

    def answered_after_the_rescue(call: Call, permit: Permit) -> Answer:
        with db.write() as connection:
            connection.execute(update(Lane).values(lease_until=LONG_AGO))
        rescued = rescue.rescue_lanes(db, dead_worker_policy(retry_policy(settings)), "there:2")
        assert rescued == 1
        return created(call, permit)

    report = serve(db, Wire(answered_after_the_rescue), settings)
    assert report.ended == "the lane was taken over"
    with db.read() as connection:
        row = factory.operation(connection, id_)
        entries = factory.history(connection, id_)
    assert (row.state, row.remote_id) == (State.SUCCEEDED, f"ID-{id_}.1")
    assert [(entry.event, entry.outcome) for entry in entries] == [
        (Event.SENT, "in_doubt"),
        (Event.LATE, "succeeded"),
    ]


def test_a_late_certain_refusal_settles_the_doubt(db: Database, settings: Settings) -> None:
    (id_,) = make(db)

    def refused_after_the_rescue(call: Call, permit: Permit) -> VitecError:
        with db.write() as connection:
            connection.execute(update(Lane).values(lease_until=LONG_AGO))
        rescue.rescue_lanes(db, dead_worker_policy(retry_policy(settings)), "there:2")
        return Refused("no", status=400, words="Nej")

    serve(db, Wire(refused_after_the_rescue), settings)
    with db.read() as connection:
        row = factory.operation(connection, id_)
    assert (row.state, row.error_code, row.error_detail) == (State.FAILED, "refused", "Nej")


def test_a_request_ends_before_the_lease_after_a_slow_claim(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease began before the statement that took it; what the commit used up is not the request's any more."""
    make(db)
    took = turn_policy(settings).lease - settings.vitec_timeout / 2
    at_present = ClockReading.now()
    began = ClockReading(at_present.monotonic - took, at_present.boot - took)

    class LongAgo(ClockReading):
        @classmethod
        def now(cls) -> ClockReading:
            return began

    monkeypatch.setattr(turn, "ClockReading", LongAgo)
    deadlines: list[float] = []

    def note(call: Call, permit: Permit) -> Answer:
        deadlines.append(permit.deadline)
        return created(call, permit)

    serve(db, Wire(note), settings)
    (deadline,) = deadlines
    assert deadline == began.monotonic + turn_policy(settings).lease - MARGIN - LEEWAY
    assert deadline < time.monotonic() + settings.vitec_timeout
