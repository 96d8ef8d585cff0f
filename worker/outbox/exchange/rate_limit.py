"""The pace: requests per second of the whole environment, as slots that workers reserve in blocks."""

from dataclasses import dataclass
from math import floor
from typing import Any

from sqlalchemy import Connection, Float, Integer, bindparam, func, select, update

from models import Environment, Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import cached_statement, later
from worker.outbox.exchange.claim import FROM_START, ClaimCursor, after_cursor
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import Now, in_named_lane, look_up_due, permission_expired, ready

HORIZON = 0.1
"""How far ahead slots are reserved, in seconds: long enough for a block, short enough to waste none."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Reserved moments, in seconds from the reservation; or, with none, how long until it is worth asking again."""

    offsets: tuple[float, ...]
    wait: float


def reserve_slots(db: Database, rate: float, most: int) -> Slots:
    """Reserve up to `most` slots due within the horizon, in a short transaction of its own. `rate` per second, > 0."""
    now = db.clock.now()
    with db.write() as connection:
        row = connection.execute(_lock(now)).one()
        start = max(0.0, (row.next_slot_at - row.now).total_seconds())
        if start > HORIZON:
            return Slots((), start - HORIZON)
        count = min(most, 1 + floor((HORIZON - start) * rate + 1e-6))
        connection.execute(_take(now, late=start == 0.0), {"taken": count / rate})
    return Slots(tuple(start + n / rate for n in range(count)), max(0.0, start + count / rate - HORIZON))


@cached_statement
def _lock(now: Now) -> Any:
    slot = select(Environment.next_slot_at, now.label("now"))
    return slot.where(Environment.id == 1).with_for_update(key_share=True)


@cached_statement
def _take(now: Now, *, late: bool) -> Any:
    """The next slot is so many seconds further on; slots that nobody took in time are lost."""
    from_here = now if late else Environment.next_slot_at
    taken = later(from_here, bindparam("taken", type_=Float))
    return update(Environment).where(Environment.id == 1).values(next_slot_at=taken)


def count_ready(db: Database, turn: Turn, most: int, place: ClaimCursor = FROM_START) -> int:
    """How many slots the turn's lane has a use for: of its operations that are ready to be sent or looked up.

    `most` of each is as good as more. Those from `place` on are counted first, as they are claimed first; if there are
    not enough of them, all. What is reserved and not used is lost to everybody.
    """
    with db.read() as connection:
        found = _counted(connection, turn, most, place)
        return found if found >= most or not place.id else _counted(connection, turn, most, FROM_START)


def _counted(connection: Connection, turn: Turn, most: int, place: ClaimCursor) -> int:
    values = {**turn.parameters, **place.values, "most": most}
    return int(connection.scalar(_useful(), values) or 0)


@cached_statement
def _useful() -> Any:
    # Each way to be ready has a partial index of its own.
    counts = [
        select(func.count())
        .select_from(
            select(Operation.id).where(in_named_lane, *which).limit(bindparam("most", type_=Integer)).subquery()
        )
        .scalar_subquery()
        for which in ((ready, after_cursor), (look_up_due,), (permission_expired,))
    ]
    return select(counts[0] + counts[1] + counts[2])
