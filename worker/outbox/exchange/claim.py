"""The claim: how many more requests a turn may have under way, and the operations of its lane that it puts in flight."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Row,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from models import Hold, HoldReason, Lane, Operation, UtcDateTime
from models.base import RowId
from worker.outbox import moves
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, later, pick_unlocked, without_index
from worker.outbox.exchange.holds import HoldPolicy
from worker.outbox.exchange.look_ups import LookUpPolicy
from worker.outbox.lanes.turns import Turn, is_named_lane, is_own_lane
from worker.outbox.predicates import (
    covers,
    half_open_probe,
    in_flight,
    in_lane,
    in_named_lane,
    lane_has_look_up_due,
    lane_is_held,
    look_up_running,
    not_expired,
    ready,
    sendable,
    suspects,
)

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """The numbers of a turn. Durations in seconds."""

    lease: float = 45.0
    outlast: float = 35.0
    """By how much the lease must outlast a claim: the request's whole deadline and a margin."""
    in_flight: int = 5
    """How many requests the environment allows at once, all workers together."""
    base_url: str | None = None
    """The address of Vitec to which the turn sends; None: whichever the database belongs to."""
    hold_policy: HoldPolicy = field(default_factory=HoldPolicy)
    look_ups: LookUpPolicy = field(default_factory=LookUpPolicy)
    prepare: Callable[[Connection, Turn], bool] | None = None
    """Readies the lane's operations for a claim, in its transaction, where the kind needs that; False: not all of them yet."""


@dataclass(frozen=True, slots=True)
class ClaimCursor:
    """How far the claims of a turn have come: the last row, and since when what is in flight was claimed.

    While an old snapshot is held, the indexes keep an entry of every row that was claimed since. To begin each time at
    the start would be to step over all of them, so that claims become slower and slower.
    """

    due: datetime = EARLIEST
    id: int = 0
    since: datetime = EARLIEST

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of `after_cursor`."""
        return {"due": self.due, "after": self.id}


FROM_START = ClaimCursor()

after_cursor: ColumnElement[bool] = tuple_(Operation.next_attempt_at, Operation.id) > tuple_(
    bindparam("due", type_=UtcDateTime), bindparam("after", type_=RowId)
)
"""The operation comes after the cursor, in the order of claims."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many more requests a turn may have under way now, and how it stands to its lane."""

    free: int
    active_hold: bool
    """A hold that has not ended covers the lane."""
    lease_stands: bool
    lease_suffices: bool
    """The lease outlasts a request that is claimed now."""
    look_up_due: bool
    since: datetime
    """When the oldest operation in flight was claimed."""
    share: int
    """How many the turn may have under way, if the other turns leave it capacity."""


def capacity_of(connection: Connection, turn: Turn, policy: TurnPolicy, cursor: ClaimCursor) -> Capacity:
    """Read how many more requests the turn may have under way; its lane is locked.

    Living turns share the environment's limit, the first of them its remainder: without shares the first turn would keep
    all of it, since it claims again in the transaction in which it settles.
    """
    parameters = {**turn.parameters, "outlast": policy.outlast, "since": cursor.since}
    row = connection.execute(_LOAD, parameters).one()
    quotient, remainder = divmod(policy.in_flight, max(1, row.turns))
    share = quotient + int(row.turns_before < remainder)
    free = 0 if row.active_hold else min(policy.in_flight - row.in_flight, share - row.own)
    if row.any_hold and free > 0:
        # After a hold has ended, and until something succeeds, a single request of its scope may be under way; and a
        # single one with a login that has been refused.
        free = int(connection.scalar(half_open_probe, turn.parameters) is None)
    return Capacity(
        free,
        bool(row.active_hold),
        bool(row.lease_stands),
        bool(row.lease_suffices),
        bool(row.look_up_due),
        row.since,
        share,
    )


