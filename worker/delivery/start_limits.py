"""The limits of what a turn could start now: its threads, its share, the slots of the rate, pauses between looks."""

import time
from collections import deque
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

from worker.delivery.in_hand import WorkInHand
from worker.outbox.database.database import Database
from worker.outbox.database.errors import is_database_unavailable
from worker.outbox.exchange import rate_limit
from worker.outbox.exchange.claim import FROM_START, ClaimCursor
from worker.outbox.exchange.exchange import ExchangeResult
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn

IDLE = 0.05
"""Seconds until the next look at a lane that had nothing, while requests are still in flight or no capacity is left."""

LONGEST_PAUSE = 0.5
"""To so many seconds that pause grows, doubling, while look after look finds nothing."""

REWIND = 2.0
"""Seconds after which a claim begins at the start again, for rows that became due before the claim cursor."""

LONGEST_COLLECT = 0.25
"""Seconds that a turn waits for a result at most, before it looks whether it has to end."""


@dataclass(slots=True)
class RateLimiter:
    """The slots of a turn: moments at which it may start a request, reserved in blocks for the rows that are ready."""

    db: Database
    turn: Turn
    rate: float
    """Requests per second of the whole environment; 0: no limit, and no slots."""
    slots: deque[float] = field(default_factory=deque)
    ask_at: float = 0.0
    """When (monotonic) it is worth asking for slots again."""
    _last_start: float = 0.0

    def ensure_slots(self, free: int, cursor: ClaimCursor = FROM_START) -> int | None:
        """Reserve slots for up to `free` threads, and count how many have one. None: no row of the lane is ready for one.

        A slot is reserved only for a row that is ready; ready rows are counted from `cursor` on, as they are claimed.
        With the database away there are no new slots.
        """
        if not self.rate:
            return free
        current_time = time.monotonic()
        if len(self.slots) < free and current_time >= self.ask_at:
            try:
                useful = min(free, rate_limit.count_ready(self.db, self.turn, free, cursor))
                if not useful and not self.slots:
                    return None
                if useful > len(self.slots):
                    reserved_from = time.monotonic()
                    reserved = rate_limit.reserve_slots(self.db, self.rate, useful - len(self.slots))
                    self.slots.extend(reserved_from + offset for offset in reserved.offsets)
                    self.ask_at = reserved_from + reserved.wait
            except DBAPIError as error:
                if not is_database_unavailable(error):
                    raise
                self.ask_at = current_time + 0.5
        return min(free, len(self.slots))

    def next_start(self, current_time: float) -> float:
        """Give the moment at which the next request may start: its slot; slots that have passed make no burst."""
        if not self.rate:
            return current_time
        self._last_start = max(self.slots.popleft(), current_time, self._last_start + 1 / self.rate)
        return self._last_start


@dataclass(slots=True)
class StartLimits:
    """The least of the limits, and the pauses between looks at a lane that had nothing to be claimed."""

    db: Database
    turn: Turn
    threads: int
    rate_limiter: RateLimiter
    cursor: ClaimCursor = FROM_START
    """How far the claims have come in the lane; the next one goes on from there."""
    share: int | None = None
    """How many requests the turn may have under way, by the last claim; None: nothing was claimed yet."""
    _look_at: float = 0.0
    """When (monotonic) the lane is looked at again, unless a result comes before."""
    _pause: float = 0.0
    """Seconds of the last pause; 0: the last claim had something."""
    _rewind_at: float = 0.0

    def seconds_to_next_look(self, in_flight: int) -> float:
        """Give how long to wait for results before it is worth looking at the lane."""
        if in_flight >= self.threads:
            return LONGEST_COLLECT
        limiter = self.rate_limiter
        look_at = max(self._look_at, limiter.ask_at if limiter.rate and not limiter.slots else 0.0)
        return max(0.0, min(look_at - time.monotonic(), LONGEST_COLLECT))

    def count_startable(self, hand: WorkInHand) -> int | None:
        """Count the requests that could start now. None: the lane has nothing ready, and the turn nothing in hand."""
        free = self.threads - len(hand.in_flight)
        if free <= 0 or (time.monotonic() < self._look_at and not hand.has_results):
            return 0
        if self._pause and hand.in_flight and not hand.has_results and not self._finds_claimable():
            return 0
        usable = free
        if self.rate_limiter.rate and self.share is not None:
            # No more slots than the share leaves capacity for: an unused one is lost to all. At least one, since only a
            # claim reads that the share has grown.
            usable = min(free, max(1, self.share - len(hand.in_flight)))
        slots = self.rate_limiter.ensure_slots(usable, self.cursor)
        # Results in hand are settled first: they may bring something to do, such as the children of a success.
        if slots is None and not hand.has_results:
            self._back_off()
            return 0 if hand.in_flight else None
        return slots or 0

    def _finds_claimable(self) -> bool:
        """Whether the lane that had nothing has something now, by a read, which writes and locks nothing.

        With the database away it has nothing: requests in flight go on, and their answers wait for the database.
        """
        try:
            claimable = turns.has_claimable(self.db, self.turn)
        except DBAPIError as error:
            if not is_database_unavailable(error):
                raise
            claimable = False
        if not claimable:
            self._back_off()
        return claimable

    def note_exchange(self, result: ExchangeResult, wanted: int, in_flight: int) -> None:
        """Remember the cursor and the share; pause before the next look if nothing more could be claimed now.

        A result that comes meanwhile brings an exchange of its own.
        """
        self.cursor, current_time = result.cursor, time.monotonic()
        if current_time >= self._rewind_at:
            self._rewind_at, self.cursor = current_time + REWIND, FROM_START
        if result.share is not None:
            self.share = result.share
        claimed = len(result.claimed) + len(result.look_ups)
        if claimed:
            self._pause = 0.0
        if claimed < wanted or (claimed and in_flight + claimed == self.share):
            self._back_off()

    def _back_off(self) -> None:
        """Pause before the next look, twice as long as the last time."""
        self._pause = min(2 * self._pause or IDLE, LONGEST_PAUSE)
        self._look_at = time.monotonic() + self._pause
