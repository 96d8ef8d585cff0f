"""Obstacles in an operation's way, one by one, and the truth about them: the very next claim."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from models import Attempt, Environment, Hold, HoldReason, Lane, Operation, Scope, State
from tests import factory
from tests.factory import MOMENT
from worker.explaining import Limits
from worker.outbox import Database
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.exchange import rate_limit
from worker.outbox.exchange.claim import TurnPolicy
from worker.outbox.exchange.exchange import exchange
from worker.outbox.lanes import environments, turns
from worker.outbox.lanes.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

LIMITS = Limits(rate=10, in_flight=2)
OPEN, CLOSED = "08:00-20:00", "12:00-20:00"
"""It is ten o'clock in Stockholm."""

EARLIER, LATER = MOMENT - timedelta(minutes=1), MOMENT + timedelta(minutes=1)

SUBJECTS: dict[str, dict[str, Any]] = {
    "pending": {"state": State.PENDING},
    "retryable": {"state": State.RETRYABLE},
    "to be looked up": {"state": State.IN_DOUBT, "needs_person": False, "look_ups": 1},
    "expired permission": {"state": State.RETRYABLE, "send_again_until": EARLIER},
    "fresh permission": {"state": State.RETRYABLE, "send_again_until": LATER},
    "for a person": {"state": State.IN_DOUBT},
    "succeeded": {"state": State.SUCCEEDED},
}
"""The operations that are explained, due unless an obstacle says otherwise."""

COLUMNS: dict[str, dict[str, Any]] = {
    "for later": {"next_attempt_at": LATER},
    "too late": {"expires_at": MOMENT},
    "soon too late": {"expires_at": LATER},
    "unknown parent": {"after_kind": "appointment", "after_source_id": "nobody"},
    "waiting parent": {"after_kind": "appointment", "after_source_id": "P-pending"},
    "failed parent": {"after_kind": "appointment", "after_source_id": "P-failed"},
    "successful parent": {"after_kind": "appointment", "after_source_id": "P-succeeded"},
}
"""Obstacles in the operation's own columns."""


def _held(scope: Scope, **overrides: Any) -> Callable[[Connection], None]:
    def make(connection: Connection) -> None:
        factory.make_hold(connection, scope, **overrides)

    return make


def _half_open_probe(connection: Connection) -> None:
    factory.make_hold(connection, Scope.ENVIRONMENT, reason=HoldReason.REDIRECTED, until=EARLIER)
    factory.make_operation(connection, State.IN_FLIGHT, customer_id="M1")


def _full(connection: Connection) -> None:
    for customer in ("M8", "M9"):
        factory.make_operation(connection, State.IN_FLIGHT, customer_id=customer)


def _environment(**values: Any) -> Callable[[Connection], None]:
    def change(connection: Connection) -> None:
        connection.execute(update(Environment).values(values))

    return change


def _never_started(connection: Connection) -> None:
    connection.execute(delete(Environment))


def _lane(**values: Any) -> Callable[[Connection], None]:
    def change(connection: Connection) -> None:
        own = (Lane.customer_id == factory.CUSTOMER, Lane.kind == "comeback")
        connection.execute(update(Lane).where(*own).values(values))

    return change


def _predecessor(connection: Connection) -> None:
    """Put an operation on the same thing before the others: its id is lower than theirs."""
    connection.execute(update(Operation).where(Operation.kind == "comeback").values(sequence_key="order/1"))
    factory.make_operation(connection, State.IN_DOUBT, kind="notification", id=-1, sequence_key="order/1")


def _another_lane(connection: Connection) -> None:
    factory.make_operation(connection, State.PENDING, customer_id="M2")
    connection.execute(update(Lane).where(Lane.customer_id == "M2").values(due_at=MOMENT - timedelta(hours=1)))


def _another(state: State, **overrides: Any) -> Callable[[Connection], None]:
    def make(connection: Connection) -> None:
        factory.make_operation(connection, state, next_attempt_at=MOMENT - timedelta(hours=1), **overrides)

    return make


