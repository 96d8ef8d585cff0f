"""Corrections of a person's own settlement: its history stays, and nothing that may have been done is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models import State
from tests import factory
from tests.test_reconciling import clock, db, decide, made, row, why
from worker.outbox.revisions.content import Content
from worker.reconciling import Delivered, GiveUp, Requeue, SendAgain

if TYPE_CHECKING:
    from worker.outbox import Database

__all__ = ["clock", "db"]


def doubtful(db: Database, **overrides: Any) -> int:
    """Make an operation in doubt of a kind that no look-up clears."""
    return made(db, State.IN_DOUBT, **overrides)


def test_delivered_keeps_the_new_content_that_came_too_late(db: Database) -> None:
    new = Content({"customer_id": "M30001"}, "f" * 64, None, None, None, None, None, None, 7)
    id_ = doubtful(db, revision=new.as_revision())
    decide(db, id_, Delivered())
    after = row(db, id_)
    assert after.error_code == "sent_before_change"
    assert after.needs_person is True
    assert after.revision == new.as_revision()
    decide(db, id_, Delivered())
    assert (row(db, id_).error_code, row(db, id_).revision) == (None, None)


def test_a_person_s_wrong_id_is_replaced(db: Database) -> None:
    id_ = doubtful(db)
    decide(db, id_, Delivered("CAL1"))
    assert decide(db, id_, Delivered("CAL2")).carried_out
    after = row(db, id_)
    assert after.remote_id == "CAL2"
    assert after.reported_at is None
    with db.read() as connection:
        assert [entry.remote_id for entry in factory.history(connection, id_)][-2:] == ["CAL1", "CAL2"]


def test_a_person_s_delivered_is_taken_back_and_never_sent(db: Database) -> None:
    id_ = doubtful(db)
    decide(db, id_, Delivered("CAL1"))
    assert decide(db, id_, GiveUp()).carried_out
    after = row(db, id_)
    assert after.state is State.CANCELLED
    assert after.remote_id is None
    assert "A person has said that it is there" in why(decide(db, id_, Requeue()))
    assert decide(db, doubtful(db), Delivered("CAL1")).carried_out


def test_vitecs_own_success_is_not_taken_back(db: Database) -> None:
    id_ = doubtful(db, history=False)
    with db.write() as connection:
        factory.make_attempt(connection, id_, http_status=201)
    decide(db, id_, Delivered())
    assert "not in doubt" in why(decide(db, id_, GiveUp()))


def test_given_up_by_mistake_is_delivered_after_all(db: Database) -> None:
    id_ = doubtful(db)
    decide(db, id_, GiveUp())
    assert decide(db, id_, Delivered("CAL1")).carried_out
    assert row(db, id_).state is State.SUCCEEDED


def test_send_again_is_corrected_only_until_it_is_claimed(db: Database) -> None:
    id_ = doubtful(db)
    decide(db, id_, SendAgain())
    assert decide(db, id_, Delivered()).carried_out
    sent = made(db, State.RETRYABLE)
    assert "not in doubt" in why(decide(db, sent, Delivered()))
