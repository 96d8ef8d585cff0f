"""The slots of a turn: moments at which it may begin a request, reserved in blocks for the rows that are ready."""

import time
from collections import deque

from sqlalchemy.exc import DBAPIError

from worker.outbox.database.database import Database
from worker.outbox.database.errors import is_database_unavailable
from worker.outbox.exchange import rate_limit
from worker.outbox.exchange.claim import FROM_START, ClaimCursor
from worker.outbox.lanes.turns import Turn


class RateLimiter:
    """`rate`: requests per second of the whole environment; 0: no pace, and nothing is asked."""

    def __init__(self, db: Database, turn: Turn, rate: float) -> None:
        self._db = db
        self._turn = turn
        self._rate = rate
        self._slots: deque[float] = deque()
        self._last_start = 0.0
        self.ask_at = 0.0
        """When (monotonic) it is worth asking for slots again."""

    @property
    def is_on(self) -> bool:
        """Whether there is a pace."""
        return self._rate > 0

    @property
    def needs_slot(self) -> bool:
        """Nothing could begin now, for want of a slot."""
        return self.is_on and not self._slots

    def slots_for(self, free: int, place: ClaimCursor = FROM_START) -> int | None:
        """Of so many free threads, how many have a slot. None: the lane has nothing that is ready for one.

        `place`: how far the turn's claims have come.
        None is reserved for a row that is not there. With the database away there are none.
        """
        if not self.is_on:
            return free
        now = time.monotonic()
        if len(self._slots) < free and now >= self.ask_at:
            try:
                useful = min(free, rate_limit.count_ready(self._db, self._turn, free, place))
                if not useful and not self._slots:
                    return None
                if useful > len(self._slots):
                    self._reserve(useful - len(self._slots))
            except DBAPIError as error:
                if not is_database_unavailable(error):
                    raise
                self.ask_at = now + 0.5
        return min(free, len(self._slots))

    def next_start(self, now: float) -> float:
        """When the next request may start: at its slot, and slots that an exchange outlasted make no burst."""
        if not self.is_on:
            return now
        self._last_start = max(self._slots.popleft(), now, self._last_start + 1 / self._rate)
        return self._last_start

    def _reserve(self, most: int) -> None:
        now = time.monotonic()
        slots = rate_limit.reserve_slots(self._db, self._rate, most)
        self._slots.extend(now + offset for offset in slots.offsets)
        self.ask_at = now + slots.wait
