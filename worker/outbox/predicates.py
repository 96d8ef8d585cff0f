"""What may be worked on now: one predicate for dispatch, claim and the last look of a turn.

What one of them sees as due, the others see too; otherwise turns would ring each other for ever.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    SQLColumnExpression,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from models import Attempt, Event, Hold, Lane, Operation, Scope, State
from models.operation import (
    AWAITING_PARENT_SQL,
    IN_DOUBT_SQL,
    IN_FLIGHT_SQL,
    NAMED_ONCE_SQL,
    NEEDS_PERSON_SQL,
    SENDABLE_SQL,
    UNREPORTED_SQL,
    WAITING_SQL,
)
from worker.outbox.database.statements import cached_statement


def _written_out(*conditions: str, row: str = "operations.") -> ColumnElement[bool]:
    """The conditions of a partial index in its own words: it is found only by constants, never by bound values.

    Without a type: a Boolean one would be compared with 1 on SQLite, which then reads the whole table.
    """
    return and_(*(literal_column(condition.format(row=row)) for condition in conditions))


waiting = _written_out(WAITING_SQL)
in_flight = _written_out(IN_FLIGHT_SQL)
claimed = _written_out("{row}claimed_by IS NOT NULL")
"""In flight, for a row that is found by its id: said so, no plan goes through the index of all that is in flight.

While an old snapshot is held, that index keeps an entry of every operation that has been in flight since.
"""
in_doubt = _written_out(IN_DOUBT_SQL)
needs_person = _written_out(NEEDS_PERSON_SQL)
sendable = _written_out(*SENDABLE_SQL)
"""Waiting, and not for another operation's success."""
awaiting_parent = _written_out(*AWAITING_PARENT_SQL)
child_awaits_parent = _written_out(*AWAITING_PARENT_SQL, row="child.")
"""`awaiting_parent` of the alias `child`."""
named_once = _written_out(NAMED_ONCE_SQL)
"""The operation's kind gives remote ids that are unique for each customer."""
unreported = _written_out(*UNREPORTED_SQL)
"""The CRM has not been told of the operation's verdict, of its doubt, or that it waits in vain for a parent."""

Now = ColumnElement[datetime]


def is_parent(parent: Any, feed: Any, after_kind: Any, after_source_id: Any) -> ColumnElement[bool]:
    """`parent` (the model or an alias of it) is what a row with these columns or values comes after."""
    return and_(parent.feed == feed, parent.kind == after_kind, parent.source_id == after_source_id)


def as_bound(now: Now) -> ColumnElement[datetime]:
    """The moment as one value. By a function that changes as it is asked no index can be cut short."""
    return select(now).scalar_subquery()


def not_expired(now: Now) -> ColumnElement[bool]:
    """The operation has not expired."""
    return or_(Operation.expires_at.is_(None), Operation.expires_at > now)


def ready(now: Now) -> ColumnElement[bool]:
    """The operation itself could be claimed: state, time, expiry, parent and fresh evidence allow it."""
    fresh = or_(Operation.send_again_until.is_(None), Operation.send_again_until > now)
    return and_(sendable, Operation.next_attempt_at <= as_bound(now), not_expired(now), fresh)


def can_be_looked_up() -> ColumnElement[bool]:
    """The operation is in doubt, and Vitec can be asked about it."""
    return and_(in_doubt, Operation.needs_person.is_(False))


def look_up_due(now: Now) -> ColumnElement[bool]:
    """A look-up is due, since the operation is in doubt."""
    return and_(can_be_looked_up(), Operation.next_attempt_at <= as_bound(now))


def permission_expired(now: Now) -> ColumnElement[bool]:
    """A look-up is due, since leave to send again has grown old."""
    return and_(sendable, Operation.send_again_until <= now, Operation.next_attempt_at <= as_bound(now))


def look_up_running(now: Now) -> ColumnElement[bool]:
    """A look-up of the operation may be under way: its worker lives, or died with it a moment ago."""
    return Operation.look_up_until > now


def covers(hold: Any, lane: Any) -> ColumnElement[bool]:
    """The hold's scope contains the lane (`lane` has the columns customer_id, kind, function_group)."""
    return or_(
        hold.scope == Scope.ENVIRONMENT,
        and_(
            hold.scope == Scope.GROUP,
            hold.customer_id == lane.customer_id,
            hold.function_group == lane.function_group,
        ),
        and_(hold.scope == Scope.LANE, hold.customer_id == lane.customer_id, hold.kind == lane.kind),
    )


