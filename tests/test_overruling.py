"""A person who has looked at Vitec outweighs its answer: with a reason, by name, and never a filter or the CRM alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models import State
from tests import factory
from tests.factory import MOMENT
from tests.outbox.steps import REFUSAL, SUCCESS, begin, claim, done, settle
from tests.test_reconciling import clock, db, decide, made, row, why
from worker import reconciling
from worker.reconciling import Decider, GiveUp, Requeue, SendAgain, Wish

if TYPE_CHECKING:
    from worker.decide import Settlement
    from worker.outbox import Database

__all__ = ["clock", "db"]


def accepted(db: Database) -> int:
    return made(db, State.IN_DOUBT, accepted=True, acted_at=MOMENT, error_code="unreadable_answer")


def delivered(db: Database) -> int:
    """Vitec's own answer said so."""
    id_ = made(db, State.SUCCEEDED, history=False)
    with db.write() as connection:
        factory.make_attempt(connection, id_, http_status=200)
    return id_


def send(db: Database, settlement: Settlement) -> None:
    with db.write() as connection:
        factory.make_environment(connection)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, settlement)])


def test_an_accepted_operation_is_sent_again(db: Database) -> None:
    id_ = accepted(db)
    assert decide(db, id_, SendAgain(overrules=True)).carried_out
    after = row(db, id_)
    assert (after.state, after.accepted) == (State.RETRYABLE, False)
    assert after.acted_at is None


@pytest.mark.parametrize(("settlement", "state"), [(REFUSAL, State.FAILED), (SUCCESS, State.SUCCEEDED)])
def test_the_old_evidence_decides_nothing_more(db: Database, settlement: Settlement, state: State) -> None:
    id_ = accepted(db)
    decide(db, id_, SendAgain(overrules=True))
    send(db, settlement)
    after = row(db, id_)
    assert after.state is state
    assert after.needs_person is False
    assert after.error_code == settlement.code


def test_a_success_is_taken_back_and_requeued(db: Database) -> None:
    id_ = delivered(db)
    assert decide(db, id_, GiveUp(overrules=True)).carried_out
    assert row(db, id_).state is State.CANCELLED
    assert "not sent again by itself" in why(decide(db, id_, Requeue()))
    assert decide(db, id_, Requeue(overrules=True)).carried_out
    after = row(db, id_)
    assert (after.state, after.remote_id) == (State.PENDING, None)


def test_its_next_success_has_the_new_id(db: Database) -> None:
    id_ = delivered(db)
    decide(db, id_, GiveUp(overrules=True))
    decide(db, id_, Requeue(overrules=True))
    send(db, SUCCESS)
    after = row(db, id_)
    assert (after.remote_id, after.error_code) == ("R1", None)


@pytest.mark.parametrize("wish", [SendAgain(overrules=True), Requeue(overrules=True), GiveUp(overrules=True)])
def test_without_a_reason_nothing_is_overruled(db: Database, wish: Wish) -> None:
    match wish:
        case SendAgain():
            id_ = accepted(db)
        case GiveUp():
            id_ = delivered(db)
        case _:
            id_ = made(db, State.FAILED, acted_at=MOMENT)
    report = reconciling.carry_out(db, [id_], wish, Decider("anna"))
    assert report.carried_out == ()
    assert row(db, id_).acted_at is not None


def test_the_decision_stands_in_the_history(db: Database) -> None:
    id_ = accepted(db)
    decide(db, id_, SendAgain(overrules=True))
    with db.read() as connection:
        entry = factory.history(connection, id_)[-1]
    assert (entry.code, entry.by) == ("send_again", "anna")
    assert entry.detail == "looked in the portal"


@pytest.mark.parametrize(("wish", "state"), [(Requeue(), State.FAILED), (SendAgain(), State.IN_DOUBT)])
def test_an_overtaken_operation_is_not_sent_after_the_later(db: Database, wish: Wish, state: State) -> None:
    id_ = made(db, state, kind="order_status", sequence_key="order/1")
    made(db, State.SUCCEEDED, kind="order_status", sequence_key="order/1")
    assert "would undo that one" in why(decide(db, id_, wish))
    assert row(db, id_).state is state


def test_a_later_failure_overtakes_nothing(db: Database) -> None:
    id_ = made(db, State.FAILED, kind="order_status", sequence_key="order/1")
    made(db, State.FAILED, kind="order_status", sequence_key="order/1")
    assert decide(db, id_, Requeue()).carried_out
