"""A login that is refused here and there is one cause, with one hold, one probe and one cure."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from models import HoldReason, Scope, State
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import SUCCESS, TERMS, claim, done, holds, make, wake_all
from worker.decide import Settlement
from worker.outbox import Database
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import logins, turns
from worker.outbox.lanes.turns import Turn
from worker.outbox.operators import pauses
from worker.outbox.operators.pauses import HoldScope
from worker.outcome import HoldWanted

REFUSED = Settlement(
    State.RETRYABLE,
    State.RETRYABLE,
    delay=1,
    code="unauthorized",
    hold=HoldWanted(Scope.GROUP, HoldReason.UNAUTHORIZED),
    cause="401: wrong login",
)
FORBIDDEN = replace(
    REFUSED, code="forbidden", hold=HoldWanted(Scope.GROUP, HoldReason.FORBIDDEN), cause="403: no right"
)
DEFAULT = HoldScope(Scope.LOGIN, login="default")


def take(db: Database, kind: str = "comeback") -> Turn:
    """Wake every lane and take the next turn of the kind, with the default login."""
    wake_all(db)
    turn = turns.take_turn(db, kind, lease=45, worker="here:1", login_of=lambda _customer, _group: "default")
    assert turn is not None
    return turn


def answer(db: Database, *settlements: Settlement, kind: str = "comeback") -> None:
    """Send one operation of the kind for each settlement, each in a turn of its own, and settle it so."""
    for settlement in settlements:
        turn = take(db, kind)
        (claimed,) = claim(db, turn, want=1).claimed
        exchange(db, turn, [done(claimed, settlement)], 0, TERMS)
        turns.end_turn(db, turn)


def make_for(db: Database, *customers: str, kind: str = "comeback") -> None:
    """Make two due operations of the kind for each customer."""
    for customer in customers:
        make(db, customer_id=customer, kind=kind), make(db, customer_id=customer, kind=kind)


def scopes(db: Database) -> list[tuple[Any, str]]:
    """Read the scope and the function group of each hold."""
    return [(hold.scope, hold.function_group) for hold in holds(db)]


def test_refusals_in_two_function_groups_hold_the_login(db: Database) -> None:
    make_for(db, "M1", "M2", "M3", "M4")
    make_for(db, "M1", kind="viewing_registration")
    answer(db, REFUSED, REFUSED)
    answer(db, REFUSED, kind="viewing_registration")
    assert scopes(db) == [(Scope.LOGIN, "")]
    assert (holds(db)[0].login, holds(db)[0].until) == ("default", MOMENT + timedelta(hours=1))
    assert turns.due_kinds(db) == {}


def test_refusals_in_one_function_group_hold_the_login_there(db: Database) -> None:
    make_for(db, "M1", "M2", "M3", "M4")
    make_for(db, "M1", kind="viewing_registration")
    answer(db, REFUSED, REFUSED, REFUSED)
    assert scopes(db) == [(Scope.LOGIN, "crm-contact")]
    assert turns.due_kinds(db) == {"viewing_registration": 1}


def test_a_good_answer_between_leaves_it_with_the_groups(db: Database) -> None:
    make_for(db, "M1", "M2", "M3", "M4", "M5")
    answer(db, REFUSED, REFUSED, SUCCESS, REFUSED, REFUSED)
    assert {scope for scope, _ in scopes(db)} == {Scope.GROUP}


def test_a_suspect_login_sends_one_at_a_time(db: Database) -> None:
    make_for(db, "M1", "M2", "M3")
    answer(db, REFUSED)
    second, third = take(db), take(db)
    assert len(claim(db, second).claimed) == 1
    assert claim(db, third).claimed == ()


def test_the_probe_of_a_login_decides_for_all(db: Database, clock: FixedClock) -> None:
    make_for(db, "M1", "M2", "M3", "M4")
    answer(db, REFUSED, REFUSED, REFUSED)
    clock.advance(3601)
    first, second = take(db), take(db)
    (probe,) = claim(db, first).claimed
    assert claim(db, second).claimed == ()
    exchange(db, first, [done(probe, SUCCESS)], 0, TERMS)
    assert holds(db) == []
    assert len(claim(db, second).claimed) == 2


def test_a_resume_begins_the_waits_anew(db: Database, clock: FixedClock) -> None:
    make_for(db, "M1", "M2", "M3", "M4")
    make_for(db, "M1", kind="viewing_registration")
    answer(db, REFUSED, REFUSED)
    answer(db, REFUSED, kind="viewing_registration")
    clock.advance(60)
    assert pauses.resume(db, [DEFAULT], HoldReason.UNAUTHORIZED) == [DEFAULT]
    answer(db, REFUSED)
    (hold,) = holds(db)
    assert (hold.strikes, hold.until) == (1, MOMENT + timedelta(seconds=60 + 3600))


def test_a_request_from_before_a_resume_renews_nothing(db: Database, clock: FixedClock) -> None:
    make_for(db, "M1")
    turn = take(db)
    first, second = claim(db, turn, want=2).claimed
    exchange(db, turn, [done(first, REFUSED)], 0, TERMS)
    clock.advance(5)
    pauses.resume(db, [HoldScope(Scope.GROUP, "M1", function_group="crm-contact")], HoldReason.UNAUTHORIZED)
    clock.advance(1)
    exchange(db, turn, [done(second, REFUSED)], 0, TERMS)
    (hold,) = holds(db)
    assert (hold.strikes, hold.until) == (0, MOMENT + timedelta(seconds=5))


def test_a_login_of_its_own_frees_a_customer(db: Database) -> None:
    make_for(db, "M1", "M2", "M3", "M4")
    answer(db, REFUSED, REFUSED, REFUSED)
    wake_all(db)
    assert turns.due_kinds(db) == {}
    assert logins.note_logins(db, lambda customer, _: "customers.M4" if customer == "M4" else "default") == 1
    assert turns.due_kinds(db) == {"comeback": 1}


def test_a_changed_login_is_tried_at_once_by_one(db: Database) -> None:
    make_for(db, "M1", "M2", "M3", "M4")
    answer(db, REFUSED, REFUSED, REFUSED)
    assert logins.try_changed_logins(db, {"customers.M1"}) == 0
    assert logins.try_changed_logins(db, {"default"}) == 1
    first, second = take(db), take(db)
    assert len(claim(db, first).claimed) == 1
    assert claim(db, second).claimed == ()


def refuse_in_three_groups(db: Database) -> None:
    """Let M1 be refused in each function group."""
    for kind in ("comeback", "viewing_registration", "order_token"):
        make_for(db, "M1", kind=kind)
        answer(db, REFUSED, kind=kind)


def test_one_customers_refusals_hold_no_login_of_others(db: Database) -> None:
    make_for(db, "M2")
    answer(db, SUCCESS)
    make_for(db, "M3")
    refuse_in_three_groups(db)
    assert {scope for scope, _ in scopes(db)} == {Scope.GROUP}
    answer(db, REFUSED)
    assert scopes(db) == [(Scope.LOGIN, "")]


def test_a_login_of_one_customer_is_held_as_a_whole(db: Database) -> None:
    refuse_in_three_groups(db)
    assert scopes(db) == [(Scope.LOGIN, "")]


FIVE = ("M1", "M2", "M3", "M4", "M5")


def test_five_customers_forbidden_in_a_row_hold_the_login(db: Database, clock: FixedClock) -> None:
    make_for(db, *FIVE, "M6", "M7")
    answer(db, *[FORBIDDEN] * 4)
    assert {scope for scope, _ in scopes(db)} == {Scope.GROUP}
    answer(db, FORBIDDEN)
    assert scopes(db) == [(Scope.LOGIN, "crm-contact")]
    assert turns.due_kinds(db) == {}
    clock.advance(3601)
    answer(db, FORBIDDEN)
    (hold,) = holds(db)
    assert (hold.reason, hold.strikes) == (HoldReason.FORBIDDEN, 2)


def test_forbidden_customers_between_good_ones_are_held_alone(db: Database) -> None:
    make_for(db, *FIVE, "M6", "M7", "M8")
    answer(db, *[FORBIDDEN] * 4, SUCCESS, *[FORBIDDEN] * 3)
    assert {scope for scope, _ in scopes(db)} == {Scope.GROUP}


def test_groups_of_few_customers_forbidden_hold_no_login(db: Database) -> None:
    for kind in ("comeback", "viewing_registration", "order_token"):
        make_for(db, "M1", "M2", "M3", "M4", kind=kind)
        answer(db, *[FORBIDDEN] * 4, kind=kind)
    assert {scope for scope, _ in scopes(db)} == {Scope.GROUP}


def test_another_refusal_of_a_held_login_counts_apart(db: Database, clock: FixedClock) -> None:
    make_for(db, *FIVE)
    answer(db, REFUSED, REFUSED, REFUSED)
    clock.advance(3601)
    answer(db, FORBIDDEN)
    assert [(hold.scope, hold.reason, hold.strikes) for hold in holds(db)] == [
        (Scope.LOGIN, HoldReason.UNAUTHORIZED, 1),
        (Scope.GROUP, HoldReason.FORBIDDEN, 1),
    ]
