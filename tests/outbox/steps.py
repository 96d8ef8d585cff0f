"""The steps of a turn, one by one, and the settlements that tests hand in."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select, update

from models import Hold, Lane, Operation, State
from tests import factory
from worker.decide import Settlement
from worker.outbox import Database
from worker.outbox.exchange.claim import Claimed, TurnPolicy
from worker.outbox.exchange.exchange import ExchangeResult, exchange
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns
from worker.outbox.lanes.turns import Turn
from worker.outcome import Health

TERMS = TurnPolicy(lease=45, outlast=35, in_flight=5)

SUCCESS = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id="R1", answer="R1", health=Health.WELL)
RETRY = Settlement(State.RETRYABLE, State.RETRYABLE, delay=30, failures=1, code="unreachable")
DOUBT = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="unanswered", needs_person=True, health=Health.ILL)
ACCEPTED = Settlement(
    State.IN_DOUBT, State.IN_DOUBT, code="unreadable_answer", accepted=True, needs_person=True, health=Health.ILL
)
REFUSAL = Settlement(State.FAILED, State.FAILED, code="refused", detail="Nej", health=Health.WELL)
DIED = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="worker_died", needs_person=True, health=Health.ILL)


def make(db: Database, state: State = State.PENDING, **overrides: Any) -> int:
    """Make one operation."""
    with db.write() as connection:
        return factory.make_operation(connection, state, **overrides)


def wake_all(db: Database) -> None:
    """Wake every lane."""
    with db.read() as connection:
        keys = [(row.customer_id, row.kind) for row in connection.execute(select(Lane.customer_id, Lane.kind))]
    turns.wake_lanes(db, keys)


def begin(db: Database, kind: str = "comeback", lease: float = 45) -> Turn:
    """Wake every lane and take the turn at the first."""
    wake_all(db)
    turn = turns.take_turn(db, kind, lease=lease, worker="here:1")
    assert turn is not None
    return turn


def turn_on_an_empty_lane(db: Database) -> Turn:
    """Take the turn at a lane with one operation, which has succeeded."""
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    return turn


def release(db: Database, turn: Turn, *kinds: str) -> str | None:
    """Give the turn back and look once more: of these kinds and its own, the one with the lane that is due longest."""
    turns.end_turn(db, turn)
    return turns.longest_due_kind(db, {turn.kind, *kinds})


def read(db: Database, operation_id: int) -> Any:
    """Read the operation's row."""
    with db.read() as connection:
        return factory.operation(connection, operation_id)


def lane(db: Database, customer_id: str = factory.CUSTOMER, kind: str = "comeback") -> Any:
    """Read the lane's row."""
    with db.read() as connection:
        return factory.lane(connection, customer_id, kind)


def entries(db: Database, operation_id: int) -> list[Any]:
    """Read the operation's history."""
    with db.read() as connection:
        return factory.history(connection, operation_id)


def holds(db: Database) -> list[Any]:
    """Read all holds."""
    with db.read() as connection:
        return list(connection.execute(select(Hold.__table__).order_by(Hold.id)).all())


def change(db: Database, operation_id: int | None = None, **values: Any) -> None:
    """Set columns of one operation, or of all."""
    target = update(Operation) if operation_id is None else update(Operation).where(Operation.id == operation_id)
    with db.write() as connection:
        connection.execute(target.values(values))


def claim(db: Database, turn: Turn, want: int = 5, terms: TurnPolicy = TERMS) -> ExchangeResult:
    """Run an exchange that only claims."""
    return exchange(db, turn, [], want, terms)


def settle(db: Database, turn: Turn, finished: Iterable[Finished]) -> ExchangeResult:
    """Run an exchange that only settles."""
    return exchange(db, turn, list(finished), 0, TERMS)


def done(claimed: Claimed, settlement: Settlement) -> Finished:
    """Make the finished attempt that a thread would hand back."""
    return Finished(claimed.id, claimed.attempt, settlement, "here:1", seconds=0.1, tries=1, written=True)
