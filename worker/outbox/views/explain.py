"""Reads at one moment all that decides when an operation is sent, by the very predicates that decide."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, literal, or_, select

from models import WAITING, Attempt, Environment, Event, Hold, Lane, Operation, State, UtcDateTime
from worker.outbox.database.database import Database
from worker.outbox.database.sql import as_of, read_current_time
from worker.outbox.predicates import (
    covers,
    earlier,
    half_open_probe,
    hold_is_active,
    in_flight,
    is_parent,
    lane_is_due,
    lane_is_free,
    look_up_due,
    look_ups_of_doubt,
    permission_expired,
    predecessors,
    ready,
)
from worker.outbox.views.status import OperationStatus, read_status

MAX_PARENTS = 20
"""How many parents of parents are read; from there on, the next one is to be asked about by itself."""

MAX_COUNT = 10_000
"""Rows that are counted at most: whether 10,000 or a million come first makes no difference to the one that waits."""


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """The facts that all operations share at the moment `at`. `row`: None before any worker has started."""

    at: datetime
    row: RowMapping | None
    in_flight: int


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """The facts that decide about one operation. Rows are mappings of their columns."""

    environment: EnvironmentFacts
    row: RowMapping
    status: OperationStatus
    lane: RowMapping
    """With `free`: no turn has it."""
    holds: tuple[RowMapping, ...]
    """Those over its lane, the widest first, with `holds`: false where it has run out and awaits the half-open probe."""
    opens_at: datetime | None
    """Its kind is outside its sending hours until then."""
    probe_id: int | None
    """The operation in flight that is the half-open probe of a scope which comes out of a hold."""
    operations_ahead: int
    """Operations of its lane that are sent or looked up before it."""
    lanes_ahead: int
    """Lanes of its kind that have waited longer for a turn."""
    predecessor_id: int | None
    """The earliest operation that must end before it, since both set the same thing at Vitec."""
    similar_ids: tuple[int, ...]
    """Operations in flight or in doubt that a look-up could confuse with it."""
    look_ups: int
    """Look-ups of the present doubt."""
    look_up_detail: str | None
    """The finding of the latest look-up of the present attempt."""
    parent_id: int | None
    """The operation it comes after; None: it has ended, comes after none, or after one that is not known."""
    parent: "OperationFacts | None"
    """The facts of the operation it comes after; None also in a circle, and where it is too far up."""
    in_circle: bool
    """It comes, through others perhaps, after itself."""


def read_facts(db: Database, operation_id: int) -> OperationFacts | None:
    """Read what decides about the operation, and about those it comes after; None: there is no such operation."""
    with db.read() as connection:
        at = read_current_time(connection)
        row = connection.execute(select(Environment.__table__)).mappings().one_or_none()
        in_flight_count = connection.scalar(select(func.count()).select_from(Operation).where(in_flight)) or 0
        return _read(connection, db, EnvironmentFacts(at, row, in_flight_count), operation_id, frozenset())


def _read(
    connection: Connection, db: Database, environment: EnvironmentFacts, operation_id: int, children: frozenset[int]
) -> OperationFacts | None:
    operation = select(Operation.__table__).where(Operation.id == operation_id)
    row = connection.execute(operation).mappings().one_or_none()
    if row is None:
        return None
    at = environment.at
    # One moment for all statements: an operation that is due for one of them is due for the next, too.
    moment = literal(at, UtcDateTime())
    own_lane = and_(Lane.customer_id == row["customer_id"], Lane.kind == row["kind"])
    lane = (
        connection.execute(select(Lane.__table__, as_of(lane_is_free, moment).label("free")).where(own_lane))
        .mappings()
        .one()
    )
    family = children | {operation_id}
    parent_id = _parent_id(connection, row) if row["state"] in WAITING else None
    is_near = parent_id is not None and parent_id not in family and len(family) <= MAX_PARENTS
    window = db.hours.windows.get(row["kind"])
    return OperationFacts(
        environment=environment,
        row=row,
        status=read_status(connection, moment, [operation_id])[0],
        lane=lane,
        holds=_holds(connection, moment, own_lane),
        opens_at=None if window is None or window.holds(at) else window.opens(at),
        probe_id=connection.scalar(
            as_of(half_open_probe, moment), {"lane_customer": row["customer_id"], "lane_kind": row["kind"]}
        ),
        operations_ahead=_operations_ahead(connection, at, row),
        lanes_ahead=_lanes_ahead(connection, moment, lane),
        predecessor_id=_predecessor_id(connection, moment, row),
        similar_ids=_similar_ids(connection, row),
        look_ups=connection.scalar(select(look_ups_of_doubt).where(Operation.id == operation_id)) or 0,
        look_up_detail=_look_up_detail(connection, row) if row["look_ups"] else None,
        parent_id=parent_id,
        parent=_read(connection, db, environment, parent_id, family) if parent_id is not None and is_near else None,
        in_circle=parent_id in family,
    )


def _same_lane(row: RowMapping) -> ColumnElement[bool]:
    return and_(Operation.customer_id == row["customer_id"], Operation.kind == row["kind"])


def _holds(
    connection: Connection, moment: ColumnElement[datetime], own_lane: ColumnElement[bool]
) -> tuple[RowMapping, ...]:
    over_lane = (
        select(Hold.__table__, as_of(hold_is_active, moment).label("holds"))
        .join(Lane, and_(own_lane, covers(Hold, Lane)))
        # By their names the scopes stand from the widest to the narrowest.
        .order_by(Hold.scope, Hold.since, Hold.id)
    )
    return tuple(connection.execute(over_lane).mappings())


def _operations_ahead(connection: Connection, at: datetime, row: RowMapping) -> int:
    """Count in the order of claims: look-ups of doubts, then those of expired permission, then what is ready."""
    moment = literal(at, UtcDateTime())
    doubts, expired, to_send = (
        and_(_same_lane(row), as_of(is_due, moment)) for is_due in (look_up_due, permission_expired, ready)
    )
    before = or_(
        Operation.next_attempt_at < row["next_attempt_at"],
        and_(Operation.next_attempt_at == row["next_attempt_at"], Operation.id < row["id"]),
    )
    if row["state"] is State.IN_DOUBT:
        return _count(connection, and_(doubts, before))
    if row["state"] not in WAITING:
        return 0
    if row["send_again_until"] is not None and row["send_again_until"] <= at:
        return _count(connection, doubts) + _count(connection, and_(expired, before))
    return sum(_count(connection, condition) for condition in (doubts, expired, and_(to_send, before)))


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    limited = select(Operation.id).where(condition).limit(MAX_COUNT).subquery()
    return connection.scalar(select(func.count()).select_from(limited)) or 0


def _lanes_ahead(connection: Connection, moment: ColumnElement[datetime], lane: RowMapping) -> int:
    if lane["due_at"] is None or not lane["free"]:
        return 0
    before = or_(
        Lane.due_at < lane["due_at"],
        and_(Lane.due_at == lane["due_at"], Lane.customer_id < lane["customer_id"]),
    )
    return (
        connection.scalar(select(func.count()).where(Lane.kind == lane["kind"], as_of(lane_is_due, moment), before))
        or 0
    )


def _predecessor_id(connection: Connection, moment: ColumnElement[datetime], row: RowMapping) -> int | None:
    if row["sequence_key"] is None or row["state"] not in WAITING:
        return None
    first = select(func.min(earlier.id)).where(predecessors).correlate(Operation).scalar_subquery()
    # A look-up changes nothing at Vitec, so it waits for no predecessor.
    is_sent_next = or_(Operation.send_again_until.is_(None), Operation.send_again_until > moment)
    return connection.scalar(select(as_of(first, moment)).where(Operation.id == row["id"], is_sent_next))


def _similar_ids(connection: Connection, row: RowMapping) -> tuple[int, ...]:
    if row["match_key"] is None:
        return ()
    in_question = Operation.state.in_([State.IN_FLIGHT, State.IN_DOUBT])
    same_key = and_(Operation.match_key == row["match_key"], Operation.id != row["id"])
    similar = select(Operation.id).where(_same_lane(row), same_key, in_question).order_by(Operation.id).limit(3)
    return tuple(connection.scalars(similar))


def _look_up_detail(connection: Connection, row: RowMapping) -> str | None:
    latest = (
        select(Attempt.detail)
        .where(Attempt.operation_id == row["id"], Attempt.attempt == row["attempt"], Attempt.event == Event.LOOKED_UP)
        .order_by(Attempt.id.desc())
        .limit(1)
    )
    return connection.scalar(latest)


def _parent_id(connection: Connection, row: RowMapping) -> int | None:
    if row["after_source_id"] is None:
        return None
    is_its_parent = is_parent(Operation, row["feed"], row["after_kind"], row["after_source_id"])
    return connection.scalar(select(Operation.id).where(is_its_parent))
