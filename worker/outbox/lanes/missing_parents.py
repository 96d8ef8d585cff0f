"""Rows that wait in vain, for a parent that is not there or in a circle: nothing ends one, but the CRM is told of it once."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update
from sqlalchemy.orm import aliased

from models import Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, later
from worker.outbox.predicates import awaiting_parent, is_parent

MISSING, CIRCLE = "parent_missing", "parent_circle"
"""The codes of a row that waits in vain; they go when it does not any more."""

BATCH = 500
"""Rows per transaction, so that no lock lasts."""


def _parent_of(parent: type[Operation]) -> ColumnElement[bool]:
    return is_parent(parent, Operation.feed, Operation.after_kind, Operation.after_source_id)


_parent = aliased(Operation, name="parent")
# Each child asks for its parent by the unique key: a join would be planned as a scan of all operations.
_parent_is_there = select(_parent.id).where(_parent_of(_parent)).correlate(Operation).scalar_subquery().is_not(None)

waits_in_vain = and_(awaiting_parent, or_(~_parent_is_there, Operation.error_code == CIRCLE))
"""The operation waits for a parent that is not there, or is known to wait for itself in the end."""

without_parent_code = func.nullif(func.nullif(Operation.error_code, MISSING), CIRCLE)
"""The row's code, unless it says that the row waits in vain: for a row that is released, or gets another parent."""


def report_missing(db: Database, older_than: float) -> int:
    """Report rows in the results that have waited in vain for more than `older_than` seconds. Returns how many are new.

    Once a row's parent has come, it is no longer called missing. 0 seconds: nothing is ever reported.
    """
    if older_than <= 0:
        return 0
    with db.read() as connection:
        unreported = and_(
            awaiting_parent,
            Operation.created_at <= later(current_time, -older_than),
            func.coalesce(Operation.error_code, "").not_in((MISSING, CIRCLE)),
        )
        missing = connection.scalars(select(Operation.id).where(unreported, ~_parent_is_there)).all()
        no_longer_missing = (awaiting_parent, Operation.error_code == MISSING, _parent_is_there)
        resolved = connection.scalars(select(Operation.id).where(*no_longer_missing)).all()
        in_circle = find_cycles(_read_parents(connection, unreported))
    _set_code(db, resolved, None, expected=MISSING)
    return _set_code(db, missing, MISSING) + _set_code(db, in_circle, CIRCLE)


def _read_parents(connection: Connection, condition: ColumnElement[bool]) -> Mapping[int, int]:
    """Map each row of the condition to its parent, where the parent waits for another row in its turn."""
    waits_too = select(_parent.id).where(_parent_of(_parent), ~_parent.parent_done)
    pairs = select(Operation.id, waits_too.correlate(Operation).scalar_subquery().label("parent")).where(condition)
    return {row.id: row.parent for row in connection.execute(pairs) if row.parent is not None}


def find_cycles(parents: Mapping[int, int]) -> list[int]:
    """Find the ids that come after themselves in the end; `parents` has at most one parent for each."""
    in_cycle: set[int] = set()
    visited: set[int] = set()
    for start in parents:
        path: dict[int, None] = {}
        id_: int | None = start
        while id_ is not None and id_ not in visited:
            visited.add(id_)
            path[id_] = None
            id_ = parents.get(id_)
        if id_ in path:
            ids = list(path)
            in_cycle.update(ids[ids.index(id_) :])
    return sorted(in_cycle)


def _set_code(db: Database, ids: Collection[int], code: str | None, *, expected: str | None = None) -> int:
    """Give this code to those rows that still wait for a parent, with the code `expected` if there is one. Returns how many.

    A changed code is news to the CRM.
    """
    ordered = sorted(ids)
    total = 0
    for start in range(0, len(ordered), BATCH):
        in_batch = and_(Operation.id.in_(ordered[start : start + BATCH]), awaiting_parent)
        unchanged = in_batch if expected is None else and_(in_batch, Operation.error_code == expected)
        # A locked row is being changed or ended at this moment: it is looked at again the next time.
        unlocked = (
            select(Operation.id)
            .where(unchanged)
            .order_by(Operation.id)
            .with_for_update(key_share=True, skip_locked=True)
        )
        with db.write() as connection:
            picked = connection.scalars(unlocked).all()
            connection.execute(
                update(Operation)
                .where(Operation.id.in_(picked), unchanged)
                .values(error_code=code, error_detail=None, reported_at=None)
                .execution_options(synchronize_session=False)
            )
        total += len(picked)
    return total


def count_in_vain(connection: Connection) -> tuple[int, datetime | None]:
    """Count the rows that wait in vain, and tell when the oldest was recorded."""
    row = connection.execute(select(func.count(), func.min(Operation.created_at)).where(waits_in_vain)).one()
    return row[0], row[1]
