"""A child may be sent once its parent has succeeded: the success releases it, and housekeeping what was missed.

Released in the transaction of the success itself. A child that is recorded at that very moment does not see the success,
nor the success the child, and a child that another transaction has locked is not waited for: housekeeping finds both.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    case,
    false,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from models import Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import pick_unlocked, without_index
from worker.outbox.lanes import turns
from worker.outbox.lanes.missing_parents import without_parent_code
from worker.outbox.lanes.turns import LaneKey
from worker.outbox.predicates import awaiting_parent, child_awaits_parent, is_parent

BATCH = 500
"""Children that are released in one transaction: the turn of a parent holds the environment's lock meanwhile."""

_SUCCEEDED: ColumnElement[str] = literal_column("'succeeded'", String)


def parent_is_done(feed: Any, kind: Any, source_id: Any) -> ColumnElement[bool]:
    """Compute `parent_done` for a row of this feed that comes after (kind, source_id), both NULL for none."""
    parent = aliased(Operation, name="parent")
    # Asked by the unique key, for each row: an EXISTS may be planned as a scan of all that ever succeeded.
    state = (
        select(parent.state).where(is_parent(parent, feed, kind, source_id)).correlate_except(parent).scalar_subquery()
    )
    return case((source_id.is_(None), true()), else_=func.coalesce(state == _SUCCEEDED, false()))


# In the order of its index, or it would be sought in all rows as long as the statistics tell of many.
_place_among_children = (Operation.feed, Operation.after_kind, Operation.after_source_id)
_first_child = select(Operation.id).where(awaiting_parent).order_by(*_place_among_children).limit(1)
any_child_waits = _first_child.scalar_subquery().is_not(None)
"""Some operation waits for another's success. One that is recorded at this very moment, housekeeping finds."""


def release_children(connection: Connection, ids: Collection[int]) -> frozenset[LaneKey]:
    """Release the children of the operations `ids`, which have succeeded in this transaction.

    Returns the lanes to wake once it is committed. No more than a batch for each parent; housekeeping releases the rest.
    """
    if not ids:
        return frozenset()
    child = aliased(Operation, name="child")
    children = _children_of(
        select(child.id).where(child_awaits_parent), child, Operation.feed, Operation.kind, Operation.source_id
    )
    first_child = children.limit(1).correlate(Operation).scalar_subquery()
    keys = select(Operation.feed, Operation.kind, Operation.source_id)
    parents = connection.execute(keys.where(Operation.id.in_(sorted(ids)), first_child.is_not(None))).all()
    return frozenset(lane for parent in parents for lane in _release_batch(connection, parent))


def _release_batch(connection: Connection, parent: Row[*tuple[Any, ...]]) -> list[LaneKey]:
    """Release a batch of the parent's children, and give the lane of each. Locked children are passed over."""
    children = _children_of(select(Operation.id).where(awaiting_parent), Operation, *map(literal, parent)).limit(BATCH)
    released = (
        update(Operation)
        .where(Operation.id.in_(pick_unlocked(children)), without_index(awaiting_parent))
        .values(parent_done=True, error_code=without_parent_code)
        .returning(Operation.customer_id, Operation.kind)
        .execution_options(synchronize_session=False)
    )
    return [(row.customer_id, row.kind) for row in connection.execute(released)]


def _children_of(children: Select[int], child: Any, *parent: Any) -> Select[int]:
    """Narrow the query to children of (feed, kind, source_id), found by their index however many rows wait.

    In its order, and between two bounds that are one: where many wait for few, PostgreSQL would take equality for
    something that the table's first pages must hold, and read it all for a parent without children.
    """
    parent_key = tuple_(child.feed, child.after_kind, child.after_source_id)
    wanted_key = tuple_(*parent)
    return children.where(parent_key >= wanted_key, parent_key <= wanted_key).order_by(
        child.feed, child.after_kind, child.after_source_id
    )


def release_missed(db: Database) -> int:
    """Release the children that the success of their parent did not reach, and wake their lanes. Returns how many."""
    with db.read() as connection:
        parents = connection.execute(_SUCCEEDED_PARENTS).all()
    return sum(_release_all(db, parent) for parent in parents)


def _release_all(db: Database, parent: Row[*tuple[Any, ...]]) -> int:
    total = 0
    while True:
        with db.write() as connection:
            lanes = _release_batch(connection, parent)
        turns.wake_lanes(db, lanes)
        total += len(lanes)
        if len(lanes) < BATCH:
            return total


# Each parent is asked about once, however many rows wait for it.
_parents = (
    select(Operation.feed, Operation.after_kind.label("kind"), Operation.after_source_id.label("source_id"))
    .where(awaiting_parent)
    .distinct()
    .subquery("named")
)
_SUCCEEDED_PARENTS = select(_parents.c.feed, _parents.c.kind, _parents.c.source_id).where(
    parent_is_done(_parents.c.feed, _parents.c.kind, _parents.c.source_id)
)
