"""The rate limit: requests per second of the whole environment, as slots that workers reserve in blocks."""

from dataclasses import dataclass
from math import floor
from typing import Any

from sqlalchemy import Float, Integer, and_, bindparam, func, select, update

from models import Environment, Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import cached_statement, current_time, later
from worker.outbox.exchange.claim import FROM_START, ClaimCursor, after_cursor
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import in_named_lane, look_up_due, permission_expired, ready

HORIZON = 0.1
"""How far ahead slots are reserved, in seconds: long enough for a block, short enough to waste none."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Reserved moments, in seconds from the reservation; or, with none, how long until it is worth asking again."""

    offsets: tuple[float, ...]
    wait: float


def reserve_slots(db: Database, rate: float, wanted: int) -> Slots:
    """Reserve up to `wanted` slots due within the horizon, in a short transaction of its own. `rate` per second, > 0."""
    with db.write() as connection:
        row = connection.execute(_LOCK).one()
        start = max(0.0, (row.next_slot_at - row.current_time).total_seconds())
        if start > HORIZON:
            return Slots((), start - HORIZON)
        count = min(wanted, 1 + floor((HORIZON - start) * rate + 1e-6))
        connection.execute(_move_on(late=start == 0.0), {"seconds": count / rate})
    return Slots(tuple(start + n / rate for n in range(count)), max(0.0, start + count / rate - HORIZON))


_LOCK = (
    select(Environment.next_slot_at, current_time.label("current_time"))
    .where(Environment.id == 1)
    .with_for_update(key_share=True)
)


@cached_statement
def _move_on(*, late: bool) -> Any:
    """Let the next slot be so many seconds further on; slots that no turn took in time are lost."""
    start = current_time if late else Environment.next_slot_at
    next_slot_at = later(start, bindparam("seconds", type_=Float))
    return update(Environment).where(Environment.id == 1).values(next_slot_at=next_slot_at)


def count_ready(db: Database, turn: Turn, at_most: int, cursor: ClaimCursor = FROM_START) -> int:
    """Count the slots that the turn's lane has a use for: its operations that are ready to be sent or looked up.

    `at_most` of each is as good as more. Those from `cursor` on are counted first, as they are claimed first; if there
    are not enough of them, all. Slots that are reserved and not used are lost to every turn.
    """
    count = 0
    with db.read() as connection:
        for start in (cursor, FROM_START) if cursor.id else (cursor,):
            if count < at_most:
                values = {**turn.parameters, **start.parameters, "at_most": at_most}
                count = int(connection.scalar(_COUNT, values) or 0)
    return count


# Each way to be ready has a partial index of its own.
_sends, _look_ups, _renewals = (
    select(func.count())
    .select_from(
        select(Operation.id).where(in_named_lane, condition).limit(bindparam("at_most", type_=Integer)).subquery()
    )
    .scalar_subquery()
    for condition in (and_(ready, after_cursor), look_up_due, permission_expired)
)
_COUNT = select(_sends + _look_ups + _renewals)
