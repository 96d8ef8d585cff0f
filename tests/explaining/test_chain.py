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
from worker.explaining import Deed, Explanation, explain
from worker.explaining import reasons as why
from worker.outbox import Outbox
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.views.explain import DEEP
from worker.reconciling import Cancel, Delivered, Expiry, GiveUp, Requeue, SendAgain, Who

if TYPE_CHECKING:
    from worker.outbox import FixedClock
    from worker.reconciling import Wish

LATER = MOMENT + timedelta(hours=1)


def make(box: Outbox, state: State = State.PENDING, **overrides: Any) -> int:
    with box.write() as connection:
        return factory.make_operation(connection, state, **overrides)


def told(box: Outbox, operation_id: int) -> Explanation:
    explanation = explain(box, operation_id, LIMITS)
    assert explanation is not None
    return explanation


def after(kind: str, source_id: str) -> dict[str, Any]:
    return {"after_kind": kind, "after_source_id": source_id}


def test_there_may_be_no_such_operation(box: Outbox) -> None:
    assert explain(box, 4711, LIMITS) is None


def test_reasons_stand_in_the_order_in_which_they_fall_away(box: Outbox) -> None:
    with box.write() as connection:
        factory.make_hold(connection, Scope.LANE, reason=Because.PAUSED, until=None, by="anna", note="moving")
        factory.make_hold(connection, Scope.ENVIRONMENT, reason=Because.UNAVAILABLE)
    made = make(box, next_attempt_at=LATER, **after("appointment", "nobody"))
    closed = Outbox(box.engine, box.clock, SendingHours.of({"comeback": "12:00-20:00"}))
    reasons = told(closed, made).reasons
    assert [type(one) for one in reasons] == [why.Held, why.Held, why.OutsideHours, why.WaitsFor, why.NotBefore]
    environment, lane = reasons[:2]
    assert isinstance(environment, why.Held)
    assert isinstance(lane, why.Held)
    assert (environment.scope, lane.scope) == (Scope.ENVIRONMENT, Scope.LANE)
    assert (lane.because, lane.until, lane.by, lane.note) == (Because.PAUSED, None, "anna", "moving")
    assert (told(closed, made).next.deed, told(closed, made).next.at) == (Deed.SENT, None)


def test_the_reasons_of_parents_are_told_all_the_way_up(box: Outbox) -> None:
    doubt = make(box, State.IN_DOUBT, kind="appointment", source_id="A")
    parent = make(box, source_id="B", **after("appointment", "A"))
    child = make(box, kind="notification", source_id="C", **after("comeback", "B"))
    (first,) = told(box, child).reasons
    assert isinstance(first, why.WaitsFor)
    assert (first.id, first.state) == (parent, State.PENDING)
    (second,) = first.reasons
    assert isinstance(second, why.WaitsFor)
    assert second.id == doubt
    assert second.reasons == (why.NeedsPerson(doubt, State.IN_DOUBT, MOMENT, "unanswered", None),)


def test_what_keeps_parent_and_child_is_said_once(box: Outbox) -> None:
    make(box, source_id="B")
    child = make(box, **after("comeback", "B"))
    with box.write() as connection:
        factory.make_hold(connection, Scope.ENVIRONMENT)
    held, waits = told(box, child).reasons
    assert isinstance(held, why.Held)
    assert isinstance(waits, why.WaitsFor)
    assert waits.reasons == ()


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_is_told_and_not_followed_for_ever(box: Outbox, length: int) -> None:
    ids = [make(box, source_id=f"{n}", **after("comeback", f"{(n + 1) % length}")) for n in range(length)]
    (reason,) = told(box, ids[0]).reasons
    for n in range(1, length):
        assert isinstance(reason, why.WaitsFor)
        assert reason.id == ids[n]
        (reason,) = reason.reasons
    assert reason == why.Circle("comeback", "0")


def test_a_very_long_line_of_parents_is_told_as_far_as_it_helps(box: Outbox) -> None:
    ids = [make(box, source_id=f"{n}", **after("comeback", f"{n + 1}")) for n in range(DEEP + 5)]
    reasons, depth = told(box, ids[0]).reasons, 0
    while reasons:
        (one,) = reasons
        assert isinstance(one, why.WaitsFor)
        reasons, depth, last = one.reasons, depth + 1, one.id
        assert last == ids[depth]
    assert depth == DEEP + 1


def test_an_end_in_vain_hides_whatever_else_there_is(box: Outbox) -> None:
    parent = make(box, State.FAILED, source_id="F")
    late = make(box, expires_at=MOMENT, next_attempt_at=LATER)
    orphan = make(box, next_attempt_at=LATER, **after("comeback", "F"))
    assert told(box, late).reasons == (why.TooLate(MOMENT),)
    assert told(box, late).next.deed is Deed.EXPIRED
    assert told(box, orphan).reasons == (why.ParentEnded("comeback", "F", parent, State.FAILED),)
    assert told(box, orphan).next.deed is Deed.FAILED


