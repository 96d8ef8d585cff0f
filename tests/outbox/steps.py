"""The steps of a turn, one by one, and the settlements that tests hand in."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select, update

from models import Hold, Lane, Operation, State
from tests import factory
from worker.decide import Settlement
from worker.outbox import Outbox
from worker.outbox.exchange.capacity import Terms
from worker.outbox.exchange.claim import Claimed
from worker.outbox.exchange.exchange import Exchanged, exchange
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns as lanes
from worker.outbox.lanes.turns import Turn
from worker.outcome import Health

TERMS = Terms(lease=45, outlast=35, in_flight=5)

SUCCESS = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id="R1", answer="R1", health=Health.WELL)
RETRY = Settlement(State.RETRYABLE, State.RETRYABLE, delay=30, failures=1, code="unreachable")
DOUBT = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="unanswered", needs_person=True, health=Health.ILL)
ACCEPTED = Settlement(
    State.IN_DOUBT, State.IN_DOUBT, code="unreadable_answer", accepted=True, needs_person=True, health=Health.ILL
)
REFUSAL = Settlement(State.FAILED, State.FAILED, code="refused", detail="Nej", health=Health.WELL)
DIED = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="worker_died", needs_person=True, health=Health.ILL)


def make(box: Outbox, state: State = State.PENDING, **overrides: Any) -> int:
    """Make one operation."""
    with box.write() as connection:
        return factory.make_operation(connection, state, **overrides)


def wake_all(box: Outbox) -> None:
    """Wake every lane."""
    with box.read() as connection:
        keys = [(row.customer_id, row.kind) for row in connection.execute(select(Lane.customer_id, Lane.kind))]
    lanes.wake(box, keys)


def begin(box: Outbox, kind: str = "comeback", lease: float = 45) -> Turn:
    """Wake every lane and take the turn at the first."""
    wake_all(box)
    turn = lanes.take(box, kind, lease=lease, worker="here:1")
    assert turn is not None
    return turn


def turn_on_an_empty_lane(box: Outbox) -> Turn:
    """Take the turn at a lane whose one operation has succeeded."""
    make(box)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    return turn


def release(box: Outbox, turn: Turn, *kinds: str) -> str | None:
    """Give the turn back and look once more: the kind, of these or its own, whose lane is due longest."""
    lanes.release(box, turn)
    return lanes.longest_due(box, {turn.kind, *kinds})


def read(box: Outbox, operation_id: int) -> Any:
    """Read the operation's row."""
    with box.read() as connection:
        return factory.operation(connection, operation_id)


def lane(box: Outbox, customer_id: str = factory.CUSTOMER, kind: str = "comeback") -> Any:
    """Read the lane's row."""
    with box.read() as connection:
        return factory.lane(connection, customer_id, kind)


def entries(box: Outbox, operation_id: int) -> list[Any]:
    """Read the operation's history."""
    with box.read() as connection:
        return factory.history(connection, operation_id)


def holds(box: Outbox) -> list[Any]:
    """Read all holds."""
    with box.read() as connection:
        return list(connection.execute(select(Hold.__table__).order_by(Hold.id)).all())


def change(box: Outbox, operation_id: int | None = None, **values: Any) -> None:
    """Set columns of one operation, or of all."""
    target = update(Operation) if operation_id is None else update(Operation).where(Operation.id == operation_id)
    with box.write() as connection:
        connection.execute(target.values(values))


def claim(box: Outbox, turn: Turn, want: int = 5, terms: Terms = TERMS) -> Exchanged:
    """An exchange that only claims."""
    return exchange(box, turn, [], want, terms)


def settle(box: Outbox, turn: Turn, finished: Iterable[Finished]) -> Exchanged:
    """An exchange that only settles."""
    return exchange(box, turn, list(finished), 0, TERMS)


def done(claimed: Claimed, settlement: Settlement) -> Finished:
    """What a thread puts down."""
    return Finished(claimed.id, claimed.attempt, settlement, "here:1", seconds=0.1, tries=1, written=True)
