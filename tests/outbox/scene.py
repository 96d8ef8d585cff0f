"""A lane of comebacks that are in doubt, and the look-ups that are made of them."""

from typing import TYPE_CHECKING, Any

from models import State
from tests.clock import FixedClock
from tests.outbox.steps import begin, change, entries, make, read
from worker.decide import Settlement
from worker.kind import LookUpResult, Presence
from worker.outbox import Database
from worker.outbox.exchange.claim import Claimed, TurnPolicy
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.exchange.look_ups import ClaimedLookUp, FinishedLookUp
from worker.outbox.exchange.settle import Finished
from worker.outcome import Health

if TYPE_CHECKING:
    from worker.outbox.lanes.turns import Turn

TERMS = TurnPolicy(lease=100_000, outlast=35, in_flight=5)
QUIET, GAP = 900.0, 300.0
DOUBT = Settlement(State.IN_DOUBT, State.IN_DOUBT, delay=QUIET, code="unanswered", failures=1, health=Health.WELL)
ABSENT = LookUpResult(Presence.ABSENT, "none is there")
THERE = LookUpResult(Presence.PRESENT, "one is there", "R1")
UNCLEAR = LookUpResult(Presence.UNCLEAR, "several are there")


class Scene:
    """A lane of comebacks under one long turn."""

    def __init__(self, db: Database, clock: FixedClock) -> None:
        self.db = db
        self.clock = clock
        self.turn: Turn | None = None

    def make(self, state: State = State.PENDING, **overrides: Any) -> int:
        return make(self.db, state, at=self.clock.moment, **overrides)

    def doubtful(self, **overrides: Any) -> int:
        """Make an operation and let its attempt end in doubt."""
        id_ = self.make(**overrides)
        (claimed,) = self.exchange(want=1).claimed
        assert claimed.id == id_
        self.unanswered(claimed)
        return id_

    def unanswered(self, claimed: Claimed) -> None:
        """End the attempt: its request was written, and no answer came."""
        self.exchange([Finished(claimed.id, claimed.attempt, DOUBT, "here:1", written=True)])

    def exchange(self, finished: Any = (), want: int = 0, looked_up: Any = ()) -> ExchangeResult:
        if self.turn is None:
            self.turn = begin(self.db, lease=TERMS.lease)
        return exchange(self.db, self.turn, finished, want, TERMS, looked_up)

    def look_up(self, result: LookUpResult, *, counts_as_unclear: bool = True, written: bool = True) -> ClaimedLookUp:
        """Make the one look-up that is due."""
        (doubtful,) = self.exchange(want=5).look_ups
        self.bring(doubtful, result, counts_as_unclear=counts_as_unclear, written=written)
        return doubtful

    def bring(
        self, doubtful: ClaimedLookUp, result: LookUpResult, *, counts_as_unclear: bool = True, written: bool = True
    ) -> ExchangeResult:
        status = 200 if written else None
        key = (doubtful.id, doubtful.attempt, doubtful.look_ups)
        finished = FinishedLookUp(*key, result, counts_as_unclear, "here:1", 0.1, http_status=status, written=written)
        return self.exchange(looked_up=[finished])

    def end(self, id_: int, state: State) -> None:
        """End the operation, as another transaction might meanwhile."""
        change(self.db, id_, state=state, finalized_at=self.clock.moment, reported_at=self.clock.moment)

    def row(self, id_: int) -> Any:
        return read(self.db, id_)

    def history(self, id_: int) -> list[Any]:
        return entries(self.db, id_)
