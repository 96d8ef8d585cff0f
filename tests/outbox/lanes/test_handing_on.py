"""A parent hands on its remote id to a child that lacks it, before the child is claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models import State
from tests.outbox.steps import RETRY, SUCCESS, TERMS, begin, claim, done, entries, read, settle
from worker.importing import enqueue
from worker.kind import BadCells
from worker.policies import turn_policy
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.outbox import Database
    from worker.outbox.exchange.exchange import ExchangeResult


def record_token(db: Database) -> int:
    return enqueue(db, kind="order_token", source_id="T", customer_id="M1", data="x").id


def record_status(db: Database, source_id: str = "S", **fields: Any) -> int:
    fields = {"status": "Delivered", "after": "order_token:T", **fields}
    return enqueue(db, kind="order_status", source_id=source_id, customer_id="M1", **fields).id


def send_token(db: Database, remote_id: str | None = "ORD9") -> None:
    """Let Vitec answer the token."""
    turn = begin(db, "order_token")
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, replace(SUCCESS, remote_id=remote_id, answer=None))])


def claim_statuses(db: Database) -> ExchangeResult:
    terms = replace(TERMS, prepare=turn_policy(Settings(), "order_status").prepare)
    return claim(db, begin(db, "order_status"), terms=terms)


def test_the_parents_remote_id_is_in_the_claimed_payload(db: Database) -> None:
    record_token(db)
    status = record_status(db)
    assert read(db, status).lacks_result is True
    send_token(db)
    (claimed,) = claim_statuses(db).claimed
    assert claimed.payload["order_id"] == "ORD9"
    row = read(db, status)
    assert (row.lacks_result, row.sequence_key) == (False, "order/ORD9")
    assert row.payload["order_id"] == "ORD9"


def test_a_child_recorded_after_the_success_gets_it(db: Database) -> None:
    record_token(db)
    send_token(db)
    record_status(db)
    (claimed,) = claim_statuses(db).claimed
    assert claimed.payload["order_id"] == "ORD9"


def test_two_children_go_one_after_the_other(db: Database) -> None:
    record_token(db)
    first = record_status(db, "S1", status="OrderReceived")
    record_status(db, "S2")
    send_token(db)
    assert [claimed.id for claimed in claim_statuses(db).claimed] == [first]


def test_an_id_of_its_own_is_kept(db: Database) -> None:
    record_token(db)
    status = record_status(db, order_id="ORD1")
    assert read(db, status).lacks_result is False
    send_token(db)
    (claimed,) = claim_statuses(db).claimed
    assert claimed.payload["order_id"] == "ORD1"


def test_without_the_result_it_fails_unsent(db: Database) -> None:
    record_token(db)
    status = record_status(db)
    send_token(db, remote_id=None)
    assert claim_statuses(db).claimed == ()
    row = read(db, status)
    assert (row.state, row.error_code) == (State.FAILED, "parent_without_result")
    assert [(entry.event.value, entry.code) for entry in entries(db, status)] == [("closed", "parent_without_result")]


def test_new_content_with_an_id_needs_the_parent_no_more(db: Database) -> None:
    record_token(db)
    status = record_status(db)
    record_status(db, order_id="ORD1")
    row = read(db, status)
    assert (row.lacks_result, row.sequence_key) == (False, "order/ORD1")


def test_new_content_keeps_the_place_of_one_tried(db: Database) -> None:
    record_token(db)
    first, second = record_status(db, "S1", status="OrderReceived"), record_status(db, "S2")
    send_token(db)
    terms = replace(TERMS, prepare=turn_policy(Settings(), "order_status").prepare)
    turn = begin(db, "order_status")
    (claimed,) = claim(db, turn, terms=terms).claimed
    record_status(db, "S1", status="OrderReceived", comment="Mottagen")
    settle(db, turn, [done(claimed, RETRY)])
    assert claim(db, turn, terms=terms).claimed == ()
    assert (read(db, first).sequence_key, read(db, second).state) == ("order/ORD9", State.PENDING)


def record_comeback(db: Database, **fields: Any) -> int:
    """Record a comeback after an appointment, which asks for its meeting's id."""
    enqueue(
        db,
        kind="appointment",
        source_id="A",
        customer_id="M1",
        user_id="HAN1",
        subject="x",
        starts_at="2026-12-02 09:15",
        ends_at="2026-12-02 10:15",
    )
    fields = {"contact_id": "ADR1", "date": "2026-12-03 09:15", "after": "appointment:A", **fields}
    return enqueue(db, kind="comeback", source_id="C", customer_id="M1", **fields).id


def claim_comeback(db: Database) -> Any:
    """Let Vitec answer the appointment, and claim the comeback."""
    turn = begin(db, "appointment")
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, replace(SUCCESS, remote_id="CAL7", answer=None))])
    terms = replace(TERMS, prepare=turn_policy(Settings(), "comeback").prepare)
    return claim(db, begin(db, "comeback"), terms=terms).claimed[0]


def test_a_row_that_asks_gets_its_parents_id(db: Database) -> None:
    child = record_comeback(db, handed_on="meeting_id")
    assert read(db, child).lacks_result is True
    assert claim_comeback(db).payload["meeting_id"] == "CAL7"
    assert read(db, child).payload["meeting_id"] == "CAL7"


def test_a_row_that_does_not_ask_gets_nothing(db: Database) -> None:
    child = record_comeback(db)
    assert read(db, child).lacks_result is False
    assert "meeting_id" not in claim_comeback(db).payload


def test_a_row_that_asks_keeps_an_id_of_its_own(db: Database) -> None:
    child = record_comeback(db, handed_on="meeting_id", meeting_id="CAL1")
    assert read(db, child).lacks_result is False


def test_a_row_that_asks_later_is_revised(db: Database) -> None:
    record_comeback(db)
    child = record_comeback(db, handed_on="meeting_id")
    assert read(db, child).lacks_result is True
    assert claim_comeback(db).payload["meeting_id"] == "CAL7"


def test_a_field_that_no_parent_fills_is_refused(db: Database) -> None:
    with pytest.raises(BadCells, match="handed_on: no parent fills such a field"):
        record_comeback(db, handed_on="note")
