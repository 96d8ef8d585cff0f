"""What waits in vain is ended: too late, or the operation it comes after has ended without success."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, insert, literal, literal_column, select, update
from sqlalchemy.orm import aliased

from models import Attempt, Event, Operation, State
from worker.outbox.due import Now, waiting
from worker.outbox.store import Outbox

BATCH = 500
"""Rows per transaction, so that no lock lasts."""


def expire(box: Outbox) -> int:
    """End waiting operations whose time has run out. Returns how many."""
    now = box.clock.now()
    return _end_all(box, now, Operation.expires_at <= now, State.EXPIRED, "expired")


def orphan(box: Outbox) -> int:
    """End waiting operations whose parent has ended without success. Returns how many."""
    parent = aliased(Operation, name="parent")
    ended = exists().where(
        parent.feed == Operation.feed,
        parent.kind == Operation.after_kind,
        parent.source_id == Operation.after_source_id,
        parent.state.in_([State.FAILED, State.CANCELLED, State.EXPIRED]),
    )
    condition = and_(Operation.after_source_id.is_not(None), ended)
    return _end_all(box, box.clock.now(), condition, State.FAILED, "parent_failed")


def _end_all(box: Outbox, now: Now, condition: ColumnElement[bool], state: State, code: str) -> int:
    total = 0
    while True:
        with box.write() as connection:
            count = _end_some(connection, now, condition, state, code)
        total += count
        if count < BATCH:
            return total


def _end_some(connection: Connection, now: Now, condition: ColumnElement[bool], state: State, code: str) -> int:
    picked = (
        select(Operation.id)
        .where(waiting, condition)
        .order_by(Operation.id)
        .limit(BATCH)
        .with_for_update(key_share=True, skip_locked=True, of=Operation)
        .cte("picked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    ended = (
        connection.execute(
            update(Operation)
            .where(Operation.id.in_(select(picked.c.id)), waiting)
            .values(
                state=state, error_code=code, error_detail=None, finalized_at=now, reported_at=None, needs_person=False
            )
            .returning(Operation.id)
            .execution_options(synchronize_session=False)
        )
        .scalars()
        .all()
    )
    if ended:
        connection.execute(_entries(now, ended, state, code))
    return len(ended)


def _entries(now: Now, ids: Any, state: State, code: str) -> Any:
    picked = {
        "operation_id": Operation.id,
        "attempt": Operation.attempt,
        "event": literal_column(f"'{Event.CLOSED.value}'"),
        "at": now,
        "outcome": literal(state.value),
        "code": literal(code),
    }
    return insert(Attempt).from_select(
        list(picked), select(*picked.values()).where(Operation.id.in_(ids)), include_defaults=False
    )
