"""All that decides when an operation is sent, read at one moment by the very predicates that decide."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, literal, or_, select

from models import WAITING, Attempt, Environment, Event, Hold, Lane, Operation, State, UtcDateTime
from worker.outbox.database.database import Database
from worker.outbox.exchange.capacity import half_open_probe
from worker.outbox.exchange.rivals import count_look_ups
from worker.outbox.operators.decisions import OperationStatus, read_status
from worker.outbox.predicates import (
    Now,
    covers,
    hold_is_active,
    in_flight,
    is_parent,
    lane_is_due,
    lane_is_free,
    look_up_due,
    permission_expired,
    ready,
)

DEEP = 20
"""How many parents of parents are read; from there on, the next one is to be asked about by itself."""

MANY = 10_000
"""Rows that are counted at most: whether 10,000 or a million go first is the same to whoever waits."""


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """What is the same for all operations at the moment `at`. `environment`: None before any worker has started."""

    at: datetime
    environment: RowMapping | None
    in_flight: int


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """What decides about one operation. Rows are mappings of their columns."""

    house: EnvironmentFacts
    row: RowMapping
    standing: OperationStatus
    lane: RowMapping
    """With `free`: nobody has a turn there."""
    holds: tuple[RowMapping, ...]
    """Those over its lane, the widest first, with `holds`: false where it has run out and one operation goes first."""
    opens: datetime | None
    """Its kind is outside its sending hours until then."""
    first: int | None
    """The operation in flight that goes first in a scope which comes out of a hold."""
    ahead: int
    """Operations of its lane that are sent or looked up before it."""
    lanes_ahead: int
    """Lanes of its kind that have waited longer for a turn."""
    alike: tuple[int, ...]
    """Operations in flight or in doubt that a look-up could confuse with it."""
    sight: RowMapping | None
    """What its latest look-up found, of the present attempt."""
    asked: int
    """Look-ups of the present doubt."""
    parent_id: int | None
    """The operation it comes after; None: it has ended, comes after none, or after one that is not known."""
    parent: "OperationFacts | None"
    """What is known of that one; None also in a circle, and where it is too far up."""
    circle: bool
    """It comes, through others perhaps, after itself."""


def read_facts(db: Database, operation_id: int) -> OperationFacts | None:
    """Read what decides about the operation, and about those it comes after; None: there is no such operation."""
    with db.read() as connection:
        at = connection.execute(select(db.clock.now())).scalar_one()
        environment = connection.execute(select(Environment.__table__)).mappings().one_or_none()
        under_way = connection.scalar(select(func.count()).select_from(Operation).where(in_flight)) or 0
        return _read(connection, db, EnvironmentFacts(at, environment, under_way), operation_id, frozenset())


def _read(
    connection: Connection, db: Database, house: EnvironmentFacts, operation_id: int, children: frozenset[int]
) -> OperationFacts | None:
    found = select(Operation.__table__).where(Operation.id == operation_id)
    row = connection.execute(found).mappings().one_or_none()
    if row is None:
        return None
    # One moment for all statements: what one of them sees as due, the next sees too.
    now = literal(house.at, UtcDateTime())
    lane = _lane(connection, now, row)
    waits = row["state"] in WAITING
    family = children | {operation_id}
    after = _parent_of(connection, row) if waits else None
    near = after is not None and after not in family and len(family) <= DEEP
    window = db.hours.windows.get(row["kind"])
    return OperationFacts(
        house=house,
        row=row,
        standing=read_status(connection, now, [operation_id])[0],
        lane=lane,
        holds=_holds(connection, now, row),
        opens=None if window is None or window.holds(house.at) else window.opens(house.at),
        first=connection.scalar(half_open_probe(now), {"lane_customer": row["customer_id"], "lane_kind": row["kind"]}),
        ahead=_ahead(connection, house.at, row),
        lanes_ahead=_lanes_ahead(connection, now, lane),
        alike=_alike(connection, row),
        sight=_sight(connection, row),
        asked=connection.scalar(select(count_look_ups()).where(Operation.id == operation_id)) or 0,
        parent_id=after,
        parent=_read(connection, db, house, after, family) if after is not None and near else None,
        circle=after in family,
    )


def _here(row: RowMapping) -> ColumnElement[bool]:
    return and_(Operation.customer_id == row["customer_id"], Operation.kind == row["kind"])


def _lane(connection: Connection, now: Now, row: RowMapping) -> RowMapping:
    own = and_(Lane.customer_id == row["customer_id"], Lane.kind == row["kind"])
    return connection.execute(select(Lane.__table__, lane_is_free(now).label("free")).where(own)).mappings().one()


def _holds(connection: Connection, now: Now, row: RowMapping) -> tuple[RowMapping, ...]:
    own = and_(Lane.customer_id == row["customer_id"], Lane.kind == row["kind"])
    over = (
        select(Hold.__table__, hold_is_active(now).label("holds"))
        .join(Lane, and_(own, covers(Hold, Lane)))
        # By their names the scopes stand from the widest to the narrowest.
        .order_by(Hold.scope, Hold.since, Hold.id)
    )
    return tuple(connection.execute(over).mappings())


def _ahead(connection: Connection, at: datetime, row: RowMapping) -> int:
    """Count as a turn takes: look-ups of doubts first, then those of old leave, then what is ready; each by time."""
    now = literal(at, UtcDateTime())
    asked, again, sent = (and_(_here(row), which) for which in (look_up_due(now), permission_expired(now), ready(now)))
    before = or_(
        Operation.next_attempt_at < row["next_attempt_at"],
        and_(Operation.next_attempt_at == row["next_attempt_at"], Operation.id < row["id"]),
    )
    if row["state"] is State.IN_DOUBT:
        return _count(connection, and_(asked, before))
    if row["state"] not in WAITING:
        return 0
    if row["send_again_until"] is not None and row["send_again_until"] <= at:
        return _count(connection, asked) + _count(connection, and_(again, before))
    return sum(_count(connection, which) for which in (asked, again, and_(sent, before)))


def _count(connection: Connection, which: ColumnElement[bool]) -> int:
    some = select(Operation.id).where(which).limit(MANY).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _lanes_ahead(connection: Connection, now: Now, lane: RowMapping) -> int:
    if lane["due_at"] is None or not lane["free"]:
        return 0
    before = or_(
        Lane.due_at < lane["due_at"],
        and_(Lane.due_at == lane["due_at"], Lane.customer_id < lane["customer_id"]),
    )
    return connection.scalar(select(func.count()).where(Lane.kind == lane["kind"], lane_is_due(now), before)) or 0


def _alike(connection: Connection, row: RowMapping) -> tuple[int, ...]:
    if row["match_key"] is None:
        return ()
    others = (
        select(Operation.id)
        .where(
            _here(row),
            Operation.match_key == row["match_key"],
            Operation.id != row["id"],
            Operation.state.in_([State.IN_FLIGHT, State.IN_DOUBT]),
        )
        .order_by(Operation.id)
        .limit(3)
    )
    return tuple(connection.scalars(others))


def _sight(connection: Connection, row: RowMapping) -> RowMapping | None:
    if not row["look_ups"]:
        return None
    latest = (
        select(Attempt.at, Attempt.code, Attempt.detail)
        .where(Attempt.operation_id == row["id"], Attempt.attempt == row["attempt"], Attempt.event == Event.LOOKED_UP)
        .order_by(Attempt.id.desc())
        .limit(1)
    )
    return connection.execute(latest).mappings().one_or_none()


def _parent_of(connection: Connection, row: RowMapping) -> int | None:
    if row["after_source_id"] is None:
        return None
    named = is_parent(Operation, row["feed"], row["after_kind"], row["after_source_id"])
    return connection.scalar(select(Operation.id).where(named))
