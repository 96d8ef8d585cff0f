"""What a dead turn left in flight: put in doubt, or where twice is harmless, sent again.

A worker that died and a call that was not answered are the same event and take the same path.
"""

from collections.abc import Callable

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from models import Lane, Operation, State
from worker.decide import Settlement
from worker.outbox.database.database import Outbox
from worker.outbox.exchange.late_answers import WORKER_DIED
from worker.outbox.exchange.settle import Finished, settle, succeeded
from worker.outbox.intake import record as intake
from worker.outbox.lanes import dependencies as parents
from worker.outbox.lanes import turns as lanes
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import Now, abandoned, free, in_flight, of_named_lane

Verdict = Callable[[str, int, int], Settlement]
"""What becomes of a row of this kind, with so many failures of so many, whose worker died."""


def rescue(box: Outbox, verdict: Verdict, by: str) -> int:
    """Settle what dead turns left, in every lane, held and paused ones too. Returns how many rows.

    The lane's token rises in the same transaction: whoever was only paused learns that the lane is no longer its own.
    What the database refuses of one lane is raised when all the others have had their turn.
    """
    with box.read() as connection:
        keys = connection.execute(
            select(Lane.customer_id, Lane.kind).where(abandoned(box.clock.now())).order_by(Lane.customer_id, Lane.kind)
        ).all()
    count, refused = 0, None
    for row in keys:
        try:
            count += _rescue_lane(box, row.customer_id, row.kind, verdict, by)
        except DBAPIError as error:
            # One lane that is locked, or that holds a row which cannot be written, must not leave the others alone.
            refused = refused or error
    if refused is not None:
        raise refused
    return count


def _rescue_lane(box: Outbox, customer_id: str, kind: str, verdict: Verdict, by: str) -> int:
    now = box.clock.now()
    own = (Lane.customer_id == customer_id, Lane.kind == kind)
    with box.write() as connection:
        if connection.scalar(select(Lane.token).where(*own, free(now)).with_for_update(key_share=True)) is None:
            return 0
        count = _settle_left(connection, box, now, customer_id, kind, verdict, by)
        lanes.give_back(connection, customer_id, kind, now, raised=1)
        return count


def clear(box: Outbox, turn: Turn, verdict: Verdict, by: str) -> int:
    """At the start of a turn every row in flight is a leftover, whichever token claimed it. Returns how many."""
    if not turn.leftovers:
        return 0
    now = box.clock.now()
    with box.write() as connection:
        if not lanes.lock(connection, turn):
            return 0
        return _settle_left(connection, box, now, turn.customer_id, turn.kind, verdict, by)


def _settle_left(
    connection: Connection, box: Outbox, now: Now, customer_id: str, kind: str, verdict: Verdict, by: str
) -> int:
    rows = connection.execute(_LEFT, {"lane_customer": customer_id, "lane_kind": kind}).all()
    left = [Finished(row.id, row.attempt, verdict(kind, row.failures, row.max_failures), by) for row in rows]
    moved = settle(connection, now, left)
    # Evidence may have come while it was in flight. The children's lanes are woken by housekeeping.
    parents.free(connection, succeeded(moved))
    revised = [id_ for id_, what in moved.items() if what.revised and what.state is not State.IN_DOUBT]
    if revised:
        intake.apply_revisions(connection, box, revised)
    return len(moved)


_LEFT = (
    select(Operation.id, Operation.attempt, Operation.failures, Operation.max_failures)
    .where(of_named_lane, in_flight)
    .order_by(Operation.id)
)


def not_handed_over(box: Outbox, turn: Turn, busy: frozenset[int]) -> list[tuple[int, int]]:
    """After a claim whose commit reported an error: what is in flight by this turn without having been handed to a
    thread, as (id, attempt). `busy` are the ids that were."""
    with box.read() as connection:
        rows = connection.execute(
            select(Operation.id, Operation.attempt).where(
                Operation.customer_id == turn.customer_id,
                Operation.kind == turn.kind,
                Operation.claimed_by == turn.token,
                in_flight,
            )
        )
        return [(row.id, row.attempt) for row in rows if row.id not in busy]


__all__ = ["WORKER_DIED", "Verdict", "clear", "not_handed_over", "rescue"]