def test_a_failure_and_a_wish_of_the_crm_are_different_waits(box: Outbox) -> None:
    tried = make(box, State.RETRYABLE, failures=3)
    wished = make(box, next_attempt_at=LATER, send_after=LATER)
    until = MOMENT + timedelta(seconds=30)
    assert told(box, tried).reasons == (why.AfterFailure(3, 12, "unreachable", until),)
    assert told(box, tried).next.at == until
    assert told(box, wished).reasons == (why.NotBefore(LATER),)


def test_what_expires_before_it_could_be_sent_says_so(box: Outbox) -> None:
    early = make(box, next_attempt_at=LATER, expires_at=LATER - timedelta(minutes=1))
    explanation = told(box, early)
    assert (explanation.next.deed, explanation.next.at) == (Deed.EXPIRED, LATER - timedelta(minutes=1))
    assert why.Expires(LATER - timedelta(minutes=1)) in explanation.notes


def test_a_time_outside_the_hours_moves_to_the_next_opening(box: Outbox) -> None:
    # It is ten o'clock in Stockholm, and until eleven it may be sent.
    limited = Outbox(box.engine, box.clock, SendingHours.of({"comeback": "09:00-11:00"}))
    made = make(box, next_attempt_at=MOMENT + timedelta(hours=2))
    assert told(limited, made).next.at == MOMENT + timedelta(hours=23)


def test_a_doubt_tells_what_was_found_and_what_stands_beside_it(box: Outbox) -> None:
    common = {"kind": "comeback", "match_key": "ADR1 2026-12-11", "needs_person": False}
    other = make(box, State.IN_DOUBT, **common)
    made = make(box, State.IN_DOUBT, look_ups=1, absent_since=MOMENT, next_attempt_at=LATER, **common)
    with box.write() as connection:
        entry = {"operation_id": made, "attempt": 1, "event": Event.LOOKED_UP, "at": MOMENT, "code": "absent"}
        connection.execute(insert(Attempt).values(entry))
    explanation = told(box, made)
    doubt, alike = explanation.reasons
    assert doubt == why.Doubt(MOMENT, "unanswered", False, 1, 1, None, LATER)
    assert alike == why.Alike((other,))
    assert (explanation.next.deed, explanation.next.at) == (Deed.LOOKED_UP, LATER)


def test_in_flight_tells_who_sends_it_and_whether_he_still_lives(box: Outbox, clock: FixedClock) -> None:
    made = make(box, State.IN_FLIGHT, cancel_asked=True, revision={"payload": {}})
    until = MOMENT + timedelta(seconds=45)
    explanation = told(box, made)
    assert explanation.reasons == (why.UnderWay(MOMENT, 1, factory.WORKER, until),)
    assert (explanation.next.deed, explanation.next.at) == (Deed.ANSWERED, until)
    assert explanation.notes == (why.NewContent(), why.CancelAsked())
    clock.advance(45)
    assert told(box, made).reasons == (why.WorkerGone(MOMENT, 1),)
    assert told(box, made).next.deed is Deed.SETTLED


def test_what_has_ended_says_how_and_whether_the_crm_knows(box: Outbox) -> None:
    made = make(box, State.FAILED)
    assert told(box, made).reasons == (why.Ended(State.FAILED, MOMENT, "refused", None),)
    assert told(box, made).notes == (why.Untold(),)
    assert told(box, make(box, State.CANCELLED, reported_at=MOMENT)).notes == ()
    assert told(box, made).next.deed is Deed.NOTHING


def test_those_before_it_are_counted(box: Outbox) -> None:
    for minutes in (3, 2, 1):
        make(box, next_attempt_at=MOMENT - timedelta(minutes=minutes))
    made = make(box, next_attempt_at=MOMENT)
    make(box, next_attempt_at=MOMENT)
    assert why.Behind(3) in told(box, made).reasons


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
def test_who_can_change_it_is_told_by_the_exact_commands(box: Outbox, state: State) -> None:
    made = make(box, state)
    commands = [one.command for one in told(box, made).commands]
    assert commands == [f"vitec-sync {one.format(made)}" for one in OFFERED[state]]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "overrides",
    [{"expires_at": MOMENT}, {"accepted": True}, {"cancel_asked": True}, {"payload": None}, {"needs_person": True}],
    ids=str,
)
def test_every_command_that_is_offered_is_accepted(box: Outbox, state: State, overrides: dict[str, Any]) -> None:
    made = make(box, state, **overrides)
    offered = [one.command for one in told(box, made).commands]
    for word, wish in WISHES.items():
        again = make(box, state, **overrides)
        if f"vitec-sync {word.format(made)}" in offered:
            assert reconciling.decide(box, [again], wish, Who("anna")).done
            offered.remove(f"vitec-sync {word.format(made)}")
    assert offered == []