# Counted singly: each has a partial index of its own.
_flying = and_(in_flight, Operation.claimed_at >= bindparam("since", type_=UtcDateTime))
_count = select(func.count()).select_from(Operation)
_sends = _count.where(_flying).scalar_subquery()
_look_ups = _count.where(look_up_running).scalar_subquery()
_own_sends = _count.where(in_lane(Lane), _flying).correlate(Lane).scalar_subquery()
# Counted among all running look-ups: as a condition the lane leads into whatever index begins with it, which in a table
# that PostgreSQL believes to be empty was all of one.
_count_own = select(func.count().filter(in_lane(Lane))).select_from(Operation)
_own_look_ups = _count_own.where(look_up_running).correlate(Lane).scalar_subquery()
_oldest = select(func.min(Operation.claimed_at)).where(_flying).scalar_subquery()
_other_lane = aliased(Lane, name="other")
_turns = select(func.count()).select_from(_other_lane).where(_other_lane.lease_until > current_time)
_stands_before = tuple_(_other_lane.customer_id, _other_lane.kind) < tuple_(Lane.customer_id, Lane.kind)
_LOAD = select(
    (_sends + _look_ups).label("in_flight"),
    (_own_sends + _own_look_ups).label("own"),
    _turns.scalar_subquery().label("turns"),
    _turns.where(_stands_before).correlate(Lane).scalar_subquery().label("turns_before"),
    func.coalesce(_oldest, current_time, type_=UtcDateTime).label("since"),
    (Lane.lease_until > current_time).label("lease_stands"),
    (Lane.lease_until > later(current_time, bindparam("outlast", type_=Float))).label("lease_suffices"),
    lane_is_held.label("active_hold"),
    lane_has_look_up_due.label("look_up_due"),
    select(Hold.id).where(or_(covers(Hold, Lane), suspects(Hold, Lane))).correlate(Lane).exists().label("any_hold"),
).where(is_own_lane)
"""The requests and turns under way, by which the capacity of the turn's lane is reckoned."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operation that is now in flight and will be sent."""

    id: int
    attempt: int
    failures: int
    max_failures: int
    payload: dict[str, Any]
    singled_out: bool = False
    """As in `DecisionFacts`."""


def claim(
    connection: Connection, turn: Turn, wanted: int, cursor: ClaimCursor = FROM_START
) -> tuple[tuple[Claimed, ...], ClaimCursor]:
    """Put up to `wanted` ready operations of the lane in flight, oldest due first, and return where to go on.

    Those from `cursor` on come first; if there are not enough of them, those before it. The lane is locked.
    """
    if wanted <= 0:
        return (), cursor
    rows = _put_in_flight(connection, turn, wanted, cursor)
    if len(rows) == wanted:
        next_cursor = replace(cursor, due=rows[-1].next_attempt_at, id=rows[-1].id)
    else:
        next_cursor = replace(FROM_START, since=cursor.since)
        if cursor.id:
            rows += _put_in_flight(connection, turn, wanted - len(rows), FROM_START)
    claimed = tuple(
        Claimed(row.id, row.attempt, row.failures, row.max_failures, row.payload or {}, bool(row.singled_out))
        for row in rows
    )
    return claimed, next_cursor


def _put_in_flight(connection: Connection, turn: Turn, wanted: int, cursor: ClaimCursor) -> list[Row[Any]]:
    parameters = {**turn.parameters, **cursor.parameters, "wanted": wanted}
    return sorted(connection.execute(_CLAIM, parameters), key=lambda row: (row.next_attempt_at, row.id))


_next_ready = (
    select(Operation.id)
    .where(in_named_lane, ready, after_cursor)
    .order_by(Operation.next_attempt_at, Operation.id)
    .limit(bindparam("wanted", type_=Integer))
)
# By the values of the statement: SQLite compares the columns of RETURNING without the names of their tables.
_lane_is_well = select(Lane.foreign_in_row == 0).where(is_named_lane).scalar_subquery()
_singled_out = case((Operation.error_code == HoldReason.FOREIGN_ANSWER, _lane_is_well), else_=false())
_CLAIM = (
    update(Operation)
    .where(Operation.id.in_(pick_unlocked(_next_ready)), without_index(and_(sendable, not_expired)))
    .values(moves.claimed(bindparam("lane_token")))
    .returning(
        Operation.id,
        Operation.attempt,
        Operation.failures,
        Operation.max_failures,
        Operation.payload,
        Operation.next_attempt_at,
        _singled_out.label("singled_out"),
    )
    .execution_options(synchronize_session=False)
)


def find_claims_without_thread(db: Database, turn: Turn, busy: frozenset[int]) -> list[tuple[int, int]]:
    """Find the operations, as (id, attempt), that this turn has in flight without having handed them to a thread.

    Asked after a claim with a commit that reported an error. `busy` are the ids that were handed over.
    """
    with db.read() as connection:
        rows = connection.execute(
            select(Operation.id, Operation.attempt).where(
                Operation.customer_id == turn.customer_id,
                Operation.kind == turn.kind,
                Operation.claimed_by == turn.token,
                in_flight,
            )
        )
        return [(row.id, row.attempt) for row in rows if row.id not in busy]
