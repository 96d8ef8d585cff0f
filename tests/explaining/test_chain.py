"""The chain of reasons: in the order in which they must fall away, through parents, without going round in circles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from models import Attempt, Event, Scope, State
from models import Reason as Because
from tests import factory
from tests.explaining.obstacles import LIMITS
from tests.factory import MOMENT
from worker import reconciling
from worker.explaining import Deed, Explanation, explain, reasons
from worker.outbox import Database
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.views.explain import DEEP
from worker.reconciling import Cancel, Decider, Delivered, Expiry, GiveUp, Requeue, SendAgain

if TYPE_CHECKING:
    from worker.outbox import FixedClock
    from worker.reconciling import Wish

LATER = MOMENT + timedelta(hours=1)


def make(db: Database, state: State = State.PENDING, **overrides: Any) -> int:
    with db.write() as connection:
        return factory.make_operation(connection, state, **overrides)


def told(db: Database, operation_id: int) -> Explanation:
    explanation = explain(db, operation_id, LIMITS)
    assert explanation is not None
    return explanation


def after(kind: str, source_id: str) -> dict[str, Any]:
    return {"after_kind": kind, "after_source_id": source_id}


def test_there_may_be_no_such_operation(db: Database) -> None:
    assert explain(db, 4711, LIMITS) is None


def test_reasons_stand_in_the_order_in_which_they_fall_away(db: Database) -> None:
    with db.write() as connection:
        factory.make_hold(connection, Scope.LANE, reason=Because.PAUSED, until=None, by="anna", note="moving")
        factory.make_hold(connection, Scope.ENVIRONMENT, reason=Because.UNAVAILABLE)
    made = make(db, next_attempt_at=LATER, **after("appointment", "nobody"))
    closed = Database(db.engine, db.clock, SendingHours.of({"comeback": "12:00-20:00"}))
    given = told(closed, made).reasons
    assert [type(one) for one in given] == [
        reasons.Held,
        reasons.Held,
        reasons.OutsideHours,
        reasons.WaitsFor,
        reasons.NotBefore,
    ]
    environment, lane = given[:2]
    assert isinstance(environment, reasons.Held)
    assert isinstance(lane, reasons.Held)
    assert (environment.scope, lane.scope) == (Scope.ENVIRONMENT, Scope.LANE)
    assert (lane.because, lane.until, lane.by, lane.note) == (Because.PAUSED, None, "anna", "moving")
    assert (told(closed, made).next.deed, told(closed, made).next.at) == (Deed.SENT, None)


def test_the_reasons_of_parents_are_told_all_the_way_up(db: Database) -> None:
    doubt = make(db, State.IN_DOUBT, kind="appointment", source_id="A")
    parent = make(db, source_id="B", **after("appointment", "A"))
    child = make(db, kind="notification", source_id="C", **after("comeback", "B"))
    (first,) = told(db, child).reasons
    assert isinstance(first, reasons.WaitsFor)
    assert (first.id, first.state) == (parent, State.PENDING)
    (second,) = first.reasons
    assert isinstance(second, reasons.WaitsFor)
    assert second.id == doubt
    assert second.reasons == (reasons.NeedsPerson(doubt, State.IN_DOUBT, MOMENT, "unanswered", None),)


def test_what_keeps_parent_and_child_is_said_once(db: Database) -> None:
    make(db, source_id="B")
    child = make(db, **after("comeback", "B"))
    with db.write() as connection:
        factory.make_hold(connection, Scope.ENVIRONMENT)
    held, waits = told(db, child).reasons
    assert isinstance(held, reasons.Held)
    assert isinstance(waits, reasons.WaitsFor)
    assert waits.reasons == ()


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_is_told_and_not_followed_for_ever(db: Database, length: int) -> None:
    ids = [make(db, source_id=f"{n}", **after("comeback", f"{(n + 1) % length}")) for n in range(length)]
    (reason,) = told(db, ids[0]).reasons
    for n in range(1, length):
        assert isinstance(reason, reasons.WaitsFor)
        assert reason.id == ids[n]
        (reason,) = reason.reasons
    assert reason == reasons.Circle("comeback", "0")


def test_a_very_long_line_of_parents_is_told_as_far_as_it_helps(db: Database) -> None:
    ids = [make(db, source_id=f"{n}", **after("comeback", f"{n + 1}")) for n in range(DEEP + 5)]
    links, depth = told(db, ids[0]).reasons, 0
    while links:
        (link,) = links
        assert isinstance(link, reasons.WaitsFor)
        links, depth, last = link.reasons, depth + 1, link.id
        assert last == ids[depth]
    assert depth == DEEP + 1


def test_an_end_in_vain_hides_whatever_else_there_is(db: Database) -> None:
    parent = make(db, State.FAILED, source_id="F")
    late = make(db, expires_at=MOMENT, next_attempt_at=LATER)
    orphan = make(db, next_attempt_at=LATER, **after("comeback", "F"))
    assert told(db, late).reasons == (reasons.TooLate(MOMENT),)
    assert told(db, late).next.deed is Deed.EXPIRED
    assert told(db, orphan).reasons == (reasons.ParentEnded("comeback", "F", parent, State.FAILED),)
    assert told(db, orphan).next.deed is Deed.FAILED


def test_a_failure_and_a_wish_of_the_crm_are_different_waits(db: Database) -> None:
    tried = make(db, State.RETRYABLE, failures=3)
    wished = make(db, next_attempt_at=LATER, send_after=LATER)
    until = MOMENT + timedelta(seconds=30)
    assert told(db, tried).reasons == (reasons.AfterFailure(3, 12, "unreachable", until),)
    assert told(db, tried).next.at == until
    assert told(db, wished).reasons == (reasons.NotBefore(LATER),)


def test_what_expires_before_it_could_be_sent_says_so(db: Database) -> None:
    early = make(db, next_attempt_at=LATER, expires_at=LATER - timedelta(minutes=1))
    explanation = told(db, early)
    assert (explanation.next.deed, explanation.next.at) == (Deed.EXPIRED, LATER - timedelta(minutes=1))
    assert reasons.Expires(LATER - timedelta(minutes=1)) in explanation.notes


def test_a_time_outside_the_hours_moves_to_the_next_opening(db: Database) -> None:
    # It is ten o'clock in Stockholm, and until eleven it may be sent.
    limited = Database(db.engine, db.clock, SendingHours.of({"comeback": "09:00-11:00"}))
    made = make(db, next_attempt_at=MOMENT + timedelta(hours=2))
    assert told(limited, made).next.at == MOMENT + timedelta(hours=23)


def test_a_doubt_tells_what_was_found_and_what_stands_beside_it(db: Database) -> None:
    common = {"kind": "comeback", "match_key": "ADR1 2026-12-11", "needs_person": False}
    other = make(db, State.IN_DOUBT, **common)
    made = make(db, State.IN_DOUBT, look_ups=1, absent_since=MOMENT, next_attempt_at=LATER, **common)
    with db.write() as connection:
        entry = {"operation_id": made, "attempt": 1, "event": Event.LOOKED_UP, "at": MOMENT, "code": "absent"}
        connection.execute(insert(Attempt).values(entry))
    explanation = told(db, made)
    doubt, alike = explanation.reasons
    assert doubt == reasons.Doubt(MOMENT, "unanswered", False, 1, 1, None, LATER)
    assert alike == reasons.Alike((other,))
    assert (explanation.next.deed, explanation.next.at) == (Deed.LOOKED_UP, LATER)


def test_in_flight_tells_who_sends_it_and_whether_he_still_lives(db: Database, clock: FixedClock) -> None:
    made = make(db, State.IN_FLIGHT, cancel_asked=True, revision={"payload": {}})
    until = MOMENT + timedelta(seconds=45)
    explanation = told(db, made)
    assert explanation.reasons == (reasons.UnderWay(MOMENT, 1, factory.WORKER, until),)
    assert (explanation.next.deed, explanation.next.at) == (Deed.ANSWERED, until)
    assert explanation.notes == (reasons.NewContent(), reasons.CancelAsked())
    clock.advance(45)
    assert told(db, made).reasons == (reasons.WorkerGone(MOMENT, 1),)
    assert told(db, made).next.deed is Deed.SETTLED


def test_what_has_ended_says_how_and_whether_the_crm_knows(db: Database) -> None:
    made = make(db, State.FAILED)
    assert told(db, made).reasons == (reasons.Ended(State.FAILED, MOMENT, "refused", None),)
    assert told(db, made).notes == (reasons.Untold(),)
    assert told(db, make(db, State.CANCELLED, reported_at=MOMENT)).notes == ()
    assert told(db, made).next.deed is Deed.NOTHING


def test_those_before_it_are_counted(db: Database) -> None:
    for minutes in (3, 2, 1):
        make(db, next_attempt_at=MOMENT - timedelta(minutes=minutes))
    made = make(db, next_attempt_at=MOMENT)
    make(db, next_attempt_at=MOMENT)
    assert reasons.Behind(3) in told(db, made).reasons


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
    "resolve {} --send-again": SendAgain(),
    "resolve {} --send-again --expires never": SendAgain(Expiry(never=True)),
    "resolve {} --give-up": GiveUp(),
    "requeue {}": Requeue(),
    "requeue {} --expires never": Requeue(Expiry(never=True)),
}


@pytest.mark.parametrize("state", list(State))
def test_who_can_change_it_is_told_by_the_exact_commands(db: Database, state: State) -> None:
    made = make(db, state)
    commands = [one.command for one in told(db, made).commands]
    assert commands == [f"vitec-sync {one.format(made)}" for one in OFFERED[state]]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "overrides",
    [{"expires_at": MOMENT}, {"accepted": True}, {"cancel_asked": True}, {"payload": None}, {"needs_person": True}],
    ids=str,
)
def test_every_command_that_is_offered_is_accepted(db: Database, state: State, overrides: dict[str, Any]) -> None:
    made = make(db, state, **overrides)
    offered = [one.command for one in told(db, made).commands]
    for word, wish in WISHES.items():
        again = make(db, state, **overrides)
        if f"vitec-sync {word.format(made)}" in offered:
            assert reconciling.carry_out(db, [again], wish, Decider("anna")).done
            offered.remove(f"vitec-sync {word.format(made)}")
    assert offered == []
