"""New content that waited for a verdict takes effect with it, or comes too late."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models import THE_CRM, Event, Operation, RejectedRow, State
from tests import factory
from tests.outbox.exported import ENDED, UNDECIDED, WAITING, a_file, last_entry, made, operation, record, row
from worker.outbox.revisions.apply import apply_revisions

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.outbox import Database


def settle(db: Database, id_: int, state: State, **values: Any) -> None:
    """Move a row as a settlement does, and let what waited take effect in the same transaction."""
    ended = {"finalized_at": factory.MOMENT} if state not in {*WAITING, State.IN_DOUBT} else {}
    with db.write() as connection:
        free = {"state": state, "claimed_by": None, "claimed_at": None, **ended, **values}
        connection.execute(update(Operation).where(Operation.id == id_).values(free))
        apply_revisions(connection, [id_])


@pytest.mark.parametrize("state", UNDECIDED)
def test_new_content_replaces_content_without_effect(db: Database, state: State, clock: FixedClock) -> None:
    id_ = made(db, state)
    record(db, row(expires_after=3600.0))
    taken_in = clock.moment
    clock.advance(600)
    due = clock.moment + timedelta(seconds=30)
    settle(db, id_, State.RETRYABLE, next_attempt_at=due, failures=1)
    after = operation(db, id_)
    assert after.state is State.RETRYABLE
    assert after.payload["note"] == "new"
    assert after.revision is None
    assert after.payload_hash == "hash of new"
    assert after.match_key == "key of new"
    assert after.line == 5
    assert (after.next_attempt_at, after.failures) == (due, 1)
    assert after.expires_at == taken_in + timedelta(hours=1)


@pytest.mark.parametrize("state", ENDED)
def test_after_an_end_without_success_new_content_starts_over(db: Database, state: State) -> None:
    id_ = made(db, State.IN_FLIGHT)
    record(db, row())
    settle(db, id_, state, failures=12, error_code="exhausted")
    after = operation(db, id_)
    assert after.state is State.PENDING
    assert after.failures == 0
    assert after.finalized_at is None
    assert after.error_code is None
    assert after.payload["note"] == "new"
    assert after.revision is None
    assert after.attempt == 1
    assert last_entry(db, id_) == (Event.DECIDED, "pending", "new_content", THE_CRM, 1)


def test_after_success_new_content_is_rejected(db: Database) -> None:
    id_ = made(db, State.IN_DOUBT)
    record(db, row(), file=(file := a_file(db)))
    settle(db, id_, State.SUCCEEDED)
    after = operation(db, id_)
    assert after.state is State.SUCCEEDED
    assert after.revision is None
    assert after.payload_hash == "hash of old"
    with db.read() as connection:
        (rejection,) = connection.execute(select(RejectedRow.__table__)).all()
    assert rejection.feed_file_id == file
    assert rejection.line == 5
    assert rejection.code == "already_sent"
    assert rejection.source_id == "C-1"
    assert rejection.reported_at is None


def test_a_programs_late_content_stands_in_the_history(db: Database) -> None:
    id_ = made(db, State.IN_DOUBT)
    record(db, row())
    settle(db, id_, State.SUCCEEDED)
    assert operation(db, id_).revision is None
    assert last_entry(db, id_)[:4] == (Event.DECIDED, "succeeded", "already_sent", THE_CRM)


def test_new_content_waits_on_while_nothing_is_decided(db: Database) -> None:
    id_ = made(db, State.IN_FLIGHT)
    record(db, row())
    settle(db, id_, State.IN_DOUBT)
    assert operation(db, id_).revision is not None


def test_new_content_takes_effect_only_once(db: Database) -> None:
    id_ = made(db, State.IN_FLIGHT)
    record(db, row())
    settle(db, id_, State.RETRYABLE)
    before = operation(db, id_)
    with db.write() as connection:
        apply_revisions(connection, [id_])
    assert operation(db, id_) == before
