"""The requests that a turn has in hand: claimed by it, and not settled yet."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import structlog

from models import State
from worker.decide import NEVER_SENT, Settlement
from worker.kind import LookUpResult, Presence
from worker.outbox.database.database import Database
from worker.outbox.exchange.claim import find_claims_without_thread
from worker.outbox.exchange.look_ups import FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes.turns import Turn

log = structlog.get_logger(__name__)


class RequestKey(NamedTuple):
    """Identifies a request. A row may have two at once: a look-up, and a send claimed since by a decision or new content."""

    id: int
    attempt: int
    look_ups: int | None = None
    """The number of the look-up; None: a send."""


@dataclass(slots=True)
class WorkInHand:
    """Each request goes from `in_flight` to one of the lists of results, and out by the next exchange."""

    in_flight: set[RequestKey] = field(default_factory=set)
    """Requests that a thread was given; the result is not collected yet."""
    unsettled: list[Finished] = field(default_factory=list)
    """Results of sent operations, for the next exchange."""
    looked_up: list[FinishedLookUp] = field(default_factory=list)
    """Results of look-ups, for the next exchange."""
    not_handed_over: list[Finished] = field(default_factory=list)
    """Ends of attempts that turned out to be claimed though no thread was given them, for the exchange after it."""
    sent: int = 0
    """How many of the results are of requests of which at least the first byte was written."""
    unwritable: set[int] = field(default_factory=set)
    """Ids of results that could not be written in any form. They stay in flight, as a dead turn's leftovers do."""

    @property
    def has_results(self) -> bool:
        """Whether the next exchange has something to settle."""
        return bool(self.unsettled or self.looked_up)

    def add(self, results: Iterable[Finished | FinishedLookUp]) -> None:
        """Take the results of threads in hand."""
        for result in results:
            if isinstance(result, Finished):
                self.in_flight.discard(RequestKey(result.id, result.attempt))
                self.unsettled.append(result)
                self.sent += bool(result.written)
            else:
                self.in_flight.discard(RequestKey(result.id, result.attempt, result.look_ups))
                self.looked_up.append(result)

    def put_in_question(self, attempts: set[tuple[int, int]], doubt: Settlement) -> set[tuple[int, int]]:
        """Settle those of these attempts as in doubt that are in hand. Returns the others that are not in flight: settled ones."""
        in_hand = {(finished.id, finished.attempt) for finished in self.unsettled}
        self.unsettled = [
            replace(finished, settlement=doubt, answer_text=None, answer_shape=None)
            if (finished.id, finished.attempt) in attempts
            else finished
            for finished in self.unsettled
        ]
        in_flight = {(id_, attempt) for id_, attempt, look_ups in self.in_flight if look_ups is None}
        return attempts - in_hand - in_flight

    def drop_settled(self) -> None:
        """Forget the results, which an exchange has settled; the attempts that it did not know of come next."""
        self.unsettled, self.not_handed_over = self.not_handed_over, []
        self.looked_up.clear()

    def read_back(self, db: Database, turn: Turn, worker_id: str) -> None:
        """Find rows in flight by this turn that no thread was given: their claim's commit was reported as failed."""
        # A look-up puts no row in flight: beside it, the row's send may be one that no thread was given.
        sends = {request.id for request in self.in_flight if request.look_ups is None}
        rows = find_claims_without_thread(db, turn, frozenset(sends | self.unwritable))
        self.not_handed_over = [unsent(id_, attempt, worker_id) for id_, attempt in rows]

    def settle_singly(self, settle: Callable[[Finished | FinishedLookUp], bool]) -> None:
        """Settle row by row, by `settle`: it returns whether the row could be written.

        A result that cannot be written is settled once more as a plain doubt, without anything of the answer.
        """
        for finished in self.unsettled:
            if not settle(finished) and not settle(as_unwritable(finished)):
                # It was handed over, and stays in flight: the next turn finds it as a dead turn's leftover.
                self.unwritable.add(finished.id)
                log.error("unwritable", operation=finished.id, attempt=finished.attempt)
        for look_up in self.looked_up:
            if not settle(look_up):
                settle(as_unclear(look_up))


def unsent(id_: int, attempt: int, worker_id: str) -> Finished:
    """End an attempt that was claimed and handed to no thread: surely without effect."""
    return Finished(id_, attempt, NEVER_SENT, worker_id, written=False, tries=0)


def as_unwritable(finished: Finished) -> Finished:
    """Reduce a result to what any database can hold: in doubt, for a person, and whether Vitec accepted the call."""
    settlement = finished.settlement
    accepted = settlement.accepted or settlement.attempt_state is State.SUCCEEDED
    doubt = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="unwritable", accepted=accepted, needs_person=True)
    return replace(finished, settlement=doubt)


def as_unclear(look_up: FinishedLookUp) -> FinishedLookUp:
    """Reduce a look-up to one that proves nothing: the database refused its answer, an id that another row has."""
    result = LookUpResult(Presence.UNCLEAR, "what was found could not be written beside what is known")
    return replace(look_up, result=result, counts_as_unclear=True)
