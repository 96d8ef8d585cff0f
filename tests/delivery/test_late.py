"""Answers that come to a turn which was believed dead."""

import time

import pytest

from models import Event, State
from tests.delivery.steps import end_leases, make_due, serve_turn
from tests.delivery.wire import Wire, created
from tests.outbox.steps import entries, read
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
    (id_,) = make_due(db)

    def answered_after_the_rescue(call: Call, permit: Permit) -> Answer:
        end_leases(db)
        rescued = rescue.rescue_lanes(db, dead_worker_policy(retry_policy(settings)), "there:2")
        assert rescued == 1
        return created(call, permit)

    report = serve_turn(db, Wire(answered_after_the_rescue), settings)
    assert report.ended == "the lane was taken over"
    row = read(db, id_)
    assert (row.state, row.remote_id) == (State.SUCCEEDED, f"ID-{id_}.1")
    assert [(entry.event, entry.outcome) for entry in entries(db, id_)] == [
        (Event.SENT, "in_doubt"),
        (Event.LATE, "succeeded"),
    ]


def test_a_late_certain_refusal_settles_the_doubt(db: Database, settings: Settings) -> None:
    (id_,) = make_due(db)

    def refused_after_the_rescue(call: Call, permit: Permit) -> VitecError:
        end_leases(db)
        rescue.rescue_lanes(db, dead_worker_policy(retry_policy(settings)), "there:2")
        return Refused("no", status=400, text="Nej")

    serve_turn(db, Wire(refused_after_the_rescue), settings)
    row = read(db, id_)
    assert row.state is State.FAILED
    assert (row.error_code, row.error_detail) == ("refused", "Nej")


def test_a_request_ends_before_the_lease_after_a_slow_claim(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease began before the statement that took it, so the request has no time that the commit used up."""
    make_due(db)
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

    serve_turn(db, Wire(note), settings)
    (deadline,) = deadlines
    assert deadline == began.monotonic + turn_policy(settings).lease - MARGIN - LEEWAY
    assert deadline < time.monotonic() + settings.vitec_timeout
