"""The chain of reasons: in the order in which they must fall away, through parents, without going round in circles."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from models import Attempt, Event, HoldReason, Scope, State
from tests import factory
from tests.explaining.obstacles import LIMITS
from tests.factory import MOMENT
from worker import reconciling
from worker.explaining import Command, Explanation, Reason, explain
from worker.outbox import Database
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.views.explain import MAX_PARENTS
from worker.reconciling import Cancel, Decider, Delivered, Expiry, GiveUp, Requeue, SendAgain

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.reconciling import Wish

LATER = MOMENT + timedelta(hours=1)


def make(db: Database, state: State = State.PENDING, **overrides: Any) -> int:
    with db.write() as connection:
        return factory.make_operation(connection, state, **overrides)


def explained(db: Database, operation_id: int) -> Explanation:
    explanation = explain(db, operation_id, LIMITS)
    assert explanation is not None
    return explanation


def only_reason(db: Database, operation_id: int) -> Reason:
    (reason,) = explained(db, operation_id).reasons
    return reason


def after(kind: str, source_id: str) -> dict[str, Any]:
    return {"after_kind": kind, "after_source_id": source_id}


def test_there_may_be_no_such_operation(db: Database) -> None:
    assert explain(db, 4711, LIMITS) is None


def test_reasons_stand_in_the_order_of_falling_away(db: Database) -> None:
    with db.write() as connection:
        factory.make_hold(connection, Scope.LANE, reason=HoldReason.PAUSED, until=None, by="anna", note="moving")
        factory.make_hold(connection, Scope.ENVIRONMENT, reason=HoldReason.UNAVAILABLE)
    child = make(db, next_attempt_at=LATER, **after("appointment", "nobody"))
    closed = Database(db.engine, SendingHours.of({"comeback": "12:00-20:00"}))
    explanation = explained(closed, child)
    codes = [reason.code for reason in explanation.reasons]
    assert codes == ["held", "held", "outside_hours", "waits_for", "not_before"]
    environment, lane = explanation.reasons[:2]
    assert environment.data["scope"] is Scope.ENVIRONMENT
    assert lane.until is None
    assert lane.data == {
        "because": HoldReason.PAUSED,
        "scope": Scope.LANE,
        "customer_id": factory.CUSTOMER,
        "function_group": "",
        "kind": "comeback",
        "since": MOMENT,
        "until": None,
        "by": "anna",
        "note": "moving",
        "cause": None,
    }
    assert explanation.next.action == "sent"
    assert explanation.next.at is None


def test_the_reasons_of_parents_are_given_all_the_way(db: Database) -> None:
    doubt = make(db, State.IN_DOUBT, kind="appointment", source_id="A")
    parent = make(db, source_id="B", **after("appointment", "A"))
    child = make(db, kind="notification", source_id="C", **after("comeback", "B"))
    first = only_reason(db, child)
    assert first.code == "waits_for"
    assert first.data == {"kind": "comeback", "source_id": "B", "id": parent, "state": State.PENDING}
    (second,) = first.parent_reasons
    assert second.code == "waits_for"
    assert second.data["id"] == doubt
    (third,) = second.parent_reasons
    assert third.code == "needs_person"
    assert third.data == {
        "id": doubt,
        "state": State.IN_DOUBT,
        "since": MOMENT,
        "code": "unanswered",
        "found": None,
    }


def test_a_reason_of_parent_and_child_is_given_once(db: Database) -> None:
    make(db, source_id="B")
    child = make(db, **after("comeback", "B"))
    with db.write() as connection:
        factory.make_hold(connection, Scope.ENVIRONMENT)
    held, waits = explained(db, child).reasons
    assert held.code == "held"
    assert waits.code == "waits_for"
    assert waits.parent_reasons == ()


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_is_not_followed_for_ever(db: Database, length: int) -> None:
    ids = [make(db, source_id=f"{n}", **after("comeback", f"{(n + 1) % length}")) for n in range(length)]
    reason = only_reason(db, ids[0])
    for n in range(1, length):
        assert reason.code == "waits_for"
        assert reason.data["id"] == ids[n]
        (reason,) = reason.parent_reasons
    assert reason.code == "circle"
    assert reason.data == {"kind": "comeback", "source_id": "0"}


def test_a_long_line_of_parents_is_cut(db: Database) -> None:
    ids = [make(db, source_id=f"{n}", **after("comeback", f"{n + 1}")) for n in range(MAX_PARENTS + 5)]
    links, depth = explained(db, ids[0]).reasons, 0
    while links:
        (link,) = links
        depth += 1
        assert link.code == "waits_for"
        assert link.data["id"] == ids[depth]
        links = link.parent_reasons
    assert depth == MAX_PARENTS + 1


def test_an_end_in_vain_hides_all_other_reasons(db: Database) -> None:
    parent = make(db, State.FAILED, source_id="F")
    late = make(db, expires_at=MOMENT, next_attempt_at=LATER)
    orphan = make(db, next_attempt_at=LATER, **after("comeback", "F"))
    too_late, parent_ended = only_reason(db, late), only_reason(db, orphan)
    assert too_late.code == "too_late"
    assert too_late.data == {"since": MOMENT}
    assert explained(db, late).next.action == "expired"
    assert parent_ended.code == "parent_ended"
    assert parent_ended.data == {"kind": "comeback", "source_id": "F", "id": parent, "state": State.FAILED}
    assert explained(db, orphan).next.action == "failed"


def test_a_retry_and_a_wish_of_the_crm_differ(db: Database) -> None:
    tried = make(db, State.RETRYABLE, failures=3)
    wished = make(db, next_attempt_at=LATER, send_after=LATER)
    until = MOMENT + timedelta(seconds=30)
    after_failure, not_before = only_reason(db, tried), only_reason(db, wished)
    assert after_failure.code == "after_failure"
    assert after_failure.data == {"failures": 3, "max_failures": 12, "code": "unreachable", "until": until}
    assert explained(db, tried).next.at == until
    assert not_before.code == "not_before"
    assert not_before.data == {"until": LATER}


def test_an_expiry_before_the_next_attempt_is_noted(db: Database) -> None:
    early = LATER - timedelta(minutes=1)
    explanation = explained(db, make(db, next_attempt_at=LATER, expires_at=early))
    assert explanation.next.action == "expired"
    assert explanation.next.at == early
    (note,) = explanation.notes
    assert note.code == "expires"
    assert note.data == {"at": early}


def test_a_time_outside_the_hours_moves_to_the_opening(db: Database) -> None:
    # It is ten o'clock in Stockholm, and until eleven it may be sent.
    limited = Database(db.engine, SendingHours.of({"comeback": "09:00-11:00"}))
    waiting = make(db, next_attempt_at=MOMENT + timedelta(hours=2))
    assert explained(limited, waiting).next.at == MOMENT + timedelta(hours=23)


def test_a_doubt_gives_look_ups_and_similar_operations(db: Database) -> None:
    common = {"kind": "comeback", "match_key": "ADR1 2026-12-11", "needs_person": False}
    similar_id = make(db, State.IN_DOUBT, **common)
    operation_id = make(db, State.IN_DOUBT, look_ups=1, absent_since=MOMENT, next_attempt_at=LATER, **common)
    with db.write() as connection:
        entry = {"operation_id": operation_id, "attempt": 1, "event": Event.LOOKED_UP, "at": MOMENT, "code": "absent"}
        connection.execute(insert(Attempt).values(entry))
    explanation = explained(db, operation_id)
    doubt, alike = explanation.reasons
    assert doubt.code == "doubt"
    assert doubt.data == {
        "since": MOMENT,
        "code": "unanswered",
        "accepted": False,
        "look_ups": 1,
        "absent": 1,
        "found": None,
        "until": LATER,
    }
    assert alike.code == "alike"
    assert alike.data == {"ids": (similar_id,)}
    assert explanation.next.action == "looked_up"
    assert explanation.next.at == LATER


def test_a_row_in_flight_is_explained_with_its_worker(db: Database, clock: FixedClock) -> None:
    operation_id = make(db, State.IN_FLIGHT, cancel_asked=True, revision={"payload": {}})
    until = MOMENT + timedelta(seconds=45)
    explanation = explained(db, operation_id)
    (under_way,) = explanation.reasons
    assert under_way.code == "under_way"
    assert under_way.data == {"since": MOMENT, "attempt": 1, "worker": factory.WORKER, "until": until}
    assert under_way.until is None
    assert explanation.next.action == "answered"
    assert explanation.next.at == until
    assert [note.code for note in explanation.notes] == ["new_content", "cancel_asked"]
    clock.advance(45)
    worker_gone = only_reason(db, operation_id)
    assert worker_gone.code == "worker_gone"
    assert worker_gone.data == {"since": MOMENT, "attempt": 1}
    assert explained(db, operation_id).next.action == "settled"


def test_an_ended_operation_tells_how_and_whether_reported(db: Database) -> None:
    failed = make(db, State.FAILED)
    ended = only_reason(db, failed)
    assert ended.code == "ended"
    assert ended.data == {"state": State.FAILED, "at": MOMENT, "code": "refused", "remote_id": None}
    assert [note.code for note in explained(db, failed).notes] == ["untold"]
    assert explained(db, failed).next.action == "nothing"
    assert explained(db, make(db, State.CANCELLED, reported_at=MOMENT)).notes == ()


def test_the_operations_before_it_are_counted(db: Database) -> None:
    for minutes in (3, 2, 1):
        make(db, next_attempt_at=MOMENT - timedelta(minutes=minutes))
    waiting = make(db, next_attempt_at=MOMENT)
    make(db, next_attempt_at=MOMENT)
    (behind,) = (reason for reason in explained(db, waiting).reasons if reason.code == "behind")
    assert behind.data == {"count": 3}


OFFERED = {
    State.PENDING: ["cancel {}"],
    State.RETRYABLE: ["cancel {}"],
    State.IN_FLIGHT: ["cancel {}"],
    State.IN_DOUBT: ["resolve {} --delivered", "resolve {} --send-again", "resolve {} --give-up"],
    State.SUCCEEDED: [],
    State.FAILED: ["resolve {} --delivered", "requeue {}"],
    State.CANCELLED: ["requeue {}"],
    State.EXPIRED: ["requeue {} --expires never"],
}
WISHES: dict[str, Wish] = {
    "cancel {}": Cancel(),
    "resolve {} --delivered": Delivered(),
    "resolve {} --send-again": SendAgain(overrules=True),
    "resolve {} --send-again --expires never": SendAgain(Expiry(never=True), overrules=True),
    "resolve {} --give-up": GiveUp(),
    "requeue {}": Requeue(),
    "requeue {} --expires never": Requeue(Expiry(never=True)),
}


def without_reason(command: Command) -> str:
    """Give the command without the reason that a decision asks for."""
    return re.sub(r' --reason "[^"]+"', "", command.command)


@pytest.mark.parametrize("state", list(State))
def test_the_available_commands_are_exact(db: Database, state: State) -> None:
    operation_id = make(db, state)
    commands = [without_reason(command) for command in explained(db, operation_id).commands]
    assert commands == [f"vitec-sync {offered.format(operation_id)}" for offered in OFFERED[state]]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "overrides",
    [{"expires_at": MOMENT}, {"accepted": True}, {"cancel_asked": True}, {"payload": None}, {"needs_person": True}],
    ids=str,
)
def test_every_command_that_is_offered_is_accepted(db: Database, state: State, overrides: dict[str, Any]) -> None:
    operation_id = make(db, state, **overrides)
    commands = explained(db, operation_id).commands
    offered = [without_reason(command) for command in commands]
    for arguments, wish in WISHES.items():
        command = f"vitec-sync {arguments.format(operation_id)}"
        if command in offered:
            # As the command itself: with the reason that stands in it, if one does.
            has_reason = "--reason" in commands[[*map(without_reason, commands)].index(command)].command
            decider = Decider("anna", "looked in the portal" if has_reason else None)
            assert reconciling.carry_out(db, [make(db, state, **overrides)], wish, decider).carried_out
            offered.remove(command)
    assert offered == []
