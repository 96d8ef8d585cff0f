"""The claim: up to so many ready operations of a lane are put in flight, oldest due first."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, and_, bindparam, select, tuple_, update

from models import Operation, UtcDateTime
from models.base import RowId
from worker.outbox import moves
from worker.outbox.database.sql import cached_statement, pick_unlocked, without_index
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import Now, in_named_lane, not_expired, ready, sendable

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClaimCursor:
    """How far the claims of a turn have come: the last row, and since when what is in flight was claimed.

    While somebody holds an old snapshot, the indexes keep an entry of every row that was claimed since. To begin each
    time at the start would be to step over all of them, so that claims become slower and slower.
    """

    due: datetime = EARLIEST
    id: int = 0
    since: datetime = EARLIEST

    @property
    def values(self) -> dict[str, Any]:
        """The values of `after_place`."""
        return {"due": self.due, "after": self.id}


FROM_START = ClaimCursor()

after_cursor: ColumnElement[bool] = tuple_(Operation.next_attempt_at, Operation.id) > tuple_(
    bindparam("due", type_=UtcDateTime), bindparam("after", type_=RowId)
)
"""The operation comes after the place, in the order of claims."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operation that is now in flight and will be sent."""

    id: int
    attempt: int
    failures: int
    max_failures: int
    payload: dict[str, Any]


def claim(
    connection: Connection, now: Now, turn: Turn, most: int, place: ClaimCursor = FROM_START
) -> tuple[tuple[Claimed, ...], ClaimCursor]:
    """Put up to `most` ready operations of the lane in flight, oldest due first, and say where to go on.

    Those from `place` on come first; if there are not enough of them, the others. The lane is locked.
    """
    if most <= 0:
        return (), place
    rows = _claimed(connection, now, turn, most, place)
    if len(rows) == most:
        return tuple(map(_as_claimed, rows)), replace(place, due=rows[-1].next_attempt_at, id=rows[-1].id)
    if place.id:
        rows += _claimed(connection, now, turn, most - len(rows), FROM_START)
    return tuple(map(_as_claimed, rows)), replace(FROM_START, since=place.since)


def _claimed(connection: Connection, now: Now, turn: Turn, most: int, place: ClaimCursor) -> list[Row[Any]]:
    values = {**turn.parameters, **place.values, "most": most}
    return sorted(connection.execute(_put_in_flight(now), values), key=lambda row: (row.next_attempt_at, row.id))


def _as_claimed(row: Row[Any]) -> Claimed:
    return Claimed(row.id, row.attempt, row.failures, row.max_failures, row.payload or {})


@cached_statement
def _put_in_flight(now: Now) -> Any:
    next_ready = (
        select(Operation.id)
        .where(in_named_lane, ready, after_cursor)
        .order_by(Operation.next_attempt_at, Operation.id)
        .limit(bindparam("most", type_=Integer))
    )
    return (
        update(Operation)
        .where(Operation.id.in_(pick_unlocked(next_ready)), without_index(and_(sendable, not_expired)))
        .values(moves.claimed(now, bindparam("lane_token")))
        .returning(
            Operation.id,
            Operation.attempt,
            Operation.failures,
            Operation.max_failures,
            Operation.payload,
            Operation.next_attempt_at,
        )
        .execution_options(synchronize_session=False)
    )
