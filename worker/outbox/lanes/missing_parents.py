"""Who waits for a parent that is not there, or in a circle: nothing ends such a row, but the CRM is told of it once."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update
from sqlalchemy.orm import aliased

from models import Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, later
from worker.outbox.predicates import awaiting_parent, is_parent

MISSING, CIRCLE = "parent_missing", "parent_circle"
"""The codes of a row that waits so; they go when it does not any more."""

BATCH = 500
"""Rows per transaction, so that no lock lasts."""


def waits_in_vain() -> ColumnElement[bool]:
    """The operation waits for one that is not there, or is known to wait for itself in the end."""
    return and_(awaiting_parent, or_(~_is_there(), Operation.error_code == CIRCLE))


def _is_there() -> ColumnElement[bool]:
    parent = aliased(Operation, name="parent")
    # Each child asks for its parent by the unique key: a join would be planned as a scan of all operations.
    return select(parent.id).where(_named(parent)).correlate(Operation).scalar_subquery().is_not(None)


def _named(parent: type[Operation]) -> ColumnElement[bool]:
    return is_parent(parent, Operation.feed, Operation.after_kind, Operation.after_source_id)


def report_missing(db: Database, older_than: float) -> int:
    """Let the results tell of rows that have waited so for more than `older_than` seconds. Returns how many are new.

    What is there by now is no longer called missing. 0 seconds: nothing is ever told.
    """
    if older_than <= 0:
        return 0
    with db.read() as connection:
        old = and_(awaiting_parent, Operation.created_at <= later(current_time, -older_than))
        untold = func.coalesce(Operation.error_code, "").not_in((MISSING, CIRCLE))
        missing = connection.scalars(select(Operation.id).where(old, untold, ~_is_there())).all()
        found = connection.scalars(
            select(Operation.id).where(awaiting_parent, Operation.error_code == MISSING, _is_there())
        ).all()
        round_ = find_cycles(_edges(connection, and_(old, untold)))
    _call(db, found, None, MISSING)
    return _call(db, missing, MISSING, None) + _call(db, round_, CIRCLE, None)


def _edges(connection: Connection, which: ColumnElement[bool]) -> Mapping[int, int]:
    """Who waits for whom, of those whose parent waits for one in its turn."""
    parent = aliased(Operation, name="parent")
    above = select(parent.id).where(_named(parent), ~parent.parent_done).correlate(Operation).scalar_subquery()
    pairs = connection.execute(select(Operation.id, above.label("parent")).where(which))
    return {row.id: row.parent for row in pairs if row.parent is not None}


def find_cycles(above: Mapping[int, int]) -> list[int]:
    """Those that come after themselves in the end, each having at most one above it."""
    circles: set[int] = set()
    seen: set[int] = set()
    for start in above:
        way: dict[int, None] = {}
        one: int | None = start
        while one is not None and one not in seen:
            seen.add(one)
            way[one] = None
            one = above.get(one)
        if one in way:
            passed = list(way)
            circles.update(passed[passed.index(one) :])
    return sorted(circles)


def _call(db: Database, ids: Iterable[int], code: str | None, was: str | None) -> int:
    """Give the rows that still wait for a parent this code, which is news to the CRM."""
    ordered = sorted(ids)
    total = 0
    for start in range(0, len(ordered), BATCH):
        with db.write() as connection:
            total += _call_some(connection, ordered[start : start + BATCH], code, was)
    return total


def _call_some(connection: Connection, ids: list[int], code: str | None, was: str | None) -> int:
    still = and_(Operation.id.in_(ids), awaiting_parent)
    if was is not None:
        still = and_(still, Operation.error_code == was)
    # Whoever has one locked is changing what it waits for, or ending it: it is looked at again the next time.
    picked = connection.scalars(
        select(Operation.id).where(still).order_by(Operation.id).with_for_update(key_share=True, skip_locked=True)
    ).all()
    called = update(Operation).where(Operation.id.in_(picked), still)
    connection.execute(
        called.values(error_code=code, error_detail=None, reported_at=None).execution_options(synchronize_session=False)
    )
    return len(picked)


def without_parent_code() -> ColumnElement[str | None]:
    """The row's code, but none of those: for whoever frees it, or changes what it comes after."""
    return func.nullif(func.nullif(Operation.error_code, MISSING), CIRCLE)


def count_in_vain(connection: Connection) -> tuple[int, datetime | None]:
    """How many wait so, and since when the oldest has been recorded."""
    row = connection.execute(select(func.count(), func.min(Operation.created_at)).where(waits_in_vain())).one()
    return row[0], row[1]
