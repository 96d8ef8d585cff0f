"""Rows that the database itself refuses: every CHECK, unique key and foreign key, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError

from models import Attempt, Event, HoldReason, Operation, Scope, State
from tests import factory
from tests.factory import MOMENT, make_environment, make_hold, make_operation
from worker.outbox import connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction at a fresh database, rolled back in the end."""
    engine = connect(database_url)
    with engine.connect() as made:
        yield made
    engine.dispose()


def refused(connection: Connection, state: State, **overrides: Any) -> str:
    """Change a sound row of `state`, and return the words in which the database refuses."""
    made = make_operation(connection, state)
    with pytest.raises(IntegrityError) as error, connection.begin_nested():
        connection.execute(update(Operation).where(Operation.id == made).values(**overrides))
    return str(error.value.orig)


@pytest.mark.parametrize("state", list(State))
def test_a_sound_row_of_every_state_is_accepted(connection: Connection, state: State) -> None:
    assert make_operation(connection, state) > 0


@pytest.mark.parametrize(
    ("state", "overrides", "rule"),
    [
        (State.SUCCEEDED, {"finalized_at": None}, "final_has_end"),
        (State.FAILED, {"finalized_at": None}, "final_has_end"),
        (State.CANCELLED, {"finalized_at": None}, "final_has_end"),
        (State.EXPIRED, {"finalized_at": None}, "final_has_end"),
        (State.PENDING, {"finalized_at": MOMENT}, "final_has_end"),
        (State.IN_DOUBT, {"finalized_at": MOMENT}, "final_has_end"),
        (State.IN_FLIGHT, {"claimed_by": None, "claimed_at": None}, "in_flight_is_claimed"),
        (State.PENDING, {"claimed_by": 1, "claimed_at": MOMENT}, "in_flight_is_claimed"),
        (State.IN_FLIGHT, {"claimed_at": None}, "claim_has_time"),
        (State.PENDING, {"attempt": -1}, "counts"),
        (State.PENDING, {"failures": -1}, "counts"),
        (State.PENDING, {"look_ups": -1}, "counts"),
        (State.PENDING, {"max_failures": 0}, "counts"),
        (State.PENDING, {"after_kind": "comeback"}, "after_is_whole"),
        (State.PENDING, {"after_source_id": "CRM-1"}, "after_is_whole"),
        (State.PENDING, {"parent_done": False}, "parent_is_named"),
    ],
)
def test_an_operation_that_contradicts_itself_is_refused(
    connection: Connection, state: State, overrides: dict[str, Any], rule: str
) -> None:
    assert f"ck_operations_{rule}" in refused(connection, state, **overrides)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE operations SET state = 'done'", "ck_operations_state"),
        ("UPDATE attempts SET event = 'tried'", "ck_attempts_event"),
        ("UPDATE holds SET scope = 'world'", "ck_holds_scope"),
        ("UPDATE holds SET reason = 'mood'", "ck_holds_reason"),
    ],
)
def test_a_word_that_is_none_of_ours_is_refused(connection: Connection, statement: str, rule: str) -> None:
    make_operation(connection, State.RETRYABLE)
    make_hold(connection)
    with pytest.raises(IntegrityError, match=rule):
        connection.exec_driver_sql(statement)


def test_a_source_id_occurs_once_in_its_feed_and_kind(connection: Connection) -> None:
    make_operation(connection, source_id="A")
    make_operation(connection, source_id="A", kind="appointment")
    make_operation(connection, source_id="A", feed="other")
    with pytest.raises(IntegrityError):
        make_operation(connection, source_id="A", customer_id="M30002")


@pytest.mark.parametrize("kind", ["order_token", "appointment"])
def test_operations_may_share_a_remote_id(connection: Connection, kind: str) -> None:
    for _ in range(2):
        make_operation(connection, State.SUCCEEDED, kind=kind, remote_id="R")


def test_an_operation_belongs_to_a_lane(connection: Connection) -> None:
    values = {"kind": "comeback", "customer_id": "M1", "source_id": "A", "payload_hash": "0" * 64}
    with pytest.raises(IntegrityError):
        connection.execute(insert(Operation).values(values))


def test_an_attempt_belongs_to_an_operation_and_is_sent_once(connection: Connection) -> None:
    made = make_operation(connection, State.RETRYABLE)
    entry = {"operation_id": made, "attempt": 1}
    connection.execute(insert(Attempt).values(**entry, event=Event.LATE))
    connection.execute(insert(Attempt).values(**entry, event=Event.LATE))
    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.execute(insert(Attempt).values(**entry, event=Event.SENT))
    with pytest.raises(IntegrityError):
        connection.execute(insert(Attempt).values(operation_id=made + 1, attempt=1, event=Event.LATE))


@pytest.mark.parametrize(
    ("scope", "parts"),
    [
        (Scope.ENVIRONMENT, {"customer_id": "M30001"}),
        (Scope.ENVIRONMENT, {"kind": "comeback"}),
        (Scope.GROUP, {"function_group": ""}),
        (Scope.GROUP, {"customer_id": ""}),
        (Scope.GROUP, {"kind": "comeback"}),
        (Scope.LANE, {"kind": ""}),
        (Scope.LANE, {"function_group": "crm-contact"}),
    ],
)
def test_a_hold_names_its_scope_whole(connection: Connection, scope: Scope, parts: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="ck_holds_scope_is_whole"):
        make_hold(connection, scope, **parts)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_is_held_once_for_each_reason(connection: Connection, scope: Scope) -> None:
    make_hold(connection, scope)
    make_hold(connection, scope, reason=HoldReason.PAUSED, until=None)
    with pytest.raises(IntegrityError):
        make_hold(connection, scope, until=MOMENT + timedelta(days=1))


def test_there_is_one_environment(connection: Connection) -> None:
    make_environment(connection)
    with pytest.raises(IntegrityError, match="ck_environments_only_one"), connection.begin_nested():
        make_environment(connection, id=2)
    with pytest.raises(IntegrityError):
        make_environment(connection)


def test_a_rejected_row_belongs_to_a_file(connection: Connection) -> None:
    with pytest.raises(IntegrityError):
        factory.make_rejected_row(connection, feed_file_id=4711)
