"""The shapes of Vitec's answers are summed up from the history, whether they were kept or are as documented."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from models import Attempt, Event, State
from tests import factory
from tests.factory import MOMENT
from worker.outbox.views.answers import observe_answers

if TYPE_CHECKING:
    from worker.outbox import Database

HEX = "0123456789ABCDEF" * 2


@pytest.fixture
def made(db: Database) -> int:
    """An appointment without a history."""
    with db.write() as connection:
        return factory.make_operation(connection, kind="appointment")


def enter(db: Database, operation_id: int, event: Event = Event.SENT, **columns: Any) -> None:
    """Add an entry to the operation's history."""
    entry = {"attempt": 1, "http_status": 200, "outcome": "succeeded", "at": MOMENT, **columns}
    with db.write() as connection:
        connection.execute(insert(Attempt).values(operation_id=operation_id, event=event, **entry))


@pytest.mark.parametrize(
    ("columns", "shape", "result"),
    [
        ({"remote_id": f"CAL{HEX}"}, "as documented: text (CAL + 32 hex)", "succeeded"),
        ({"http_status": 204}, "as documented", "succeeded"),
        ({"remote_id": "O1", "answer": {"orderId": "O1"}}, "as documented", "succeeded"),
        ({"outcome": "failed", "code": "nobody_notified"}, "as documented", "nobody_notified"),
        ({"outcome": "in_doubt", "code": "unreadable_answer"}, "not recorded", "unreadable_answer"),
        ({"outcome": "failed", "http_status": 404, "code": "not_found"}, "not recorded", "not_found"),
        (
            {"outcome": "in_doubt", "code": "unreadable_answer", "answer_shape": "whole number", "answer_text": "17"},
            "whole number",
            "unreadable_answer",
        ),
    ],
)
def test_an_answer_has_its_shape(db: Database, made: int, columns: dict[str, Any], shape: str, result: str) -> None:
    enter(db, made, **columns)
    (group,) = observe_answers(db, 100)
    assert group.observation.shape == shape
    assert group.observation.result == result
    assert (group.count, group.repeated) == (1, 0)
    assert group.operation_id == made


def test_equal_answers_are_counted_with_their_latest(db: Database, made: int) -> None:
    with db.write() as connection:
        second = factory.make_operation(connection, kind="appointment")
    for operation_id, minutes, digit in ((made, 0, "1"), (made, 1, "2"), (second, 2, "1")):
        at = MOMENT + timedelta(minutes=minutes)
        enter(db, operation_id, Event.LATE, remote_id=f"CAL{HEX[:-1]}{digit}", at=at)
    (group,) = observe_answers(db, 100)
    assert (group.count, group.repeated) == (3, 1)
    assert (group.since, group.latest) == (MOMENT, MOMENT + timedelta(minutes=2))
    assert group.operation_id == second


def test_look_ups_stand_apart_from_sends(db: Database, made: int) -> None:
    enter(db, made, Event.LOOKED_UP, outcome="in_doubt", code="absent", answer_shape="empty list")
    enter(db, made, remote_id="CAL1")
    sent, looked_up = (group.observation for group in observe_answers(db, 100))
    assert (sent.is_look_up, looked_up.is_look_up) == (False, True)
    assert (looked_up.shape, looked_up.result) == ("empty list", "absent")


def test_only_the_newest_answers_of_a_kind_count(db: Database, made: int) -> None:
    with db.write() as connection:
        notification = factory.make_operation(connection, State.PENDING, kind="notification")
    for operation_id in (made, made, notification):
        enter(db, operation_id, Event.LATE)
    enter(db, made, Event.DECIDED, http_status=None)
    assert [group.count for group in observe_answers(db, 3)] == [1, 1]
    assert [group.observation.kind for group in observe_answers(db, 100, frozenset({"notification"}))] == [
        "notification"
    ]


def test_without_any_answer_nothing_is_observed(db: Database) -> None:
    assert observe_answers(db, 100) == []
