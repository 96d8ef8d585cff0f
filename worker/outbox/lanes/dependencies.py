"""A child may be sent once its parent has succeeded: who says so to the child, and what corrects what was missed.

Said in the transaction of the success itself. A child that is recorded at that very moment does not see the success, nor
the success the child, and one that somebody else has locked is not waited for: housekeeping finds both.
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
"""Children that are freed in one transaction: the turn of a parent holds the environment's lock meanwhile."""

_SUCCEEDED: ColumnElement[str] = literal_column("'succeeded'", String)


def parent_is_done(feed: Any, kind: Any, source_id: Any) -> ColumnElement[bool]:
    """What `parent_done` is to be for a row of this feed that comes after (kind, source_id), both NULL for none."""
    parent = aliased(Operation, name="parent")
    # Asked by the unique key, for each row: an EXISTS may be planned as a scan of all that ever succeeded.
    state = (
        select(parent.state).where(is_parent(parent, feed, kind, source_id)).correlate_except(parent).scalar_subquery()
    )
    return case((source_id.is_(None), true()), else_=func.coalesce(state == _SUCCEEDED, false()))


def any_child_waits() -> ColumnElement[bool]:
    """Whether any operation waits for another's success. One that is recorded only now, housekeeping finds."""
    # In the order of its index, or it would be sought in all rows as long as the statistics tell of many.
    order = (Operation.feed, Operation.after_kind, Operation.after_source_id)
    return select(Operation.id).where(awaiting_parent).order_by(*order).limit(1).scalar_subquery().is_not(None)


def release_children(connection: Connection, ids: Collection[int]) -> frozenset[LaneKey]:
    """The operations `ids` have succeeded in this transaction: what came after them waits for them no longer.

    Returns the lanes to wake once it is committed. No more than a batch for each; housekeeping sees to the rest.
    """
    if not ids:
        return frozenset()
    child = aliased(Operation, name="child")
    found = _comes_after(
        select(child.id).where(child_awaits_parent), child, Operation.feed, Operation.kind, Operation.source_id
    )
    first = found.limit(1).correlate(Operation).scalar_subquery()
    parents = select(Operation.feed, Operation.kind, Operation.source_id)
    waited_for = connection.execute(parents.where(Operation.id.in_(sorted(ids)), first.is_not(None))).all()
    return frozenset(lane for parent in waited_for for lane in _free_some(connection, parent))


def _free_some(connection: Connection, parent: Row[*tuple[Any, ...]]) -> list[LaneKey]:
    """Free a batch of the parent's children, and give the lane of each. Those that are locked are passed over."""
    children = _comes_after(select(Operation.id).where(awaiting_parent), Operation, *map(literal, parent)).limit(BATCH)
    freed = (
        update(Operation)
        .where(Operation.id.in_(pick_unlocked(children)), without_index(awaiting_parent))
        .values(parent_done=True, error_code=without_parent_code())
        .returning(Operation.customer_id, Operation.kind)
        .execution_options(synchronize_session=False)
    )
    return [(row.customer_id, row.kind) for row in connection.execute(freed)]


def _comes_after(children: Select[int], child: Any, *parent: Any) -> Select[int]:
    """Those that come after (feed, kind, source_id), found by their index however many wait for whom.

    In its order, and between two bounds that are one: where many wait for few, PostgreSQL would take equality for
    something that the table's first pages must hold, and read it all for a parent without children.
    """
    place = tuple_(child.feed, child.after_kind, child.after_source_id)
    named = tuple_(*parent)
    return children.where(place >= named, place <= named).order_by(child.feed, child.after_kind, child.after_source_id)


def release_missed(db: Database) -> int:
    """Free the children whose parent has succeeded without their being told, and wake their lanes. Returns how many."""
    with db.read() as connection:
        missed = connection.execute(_succeeded()).all()
    return sum(_free_all(db, parent) for parent in missed)


def _free_all(db: Database, parent: Row[*tuple[Any, ...]]) -> int:
    total = 0
    while True:
        with db.write() as connection:
            freed = _free_some(connection, parent)
        turns.wake_lanes(db, freed)
        total += len(freed)
        if len(freed) < BATCH:
            return total


def _succeeded() -> Any:
    """Who is waited for and has succeeded: each asked about once, however many wait for it."""
    named = (
        select(Operation.feed, Operation.after_kind.label("kind"), Operation.after_source_id.label("source_id"))
        .where(awaiting_parent)
        .distinct()
        .subquery("named")
    )
    return select(named.c.feed, named.c.kind, named.c.source_id).where(
        parent_is_done(named.c.feed, named.c.kind, named.c.source_id)
    )
