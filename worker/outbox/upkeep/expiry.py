"""Ends waiting operations that will not be sent: too late, or the operation they come after has ended without success."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update
from sqlalchemy.orm import InstrumentedAttribute, aliased

from models import Event, Operation, State
from worker.outbox import moves
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time_once, pick_unlocked, without_index
from worker.outbox.history import insert_entries
from worker.outbox.predicates import awaiting_parent, is_parent, waiting

BATCH = 500
"""Rows per transaction, so that no lock lasts."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """Which of the waiting operations end, in which order they are picked, and by which move."""

    condition: ColumnElement[bool]
    order: tuple[InstrumentedAttribute[Any], ...]
    columns: moves.Columns


def expire_overdue(db: Database) -> int:
    """End waiting operations that are too late. Returns how many."""
    # In the index's own order, since any other lets the database walk the whole table for the first few that match.
    run_out = and_(Operation.expires_at.is_not(None), Operation.expires_at <= current_time_once)
    return _end_all(db, _Ending(run_out, (Operation.expires_at,), moves.expired()))


def fail_orphans(db: Database) -> int:
    """End waiting operations after a parent that has ended without success. Returns how many."""
    parent = aliased(Operation, name="parent")
    is_own_parent = is_parent(parent, Operation.feed, Operation.after_kind, Operation.after_source_id)
    # Each child asks for its parent by the unique key: a join would be planned as a scan of all operations.
    state = select(parent.state).where(is_own_parent).correlate(Operation).scalar_subquery()
    ended = and_(awaiting_parent, state.in_([State.FAILED, State.CANCELLED, State.EXPIRED]))
    order = (Operation.feed, Operation.after_kind, Operation.after_source_id)
    return _end_all(db, _Ending(ended, order, moves.orphaned()))


def _end_all(db: Database, ending: _Ending) -> int:
    total = 0
    while True:
        with db.write() as connection:
            count = _end_some(connection, ending)
        total += count
        if count < BATCH:
            return total


def _end_some(connection: Connection, ending: _Ending) -> int:
    chosen = select(Operation.id).where(waiting, ending.condition).order_by(*ending.order).limit(BATCH)
    ended = (
        connection.execute(
            update(Operation)
            .where(Operation.id.in_(pick_unlocked(chosen)), without_index(waiting))
            .values(ending.columns)
            .returning(Operation.id)
            .execution_options(synchronize_session=False)
        )
        .scalars()
        .all()
    )
    if ended:
        entry = {"outcome": ending.columns["state"].value, "code": ending.columns["error_code"]}
        connection.execute(insert_entries(ended, event=Event.CLOSED, **entry))
    return len(ended)