def hold_is_active(now: Now) -> ColumnElement[bool]:
    """The hold has not ended."""
    return or_(Hold.until.is_(None), Hold.until > now)


def lane_is_held(now: Now) -> ColumnElement[bool]:
    """Some hold covers the lane now."""
    return exists(select(Hold.id).where(hold_is_active(now), covers(Hold, Lane)).correlate(Lane))


def in_lane(lane: Any = Lane) -> ColumnElement[bool]:
    """The operation belongs to the lane."""
    return and_(Operation.customer_id == lane.customer_id, Operation.kind == lane.kind)


in_named_lane: ColumnElement[bool] = and_(
    Operation.customer_id == bindparam("lane_customer"), Operation.kind == bindparam("lane_kind")
)
"""The operation belongs to the lane that the statement's values name."""


def lane_has_look_up_due(now: Now) -> ColumnElement[bool]:
    """The lane has an operation that is to be looked up now. Asked singly: each has a partial index of its own."""
    return or_(
        *(
            exists(select(Operation.id).where(in_lane(), some).correlate(Lane))
            for some in (look_up_due(now), permission_expired(now))
        )
    )


def claimable(now: Now) -> ColumnElement[bool]:
    """The lane has an operation that could be claimed or looked up now, holds included."""
    to_send = exists(select(Operation.id).where(in_lane(), ready(now)).correlate(Lane))
    return and_(~lane_is_held(now), or_(to_send, lane_has_look_up_due(now)))


def abandoned(now: Now) -> ColumnElement[bool]:
    """The lane has operations in flight and nobody has a turn there."""
    left = exists(select(Operation.id).where(in_lane(), in_flight).correlate(Lane))
    return and_(lane_is_free(now), left)


def lane_is_free(now: Now) -> ColumnElement[bool]:
    """Nobody has a turn at the lane."""
    return or_(Lane.lease_until.is_(None), Lane.lease_until <= now)


def lane_is_due(now: Now) -> ColumnElement[bool]:
    """The lane waits for a turn."""
    return and_(Lane.due_at <= now, lane_is_free(now), claimable(now))


@cached_statement
def half_open_probe(now: Now) -> Any:
    """The operation sent or looked up in a scope that comes out of a hold and covers the lane: all others wait for it."""
    own = aliased(Lane, name="own")
    operations = select(Operation.id, Operation.customer_id, Operation.kind)
    under_way = union_all(operations.where(in_flight), operations.where(look_up_running(now))).subquery("under_way")
    return (
        select(under_way.c.id)
        .join(Lane, and_(Lane.customer_id == under_way.c.customer_id, Lane.kind == under_way.c.kind))
        .join(Hold, and_(Hold.until <= now, covers(Hold, Lane)))
        .join(own, covers(Hold, own))
        .where(own.customer_id == bindparam("lane_customer"), own.kind == bindparam("lane_kind"))
        .limit(1)
    )


def count_look_ups() -> ScalarSelect[int]:
    """How often Vitec has been asked in an operation's present doubt: each doubt has patience of its own.

    The column `look_ups` tells look-ups of one attempt apart, in whichever doubt about it they began.
    """
    mine = (Attempt.operation_id == Operation.id, Attempt.attempt == Operation.attempt)
    of_this_doubt = (Attempt.event == Event.LOOKED_UP, Attempt.at >= Operation.doubt_since)
    return select(func.count(Attempt.id)).where(*mine, *of_this_doubt).correlate(Operation).scalar_subquery()


def rivals_of(match_key: SQLColumnExpression[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Others that the read-back of something with this match key could show in the operation's place."""
    other = aliased(Operation, name="other")
    alike = and_(
        other.customer_id == Operation.customer_id,
        other.kind == Operation.kind,
        other.match_key == match_key,
        other.id != Operation.id,
    )
    unsettled = exists().where(alike, other.state.in_([State.IN_FLIGHT, State.IN_DOUBT]))
    nameless = exists().where(alike, other.state == State.SUCCEEDED, other.remote_id.is_(None))
    return unsettled.label("contested"), nameless.label("claimed_by_another")
