"""One turn at one lane: settle what has finished, claim what there is room for, until there is a reason to end."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import DBAPIError

from models import State
from worker.decide import SOON, Settlement
from worker.delivery.dead_mans_switch import ClockReading, DeadMansSwitch
from worker.delivery.gathering import gather
from worker.delivery.rate_limiter import RateLimiter
from worker.delivery.report import TurnReport
from worker.delivery.sending import SendJob, SendPool
from worker.delivery.unwritable import as_unclear, as_unwritable
from worker.outbox.database.database import Database
from worker.outbox.database.errors import is_database_unavailable, retry_until_available
from worker.outbox.exchange import rescue
from worker.outbox.exchange.capacity import TurnPolicy
from worker.outbox.exchange.claim import FROM_START, ClaimCursor, Claimed
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn

log = structlog.get_logger(__name__)

IDLE = 0.05
"""Seconds until the next look at a lane that had nothing, while requests are still in flight or no room is left."""

REWIND = 2.0
"""Seconds after which a claim begins at the start again, for what became due before the place the turn has come to."""

IDLE_AT_MOST = 0.5
"""To so many seconds that pause grows, doubling, while look after look finds nothing."""


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """How long a turn and its requests may last, in seconds."""

    timeout: float = 30.0
    alone: float = 30.0
    shared: float = 2.0


@dataclass(slots=True)
class TurnLoop:
    """The loop of one turn. Owned by the process's main thread, the only one that talks to the database."""

    db: Database
    turn: Turn
    sending: SendPool
    switch: DeadMansSwitch
    pacing: RateLimiter
    terms: TurnPolicy
    limits: TurnTimes
    stopping: Callable[[], bool]
    worker_id: str
    report: TurnReport
    in_flight: set[int] = field(default_factory=set)
    unsettled: list[Finished] = field(default_factory=list)
    looked_up: list[FinishedLookUp] = field(default_factory=list)
    unbegun: list[Finished] = field(default_factory=list)
    unwritable: set[int] = field(default_factory=set)
    end_reason: str | None = None
    released: bool = False
    """The lane has been given back."""
    began: float = field(default_factory=time.monotonic)
    _ask_others_at: float = 0.0
    _ask_lane_at: float = 0.0
    _pause: float = 0.0
    _place: ClaimCursor = FROM_START
    _rewind_at: float = 0.0
    _share: int | None = None
    """How many may be under way, as the last claim was told."""

    def run(self) -> None:
        """Work until there is nothing to do, time is up, or a stop is asked; what is in flight is always awaited."""
        while True:
            self._gather()
            self._consider_ending()
            want = self._want()
            if self._in_hand() or want:
                self._apply(self._exchange(want), want)
            if self.end_reason and not self.in_flight and not self._in_hand():
                return

    def drain(self) -> None:
        """Wait until no thread can write any more. A thread that outlives its deadline ends the process instead."""
        patience = time.monotonic() + self.limits.timeout + 5.0
        while self.switch.count and time.monotonic() < patience:
            self._collect(self.sending.finished(IDLE))
        if self.switch.count:
            os._exit(70)
        self._collect(self.sending.finished(0))
        while self._in_hand():
            self._apply(self._exchange(0), 0)

    def _in_hand(self) -> bool:
        return bool(self.unsettled or self.looked_up)

    def _collect(self, found: list[Finished | FinishedLookUp]) -> None:
        for one in found:
            self.in_flight.discard(one.id)
            if isinstance(one, Finished):
                self.unsettled.append(one)
            else:
                self.looked_up.append(one)

    def _gather(self) -> None:
        """Collect results; wait for the first one only as long as there is nothing better to do."""
        pause = max(0.0, min(self._next_look() - time.monotonic(), 0.25))
        self._collect(gather(self.sending, pause, len(self.in_flight)))

    def _next_look(self) -> float:
        if self.end_reason or len(self.in_flight) >= self.sending.threads:
            return time.monotonic() + 0.25
        return max(self._ask_lane_at, self.pacing.ask_at if self.pacing.needs_slot else 0.0)

    def _consider_ending(self) -> None:
        if self.end_reason:
            return
        now = time.monotonic()
        if self.stopping():
            self.end_reason = "a stop was asked"
        elif now - self.began >= self.limits.alone:
            self.end_reason = "its time was up"
        elif now >= self._ask_others_at:
            self._ask_others_at = now + min(0.5, self.limits.shared)
            self.end_reason = self._reason_outside(now)

    def _reason_outside(self, now: float) -> str | None:
        """A reason to end that lies outside the lane. The database away is none: there may be answers to keep."""
        try:
            if turns.is_outside_hours(self.db, self.turn.kind):
                return "its sending hours were over"
            if now - self.began >= self.limits.shared and turns.any_lane_is_due(self.db):
                return "others were waiting"
        except DBAPIError as error:
            if not is_database_unavailable(error):
                raise
        return None

    def _want(self) -> int:
        """How many could start now: free threads, and with a pace the slots that are due."""
        free = self.sending.threads - len(self.in_flight)
        now = time.monotonic()
        if self.end_reason or free <= 0 or (now < self._ask_lane_at and not self._in_hand()):
            return 0
        if self._pause and self.in_flight and not self._in_hand() and not self._finds_any():
            return 0
        slots = self.pacing.slots_for(self._usable(free), self._place)
        # What is in hand is settled first: it may bring something to do, such as what waited for its success.
        if slots is None and not self._in_hand():
            self._back_off()
            if not self.in_flight:
                self.end_reason = "nothing was left"
        return slots or 0

    def _usable(self, free: int) -> int:
        """For how many of so many free threads a slot would be of use: as many as the share leaves room for.

        At least one, since only a claim is told that the share has grown. Without a pace nothing is reserved in vain.
        """
        if not self.pacing.is_on or self._share is None:
            return free
        return min(free, max(1, self._share - len(self.in_flight)))

    def _finds_any(self) -> bool:
        """Whether the lane that had nothing has something now: asked by a read, which writes nothing and locks nobody.

        The database away finds nothing: what is in flight goes on, and its answers will wait for the database.
        """
        try:
            found = turns.has_claimable(self.db, self.turn)
        except DBAPIError as error:
            if not is_database_unavailable(error):
                raise
            found = False
        if not found:
            self._back_off()
        return found

    def _back_off(self) -> None:
        self._pause = min(2 * self._pause or IDLE, IDLE_AT_MOST)
        self._ask_lane_at = time.monotonic() + self._pause

    def _exchange(self, want: int) -> ExchangeResult | None:
        """One exchange, repeated while the database is away; None if a value was refused and rows went singly.

        A commit that reports an error may have happened, or still be under way: what it claimed is read back only when
        a later exchange has had the locks, which it holds to its end.
        """
        try:
            for attempt in retry_until_available():
                with attempt:
                    again = attempt.retry_state.attempt_number > 1
                    reading = ClockReading.now()
                    had = self.unsettled, 0 if again else want
                    asked = self.looked_up, self._place
                    done = exchange(self.db, self.turn, *had, self.terms, *asked, leave=not self.in_flight)
                    if done.renewed:
                        self.switch.start_lease(reading, self.terms.lease)
                    if again:
                        self._take_back()
                    return done
        except Exception as error:  # noqa: BLE001 (whatever it is, one row must not block the lane)
            log.warning("exchange_refused", error=type(error).__name__, rows=len(self.unsettled))
            self._one_by_one()
        return None

    def _take_back(self) -> None:
        """What is in flight by this turn without a thread that sends it was claimed and never begun."""
        known = frozenset(self.in_flight | self.unwritable)
        found = rescue.not_handed_over(self.db, self.turn, known)
        self.unbegun = [self._unsent(id_, attempt) for id_, attempt in found]

    def _unsent(self, id_: int, attempt: int) -> Finished:
        settlement = Settlement(State.RETRYABLE, State.RETRYABLE, delay=SOON, code="revoked")
        return Finished(id_, attempt, settlement, self.worker_id, written=False, tries=0)

    def _one_by_one(self) -> None:
        """Settle row by row; what the database refuses is settled as in doubt, with a plain code and nothing else."""
        for one in self.unsettled:
            if not self._written(one) and not self._written(as_unwritable(one)):
                # It was handed over, and stays in flight: whoever comes next finds it as what a dead turn left.
                self.unwritable.add(one.id)
                log.error("unwritable", operation=one.id, attempt=one.attempt)
        for asked in self.looked_up:
            if not self._written(asked):
                self._written(as_unclear(asked))
        retry_until_available()(self._take_back)

    def _written(self, one: Finished | FinishedLookUp) -> bool:
        finished, looked_up = ([one], []) if isinstance(one, Finished) else ([], [one])
        try:
            done = retry_until_available()(exchange, self.db, self.turn, finished, 0, self.terms, looked_up)
        except Exception:  # noqa: BLE001 (the answer tells; the database away is waited out above)
            return False
        self._count(done)
        return True

    def _apply(self, done: ExchangeResult | None, want: int) -> None:
        self.unsettled, self.unbegun = self.unbegun, []
        self.looked_up.clear()
        if done is None:
            self.end_reason = self.end_reason or "the database refused a value"
            return
        self._count(done)
        self.released = done.released
        self.end_reason = self.end_reason or self._reason_told(done)
        if done.share is not None:
            self._share = done.share
        self._place, now = done.cursor, time.monotonic()
        if now >= self._rewind_at:
            self._rewind_at, self._place = now + REWIND, FROM_START
        begun: tuple[Claimed | ClaimedLookUp, ...] = (*done.claimed, *done.look_ups)
        if want and not begun:
            self._back_off()
            if done.is_idle and not self.in_flight:
                self.end_reason = self.end_reason or "nothing was left"
        if begun:
            self._pause = 0.0
            if len(begun) < want or len(self.in_flight) + len(begun) == self._share:
                # No room for more, or nothing more there. What has ended comes with an exchange of its own.
                self._back_off()
            self._hand_over(begun)

    def _reason_told(self, done: ExchangeResult) -> str | None:
        """A reason to end that the exchange has found."""
        if not done.owns_lane:
            return "the lane was taken over"
        if done.held:
            return "the lane is held"
        return "it had no share" if done.share == 0 and not self.in_flight else None

    def _count(self, done: ExchangeResult) -> None:
        self.report.states.update(moved.state for moved in done.moved.values())

    def _hand_over(self, begun: tuple[Claimed | ClaimedLookUp, ...]) -> None:
        """Give them to threads, if the lease is known to be running; else they were never sent."""
        if not (self.switch.admit(len(begun)) or self.switch.admit(len(begun))):
            self.unsettled += [self._unsent(one.id, one.attempt) for one in begun if isinstance(one, Claimed)]
            self.end_reason = self.end_reason or "the lease was too short"
            return
        now = time.monotonic()
        starts = [self.pacing.next_start(now) for _ in begun]
        self.in_flight.update(one.id for one in begun)
        self.report.sent += sum(isinstance(one, Claimed) for one in begun)
        self.report.looked_up += sum(isinstance(one, ClaimedLookUp) for one in begun)
        # A slow commit has used up some of the lease, which began before it.
        deadline = min(now + self.limits.timeout, self.switch.write_deadline)
        self.sending.start(
            [SendJob(one, self.turn.kind, start, deadline) for one, start in zip(begun, starts, strict=True)]
        )
