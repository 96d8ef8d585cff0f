"""The pace: requests per second of the whole environment, as slots that workers reserve in blocks."""

from dataclasses import dataclass
from math import floor

from sqlalchemy import select, update

from models import Environment
from worker.outbox.clock import later
from worker.outbox.store import Outbox

HORIZON = 0.1
"""How far ahead slots are reserved, in seconds: long enough for a block, short enough to waste none."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Reserved moments, in seconds from the reservation; or, with none, how long until it is worth asking again."""

    offsets: tuple[float, ...]
    wait: float


def reserve(box: Outbox, rate: float, most: int) -> Slots:
    """Reserve up to `most` slots due within the horizon, in a short transaction of its own. `rate` per second, > 0."""
    now = box.clock.now()
    with box.write() as connection:
        row = connection.execute(
            select(Environment.next_slot_at, now.label("now"))
            .where(Environment.id == 1)
            .with_for_update(key_share=True)
        ).one()
        start = max(0.0, (row.next_slot_at - row.now).total_seconds())
        if start > HORIZON:
            return Slots((), start - HORIZON)
        count = min(most, 1 + floor((HORIZON - start) * rate + 1e-6))
        from_now = later(now, start) if start == 0.0 else Environment.next_slot_at
        connection.execute(update(Environment).values(next_slot_at=later(from_now, count / rate)))
    return Slots(tuple(start + n / rate for n in range(count)), max(0.0, start + count / rate - HORIZON))
