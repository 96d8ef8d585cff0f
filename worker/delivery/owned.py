"""What a turn owns: its lane, and the operations it has in hand."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from worker.decide import NEVER_SENT
from worker.delivery.dead_mans_switch import DeadMansSwitch
from worker.delivery.unwritable import as_unclear, as_unwritable
from worker.outbox.database.database import Database
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import FROM_START, ClaimCursor
from worker.outbox.exchange.exchange import ExchangeResult
from worker.outbox.exchange.look_ups import FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes.turns import Turn

log = structlog.get_logger(__name__)

REWIND = 2.0
"""Seconds after which a claim begins at the start again, for rows that became due before the claim cursor."""


@dataclass(slots=True)
class OwnedLane:
    """The lane that the turn works on, and how far its claims have come."""

    turn: Turn
    switch: DeadMansSwitch
    """Knows when the lease ends, and lets nothing be written after it."""
    cursor: ClaimCursor = FROM_START
    share: int | None = None
    """How many requests the turn may have under way, as the last claim read it; None: nothing was claimed yet."""
    released: bool = False
    """The lane has been given back."""
    _rewind_at: float = 0.0

    def note(self, result: ExchangeResult) -> None:
        """Remember what an exchange showed of the lane."""
        self.released = result.released
        if result.share is not None:
            self.share = result.share
        self.cursor, now = result.cursor, time.monotonic()
        if now >= self._rewind_at:
            self._rewind_at, self.cursor = now + REWIND, FROM_START


def unsent(id_: int, attempt: int, worker_id: str) -> Finished:
    """The end of an attempt that was claimed and handed to no thread."""
    return Finished(id_, attempt, NEVER_SENT, worker_id, written=False, tries=0)


@dataclass(slots=True)
class WorkInHand:
    """The operations that the turn has claimed and not yet settled."""

    in_flight: set[int] = field(default_factory=set)
    """Handed to a thread, and the result not collected yet."""
    unsettled: list[Finished] = field(default_factory=list)
    looked_up: list[FinishedLookUp] = field(default_factory=list)
    unbegun: list[Finished] = field(default_factory=list)
    """Found to be claimed and handed to no thread: settled by the next exchange."""
    unwritable: set[int] = field(default_factory=set)
    """Sent, and refused by the database in every form: they stay in flight, as a dead turn's leftovers do."""

    @property
    def has_results(self) -> bool:
        """Whether the next exchange has something to settle."""
        return bool(self.unsettled or self.looked_up)

    def add(self, results: Iterable[Finished | FinishedLookUp]) -> None:
        """Take the results of threads in hand."""
        for result in results:
            self.in_flight.discard(result.id)
            if isinstance(result, Finished):
                self.unsettled.append(result)
            else:
                self.looked_up.append(result)

    def drop_settled(self) -> None:
        """An exchange has settled all results; what was found unbegun meanwhile comes next."""
        self.unsettled, self.unbegun = self.unbegun, []
        self.looked_up.clear()

    def read_back(self, db: Database, turn: Turn, worker_id: str) -> None:
        """Find rows in flight by this turn that no thread was given: their claim's commit was reported as failed."""
        handed_over = frozenset(self.in_flight | self.unwritable)
        rows = rescue.not_handed_over(db, turn, handed_over)
        self.unbegun = [unsent(id_, attempt, worker_id) for id_, attempt in rows]

    def settle_singly(self, settle: Callable[[Finished | FinishedLookUp], bool]) -> None:
        """Settle row by row; `settle` says whether the database took the row.

        A row that it refuses is settled as in doubt, with a plain code and nothing else.
        """
        for finished in self.unsettled:
            if not settle(finished) and not settle(as_unwritable(finished)):
                # It was handed over, and stays in flight: the next turn finds it as a dead turn's leftover.
                self.unwritable.add(finished.id)
                log.error("unwritable", operation=finished.id, attempt=finished.attempt)
        for look_up in self.looked_up:
            if not settle(look_up):
                settle(as_unclear(look_up))