SURROUNDINGS: dict[str, Callable[[Connection], None]] = {
    "held environment": _held(Scope.ENVIRONMENT, reason=HoldReason.UNAVAILABLE),
    "held group": _held(Scope.GROUP),
    "paused lane": _held(Scope.LANE, reason=HoldReason.PAUSED, until=None),
    "another's hold": _held(Scope.GROUP, customer_id="M2"),
    "a hold that is over": _held(Scope.ENVIRONMENT, reason=HoldReason.THROTTLED, until=EARLIER),
    "half-open probe": _half_open_probe,
    "full": _full,
    "pace used up": _environment(next_slot_at=MOMENT + timedelta(seconds=2)),
    "slot at once": _environment(next_slot_at=MOMENT + timedelta(seconds=0.05)),
    "silent": _environment(dispatched_at=MOMENT - timedelta(seconds=61)),
    "never started": _never_started,
    "not woken": _lane(due_at=None),
    "woken for later": _lane(due_at=LATER),
    "turn at work": _lane(token=7, lease_until=MOMENT + timedelta(seconds=45), worker="there:2"),
    "another lane": _another_lane,
    "predecessor": _predecessor,
    "one before it": _another(State.PENDING),
    "a doubt before it": _another(State.IN_DOUBT, needs_person=False),
}
"""Obstacles round the operation."""

OBSTACLES = (*COLUMNS, *SURROUNDINGS, "closed")


def can_meet(names: frozenset[str]) -> bool:
    """Check whether an operation can have all these obstacles at once: a column has one value."""
    return sum("parent" in name for name in names) <= 1 and not names >= {"too late", "soon too late"}


def arrange(db: Database, subject: str, names: frozenset[str]) -> tuple[Database, int]:
    """Put the operation and these obstacles, alone, into the database; returns it with its hours, and the id."""
    with db.write() as connection:
        for table in (Attempt, Operation, Hold, Lane, Environment):
            connection.execute(delete(table))
        factory.make_environment(connection, dispatched_at=MOMENT)
        for state in (State.PENDING, State.FAILED, State.SUCCEEDED):
            factory.make_operation(connection, state, kind="appointment", source_id=f"P-{state.value}")
        values: dict[str, Any] = {"next_attempt_at": MOMENT - timedelta(minutes=10), **SUBJECTS[subject]}
        for name in names & set(COLUMNS):
            values |= COLUMNS[name]
        operation_id = factory.make_operation(connection, **values)
        connection.execute(update(Lane).values(due_at=MOMENT - timedelta(minutes=5)))
        for name, surround in SURROUNDINGS.items():
            if name in names:
                surround(connection)
    hours = SendingHours.of({"comeback": CLOSED if "closed" in names else OPEN})
    return Database(db.engine, hours), operation_id


@dataclass(frozen=True, slots=True)
class Claim:
    """Find the operations that the very next claim takes."""

    sent: tuple[int, ...] = ()
    looked_up: tuple[int, ...] = ()


def next_claim(db: Database, operation_id: int) -> Claim:
    """Let a worker come, if any is at work, take a turn at the operation's lane, and claim one operation."""
    with db.read() as connection:
        row = connection.execute(
            select(Lane.__table__)
            .join(Operation, (Operation.customer_id == Lane.customer_id) & (Operation.kind == Lane.kind))
            .where(Operation.id == operation_id)
        ).one()
        registered = connection.scalar(select(Environment.id)) is not None
    if (
        not registered
        or not environments.dispatched_within(db, 60)
        or not rate_limit.reserve_slots(db, LIMITS.rate, 1).offsets
    ):
        return Claim()
    turn = _turn(db, row)
    if turn is None or turn.customer_id != row.customer_id:
        return Claim()
    exchanged = exchange(db, turn, [], 1, TurnPolicy(lease=45, outlast=35, in_flight=LIMITS.in_flight))
    return Claim(
        sent=tuple(claimed.id for claimed in exchanged.claimed),
        looked_up=tuple(look_up.id for look_up in exchanged.look_ups),
    )


def _turn(db: Database, lane: Any) -> Turn | None:
    if lane.lease_until is None:
        return turns.take_turn(db, lane.kind, lease=45, worker="here:1")
    # The turn that is at work there ends as soon as the hours do.
    closed = turns.is_outside_hours(db, lane.kind)
    return None if closed else Turn(lane.customer_id, lane.kind, lane.function_group, lane.token)
