"""Answers that come to a turn which was believed dead."""

import time

import pytest
from sqlalchemy import update

from models import Event, Lane, State
from tests import factory
from tests.delivery.test_turn import LONG_AGO, make, serve
from tests.delivery.wire import Wire, created
from worker import delivery
from worker.delivery.dead_mans_switch import LEEWAY, MARGIN, Reading, boot_clock
from worker.errors import Refused
from worker.kind import Answer, Call
from worker.outbox import Outbox
from worker.outbox.exchange import rescue
from worker.policies import policy_of, verdict_of
from worker.settings import Settings
from worker.vitec.permit import Permit


def test_a_late_answer_of_a_turn_that_was_believed_dead_is_evidence(box: Outbox, settings: Settings) -> None:
    (id_,) = make(box)

    def answered_after_the_rescue(call: Call, permit: Permit) -> Answer:
        with box.write() as connection:
            connection.execute(update(Lane).values(lease_until=LONG_AGO))
        rescued = rescue.rescue(box, verdict_of(policy_of(settings)), "there:2")
        assert rescued == 1
        return created(call, permit)

    report = serve(box, Wire(answered_after_the_rescue), settings)
    assert report.ended == "the lane was taken over"
    with box.read() as connection:
        row = factory.operation(connection, id_)
        entries = factory.history(connection, id_)
    assert (row.state, row.remote_id) == (State.SUCCEEDED, f"ID-{id_}.1")
    assert [(entry.event, entry.outcome) for entry in entries] == [
        (Event.SENT, "in_doubt"),
        (Event.LATE, "succeeded"),
    ]


def test_a_late_certain_refusal_settles_the_doubt(box: Outbox, settings: Settings) -> None:
    (id_,) = make(box)

    def refused_after_the_rescue(call: Call, permit: Permit) -> Answer:
        with box.write() as connection:
            connection.execute(update(Lane).values(lease_until=LONG_AGO))
        rescue.rescue(box, verdict_of(policy_of(settings)), "there:2")
        raise Refused("no", status=400, words="Nej")

    serve(box, Wire(refused_after_the_rescue), settings)
    with box.read() as connection:
        row = factory.operation(connection, id_)
    assert (row.state, row.error_code, row.error_detail) == (State.FAILED, "refused", "Nej")


def test_a_request_must_end_before_the_lease_does_however_long_the_claim_took(
    box: Outbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease began before the statement that took it; what the commit used up is not the request's any more."""
    make(box)
    took = settings.lease - settings.vitec_timeout / 2
    began = Reading(time.monotonic() - took, boot_clock() - took)

    class LongAgo(Reading):
        @classmethod
        def now(cls) -> Reading:
            return began

    monkeypatch.setattr(delivery, "Reading", LongAgo)
    deadlines: list[float] = []

    def note(call: Call, permit: Permit) -> Answer:
        deadlines.append(permit.deadline)
        return created(call, permit)

    serve(box, Wire(note), settings)
    (deadline,) = deadlines
    assert deadline == began.monotonic + settings.lease - MARGIN - LEEWAY
    assert deadline < time.monotonic() + settings.vitec_timeout
