"""Rows that the CRM takes back: cancelled while they wait, judged by the verdict otherwise, reported when it is too late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models import THE_CRM, Event, Operation, RejectedRow, State
from tests import factory
from tests.outbox.exported import ENDED, UNDECIDED, WAITING, a_file, last_entry, made, operation, record, row
from worker.outbox.revisions.apply import apply_revisions
from worker.outbox.revisions.judge import IntakeResult
from worker.outbox.revisions.withdrawn import WithdrawalResult, WithdrawnRow, withdraw_rows

if TYPE_CHECKING:
    from worker.outbox import Database

KEY = ("comeback", "C-1")


def take_back(db: Database, *, file: int | None = None, source_id: str = "C-1") -> WithdrawalResult:
    with db.write() as connection:
        rows = [WithdrawnRow("comeback", source_id, 7)]
        return withdraw_rows(connection, rows, feed="crm", feed_file_id=file)["comeback", source_id]


def settle(db: Database, id_: int, state: State) -> None:
    """Move a row as a settlement does, and let what waited take effect in the same transaction."""
    ended = {"finalized_at": factory.MOMENT} if state not in {*WAITING, State.IN_DOUBT} else {}
    with db.write() as connection:
        free = {"state": state, "claimed_by": None, "claimed_at": None, **ended}
        connection.execute(update(Operation).where(Operation.id == id_).values(free))
        apply_revisions(connection, [id_])


def rejections(db: Database) -> list[Any]:
    with db.read() as connection:
        return list(connection.execute(select(RejectedRow.code, RejectedRow.line).order_by(RejectedRow.id)))


@pytest.mark.parametrize("state", WAITING)
def test_a_waiting_operation_is_cancelled(db: Database, state: State) -> None:
    id_ = made(db, state)
    assert take_back(db) is WithdrawalResult.WITHDRAWN
    assert operation(db, id_).state is State.CANCELLED
    assert last_entry(db, id_)[:4] == (Event.DECIDED, "cancelled", "withdrawn", THE_CRM)


def test_a_row_without_operation_does_nothing(db: Database) -> None:
    made(db, State.PENDING)
    assert take_back(db, source_id="C-2") is WithdrawalResult.NOTHING


def test_repeating_a_withdrawal_does_nothing(db: Database) -> None:
    id_ = made(db, State.PENDING)
    take_back(db)
    before = operation(db, id_)
    assert take_back(db) is WithdrawalResult.NOTHING
    assert operation(db, id_) == before


def test_exported_once_more_the_same_row_is_wanted_again(db: Database) -> None:
    id_ = made(db, State.PENDING)
    take_back(db)
    assert record(db, row("old")) == [IntakeResult.REQUEUED]
    assert operation(db, id_).state is State.PENDING
    assert operation(db, id_).payload_hash == "hash of old"


@pytest.mark.parametrize("state", ENDED)
def test_a_cancellation_of_a_person_outlasts_a_withdrawal(db: Database, state: State) -> None:
    id_ = made(db, state)
    assert take_back(db) is WithdrawalResult.NOTHING
    assert record(db, row("old")) == [IntakeResult.UNCHANGED]
    assert operation(db, id_).state is state


@pytest.mark.parametrize("state", UNDECIDED)
def test_an_undecided_operation_waits_for_its_verdict(db: Database, state: State) -> None:
    id_ = made(db, state)
    assert take_back(db) is WithdrawalResult.DEFERRED
    assert operation(db, id_).state is state
    assert take_back(db) is WithdrawalResult.NOTHING


@pytest.mark.parametrize("state", UNDECIDED)
def test_without_effect_at_vitec_it_is_cancelled(db: Database, state: State) -> None:
    id_ = made(db, state)
    take_back(db)
    settle(db, id_, State.RETRYABLE)
    assert operation(db, id_).state is State.CANCELLED
    assert operation(db, id_).revision is None
    assert record(db, row("old")) == [IntakeResult.REQUEUED]


@pytest.mark.parametrize("verdict", ENDED)
def test_after_another_end_a_withdrawal_has_no_object(db: Database, verdict: State) -> None:
    id_ = made(db, State.IN_FLIGHT)
    take_back(db)
    settle(db, id_, verdict)
    assert operation(db, id_).state is verdict
    assert operation(db, id_).revision is None


@pytest.mark.parametrize("state", UNDECIDED)
def test_after_success_the_crm_hears_that_it_was_too_late(db: Database, state: State) -> None:
    id_ = made(db, state)
    take_back(db, file=a_file(db))
    settle(db, id_, State.SUCCEEDED)
    assert operation(db, id_).state is State.SUCCEEDED
    assert rejections(db) == [("withdrawn_too_late", 7)]
    assert take_back(db) is WithdrawalResult.NOTHING


def test_a_success_is_too_late_only_once(db: Database) -> None:
    id_ = made(db, State.SUCCEEDED)
    assert take_back(db) is WithdrawalResult.TOO_LATE
    assert take_back(db) is WithdrawalResult.NOTHING
    assert operation(db, id_).state is State.SUCCEEDED


def test_a_success_taken_back_too_late_keeps_its_content(db: Database) -> None:
    made(db, State.SUCCEEDED)
    take_back(db)
    assert record(db, row("old")) == [IntakeResult.UNCHANGED]
    assert record(db, row("new")) == [IntakeResult.ALREADY_SENT]


def test_wanted_again_before_the_verdict_it_is_sent_again(db: Database) -> None:
    id_ = made(db, State.IN_FLIGHT)
    take_back(db)
    assert record(db, row("old")) == [IntakeResult.UNCHANGED]
    settle(db, id_, State.RETRYABLE)
    assert operation(db, id_).state is State.RETRYABLE


def test_new_content_takes_the_place_of_a_withdrawal(db: Database) -> None:
    id_ = made(db, State.IN_DOUBT)
    take_back(db)
    assert record(db, row("new")) == [IntakeResult.DEFERRED]
    settle(db, id_, State.RETRYABLE)
    assert operation(db, id_).payload["note"] == "new"


def test_many_rows_are_withdrawn_together(db: Database) -> None:
    ids = [made(db, State.PENDING, source_id=f"M-{number}") for number in range(3)]
    with db.write() as connection:
        rows = [WithdrawnRow("comeback", f"M-{number}") for number in range(600)]
        results = withdraw_rows(connection, rows, feed="crm", feed_file_id=None)
    assert {operation(db, id_).state for id_ in ids} == {State.CANCELLED}
    assert sum(result is WithdrawalResult.WITHDRAWN for result in results.values()) == 3
