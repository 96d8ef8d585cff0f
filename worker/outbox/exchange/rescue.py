"""The rescue of operations that a dead turn left in flight: put in doubt, or where twice is harmless, sent again.

A worker that died and a call that was not answered are the same event and take the same path.
"""

from collections.abc import Callable

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from models import Lane, Operation, State
from worker.decide import Settlement
from worker.outbox.database.database import Database
from worker.outbox.exchange.settle import Finished, settle, succeeded_ids
from worker.outbox.lanes import dependencies, turns
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import abandoned, in_flight, in_named_lane, lane_is_free
from worker.outbox.revisions.apply import apply_revisions

WORKER_DIED = "worker_died"
"""The code under which a dead turn's attempts are settled, unless its budget was used up."""

DeadWorkerPolicy = Callable[[str, int, int], Settlement]
"""Settles a dead worker's row of this kind, with so many failures of so many."""


def rescue_lanes(db: Database, policy: DeadWorkerPolicy, by: str) -> int:
    """Settle the rows that dead turns left in flight, in every lane, held and paused ones too. Returns how many.

    The lane's token rises in the same transaction: a turn that was only paused learns that the lane is no longer its own.
    An error of one lane is raised when all other lanes have been rescued.
    """
    with db.read() as connection:
        keys = connection.execute(
            select(Lane.customer_id, Lane.kind).where(abandoned).order_by(Lane.customer_id, Lane.kind)
        ).all()
    count, refused = 0, None
    for row in keys:
        try:
            count += _rescue_lane(db, row.customer_id, row.kind, policy, by)
        except DBAPIError as error:
            # One lane that is locked, or that holds a row which cannot be written, must not leave the others alone.
            refused = refused or error
    if refused is not None:
        raise refused
    return count


def _rescue_lane(db: Database, customer_id: str, kind: str, policy: DeadWorkerPolicy, by: str) -> int:
    own = (Lane.customer_id == customer_id, Lane.kind == kind)
    with db.write() as connection:
        if connection.scalar(select(Lane.token).where(*own, lane_is_free).with_for_update(key_share=True)) is None:
            return 0
        count = _settle_in_flight(connection, customer_id, kind, policy, by)
        turns.give_back_lane(connection, customer_id, kind, raised=1)
        return count


def settle_leftovers(db: Database, turn: Turn, policy: DeadWorkerPolicy, by: str) -> int:
    """At the start of a turn every row in flight is a leftover, whichever token claimed it. Returns how many."""
    if not turn.leftovers:
        return 0
    with db.write() as connection:
        if not turns.lock_lane(connection, turn):
            return 0
        return _settle_in_flight(connection, turn.customer_id, turn.kind, policy, by)


def _settle_in_flight(connection: Connection, customer_id: str, kind: str, policy: DeadWorkerPolicy, by: str) -> int:
    rows = connection.execute(_IN_FLIGHT, {"lane_customer": customer_id, "lane_kind": kind}).all()
    died = [Finished(row.id, row.attempt, policy(kind, row.failures, row.max_failures), by) for row in rows]
    moved = settle(connection, died)
    # Evidence of success may have come while they were in flight. The children's lanes are woken by housekeeping.
    dependencies.release_children(connection, succeeded_ids(moved))
    revised = [id_ for id_, row in moved.items() if row.revised and row.state is not State.IN_DOUBT]
    if revised:
        apply_revisions(connection, revised)
    return len(moved)


_IN_FLIGHT = (
    select(Operation.id, Operation.attempt, Operation.failures, Operation.max_failures)
    .where(in_named_lane, in_flight)
    .order_by(Operation.id)
)
