"""Answers in question, and the operations that were settled by them (guards of rule 28)."""

from typing import Any

import pytest

from models import Event, State
from tests.outbox.steps import entries, make, read, wake_all
from worker import reconciling
from worker.outbox import Database
from worker.outbox.exchange.questioned import ANSWER_IN_QUESTION, question_answers
from worker.outbox.lanes import turns
from worker.reconciling import Decider

SETTLED = [State.SUCCEEDED, State.FAILED, State.IN_DOUBT]


@pytest.mark.parametrize("state", SETTLED)
def test_a_settled_operation_waits_for_a_person(db: Database, state: State) -> None:
    id_ = make(db, state)
    assert question_answers(db, [(id_, 1)], "here:1") == 1
    row = read(db, id_)
    assert row.state is state
    assert row.needs_person is True
    assert row.error_code == ANSWER_IN_QUESTION
    assert row.reported_at is None
    entry = entries(db, id_)[-1]
    assert (entry.event, entry.code) == (Event.LATE, ANSWER_IN_QUESTION)
    assert entry.by == "here:1"


def test_an_acceptance_in_question_is_none(db: Database) -> None:
    id_ = make(db, State.IN_DOUBT, accepted=True)
    question_answers(db, [(id_, 1)], "here:1")
    row = read(db, id_)
    assert row.accepted is False
    assert row.acted_at is None


def test_one_that_was_to_be_sent_again_is_not(db: Database) -> None:
    """That it had surely no effect was said of another."""
    id_ = make(db, State.RETRYABLE)
    question_answers(db, [(id_, 1)], "here:1")
    row = read(db, id_)
    assert row.state is State.IN_DOUBT
    assert row.needs_person is True
    wake_all(db)
    assert turns.take_turn(db, "comeback", lease=45, worker="here:1") is None


@pytest.mark.parametrize("overrides", [{"attempt": 2}, {"state": State.IN_FLIGHT}])
def test_an_attempt_that_goes_on_is_only_noted(db: Database, overrides: dict[str, Any]) -> None:
    id_ = make(db, **{"state": State.SUCCEEDED, **overrides})
    assert question_answers(db, [(id_, 1)], "here:1") == 0
    assert read(db, id_).needs_person is False
    assert entries(db, id_)[-1].code == ANSWER_IN_QUESTION


def test_an_unknown_operation_is_passed_over(db: Database) -> None:
    assert question_answers(db, [(4711, 1)], "here:1") == 0


def test_a_person_corrects_an_id_that_is_in_question(db: Database) -> None:
    id_ = make(db, State.SUCCEEDED, remote_id="ANOTHERS")
    question_answers(db, [(id_, 1)], "here:1")
    report = reconciling.carry_out(db, [id_], reconciling.Delivered("CAL1"), Decider("anna", "seen there"))
    assert report.refused == ()
    row = read(db, id_)
    assert (row.remote_id, row.needs_person) == ("CAL1", False)
    assert row.error_code is None
