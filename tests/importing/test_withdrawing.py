"""A cancellation takes back a registration that was never sent: here, and without a call to Vitec."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from models import Event, State
from tests.outbox.steps import (
    REFUSAL,
    RETRY,
    SUCCESS,
    TERMS,
    begin,
    change,
    claim,
    done,
    entries,
    read,
    settle,
    wake_all,
)
from worker.importing import enqueue
from worker.outbox.lanes import turns
from worker.outbox.lanes.withdrawals import LOOKED_AT
from worker.policies import turn_policy
from worker.settings import Settings

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.decide import Settlement
    from worker.outbox import Database

PLACE = {"viewing_id": "VIS1", "time_slot_id": "SLOT1", "contact_id": "ADR1"}
SOON = timedelta(seconds=1)
CANCELLATIONS = "viewing_cancellation"


def record(db: Database, kind: str, source_id: str, **fields: Any) -> int:
    return enqueue(db, kind=kind, source_id=source_id, customer_id="M1", **{**PLACE, **fields}).id


def send(db: Database, kind: str, settlement: Settlement) -> None:
    """Let Vitec answer the next operation of the kind."""
    turn = begin(db, kind)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, settlement)])
    turns.end_turn(db, turn)


def claim_cancellations(db: Database) -> list[int]:
    """The cancellations that are sent to Vitec."""
    wake_all(db)
    if CANCELLATIONS not in turns.due_kinds(db):
        return []
    terms = replace(TERMS, prepare=turn_policy(Settings(), CANCELLATIONS).prepare)
    return [claimed.id for claimed in claim(db, begin(db, CANCELLATIONS), terms=terms).claimed]


def test_a_waiting_registration_is_cancelled_at_once(db: Database) -> None:
    registration, cancellation = record(db, "viewing_registration", "R"), record(db, CANCELLATIONS, "C")
    assert read(db, registration).state is State.CANCELLED
    assert read(db, cancellation).state is State.PENDING
    (entry,) = entries(db, registration)
    assert (entry.event, entry.code) == (Event.DECIDED, "withdrawn")
    assert entry.by == "crm"


def test_its_cancellation_ends_without_a_call(db: Database) -> None:
    record(db, "viewing_registration", "R")
    cancellation = record(db, CANCELLATIONS, "C")
    assert claim_cancellations(db) == []
    row = read(db, cancellation)
    assert (row.state, row.error_code) == (State.CANCELLED, None)
    assert row.attempt == 0
    assert row.error_detail == "what it takes back was never sent to Vitec"


@pytest.mark.parametrize("apart", [{"time_slot_id": "SLOT2"}, {"contact_id": "ADR2"}, {"viewing_id": "VIS2"}])
def test_another_place_stays(db: Database, apart: dict[str, str]) -> None:
    registration = record(db, "viewing_registration", "R", **apart)
    cancellation = record(db, CANCELLATIONS, "C")
    assert read(db, registration).state is State.PENDING
    assert claim_cancellations(db) == [cancellation]


def test_a_later_registration_stays_though_the_cancellation_comes_again(db: Database) -> None:
    record(db, CANCELLATIONS, "C")
    registration = record(db, "viewing_registration", "R")
    record(db, CANCELLATIONS, "C")
    assert read(db, registration).state is State.PENDING


@pytest.mark.parametrize("state", [State.IN_FLIGHT, State.IN_DOUBT])
def test_under_way_it_is_asked_to_cancel(db: Database, state: State) -> None:
    registration = record(db, "viewing_registration", "R")
    claimed = {"claimed_by": 1, "claimed_at": read(db, registration).created_at} if state is State.IN_FLIGHT else {}
    change(db, registration, state=state, attempt=1, **claimed)
    record(db, CANCELLATIONS, "C")
    row = read(db, registration)
    assert (row.state, row.cancel_asked) == (state, True)
    assert claim_cancellations(db) == []


def test_a_registration_at_vitec_is_taken_back_there(db: Database) -> None:
    registration = record(db, "viewing_registration", "R")
    change(db, registration, state=State.SUCCEEDED, finalized_at=read(db, registration).created_at)
    cancellation = record(db, CANCELLATIONS, "C")
    assert claim_cancellations(db) == [cancellation]


def test_an_unknown_registration_is_taken_back_at_vitec(db: Database) -> None:
    cancellation = record(db, CANCELLATIONS, "C")
    assert claim_cancellations(db) == [cancellation]


def test_one_taken_back_before_needs_no_second_call(db: Database) -> None:
    first, taken_back = record(db, "viewing_registration", "R1"), record(db, CANCELLATIONS, "C1")
    moment = read(db, first).created_at
    change(db, first, state=State.SUCCEEDED, finalized_at=moment)
    change(db, taken_back, state=State.SUCCEEDED, first_claimed_at=moment + SOON, finalized_at=moment + SOON)
    record(db, "viewing_registration", "R2")
    needless = record(db, CANCELLATIONS, "C2")
    assert claim_cancellations(db) == []
    assert read(db, needless).state is State.CANCELLED


def test_one_mended_after_a_cancellation_is_taken_back_again(db: Database, clock: FixedClock) -> None:
    record(db, "viewing_registration", "R")
    send(db, "viewing_registration", REFUSAL)
    record(db, CANCELLATIONS, "C1")
    clock.advance(1)
    send(db, CANCELLATIONS, SUCCESS)
    record(db, "viewing_registration", "R", contact_message="Igen")
    clock.advance(1)
    send(db, "viewing_registration", SUCCESS)
    second = record(db, CANCELLATIONS, "C2")
    assert claim_cancellations(db) == [second]


def test_one_that_was_only_held_off_needs_no_call(db: Database) -> None:
    registration = record(db, "viewing_registration", "R")
    send(db, "viewing_registration", replace(RETRY, code="unauthorized"))
    record(db, CANCELLATIONS, "C")
    assert read(db, registration).state is State.CANCELLED
    assert claim_cancellations(db) == []


def test_new_content_does_not_bring_it_back(db: Database) -> None:
    registration = record(db, "viewing_registration", "R")
    turn = begin(db, "viewing_registration")
    (claimed,) = claim(db, turn).claimed
    record(db, "viewing_registration", "R", contact_message="Hej")
    record(db, CANCELLATIONS, "C")
    settle(db, turn, [done(claimed, RETRY)])
    assert read(db, registration).state is State.CANCELLED


def test_new_content_for_another_place_still_counts(db: Database) -> None:
    registration = record(db, "viewing_registration", "R")
    turn = begin(db, "viewing_registration")
    (claimed,) = claim(db, turn).claimed
    record(db, "viewing_registration", "R", time_slot_id="SLOT2")
    record(db, CANCELLATIONS, "C")
    settle(db, turn, [done(claimed, RETRY)])
    row = read(db, registration)
    assert (row.state, row.payload["time_slot_id"]) == (State.PENDING, "SLOT2")


def test_of_many_at_once_none_is_sent(db: Database) -> None:
    for number in range(LOOKED_AT + 1):
        contact = {"contact_id": f"ADR{number}"}
        record(db, "viewing_registration", f"R{number}", **contact)
        record(db, CANCELLATIONS, f"C{number}", **contact)
    assert [claim_cancellations(db) for _ in range(2)] == [[], []]
