"""The conditions under which a row is due, claimable or held: one for dispatch, claim and the last look of a turn.

So a lane is never due for dispatch in which a turn can claim nothing: turns would ring each other for ever. Times are
compared with the database's clock at the moment of the statement; `as_of` gives a condition at another moment.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    SQLColumnExpression,
    String,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from models import Attempt, Event, Hold, Lane, Operation, RejectedRow, Scope, State
from models.operation import (
    AWAITING_PARENT_SQL,
    IN_DOUBT_SQL,
    IN_FLIGHT_SQL,
    LACKS_RESULT_SQL,
    NEEDS_PERSON_SQL,
    ROWS_BEHIND_SQL,
    SENDABLE_SQL,
    SEQUENCED_SQL,
    UNREPORTED_SQL,
    UNSUCCESSFUL_SQL,
    WAITING_SQL,
    WITHDRAWN_MARK,
)
from worker.outbox.database.sql import current_time, current_time_once


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
lacks_result = _written_out(LACKS_RESULT_SQL, WAITING_SQL)
"""Its payload is to be completed by a result of its parent."""
child_awaits_parent = _written_out(*AWAITING_PARENT_SQL, row="child.")
"""`awaiting_parent` of the alias `child`."""
unsuccessful = _written_out(UNSUCCESSFUL_SQL)
"""Ended without success."""
rows_behind = _written_out(ROWS_BEHIND_SQL)
"""Rows of `crm_rows` do not yet show how the operation stands."""
unreported = _written_out(*UNREPORTED_SQL)
"""The CRM has not been told of the operation's verdict, of its doubt, or that it waits in vain for a parent."""

is_withdrawn = Operation.payload_hash.startswith(WITHDRAWN_MARK, autoescape=True)
"""The CRM has taken the content back, and has not exported it again."""

rejection_is_open = RejectedRow.closed_at.is_(None)
"""Neither has the rejected row's row come again from the CRM, nor has a person closed it."""


def is_parent(parent: Any, feed: Any, after_kind: Any, after_source_id: Any) -> ColumnElement[bool]:
    """`parent` (the model or an alias of it) is what a row with these columns or values comes after."""
    return and_(parent.feed == feed, parent.kind == after_kind, parent.source_id == after_source_id)


def in_lane(lane: Any) -> ColumnElement[bool]:
    """The operation belongs to the lane (the model or an alias of it)."""
    return and_(Operation.customer_id == lane.customer_id, Operation.kind == lane.kind)


in_named_lane: ColumnElement[bool] = and_(
    Operation.customer_id == bindparam("lane_customer"), Operation.kind == bindparam("lane_kind")
)
"""The operation belongs to the lane that the statement's values name."""

not_expired = or_(Operation.expires_at.is_(None), Operation.expires_at > current_time)
"""The operation has not expired."""

_time_has_come = Operation.next_attempt_at <= current_time_once

earlier = aliased(Operation, name="earlier")
predecessors = and_(
    earlier.customer_id == Operation.customer_id,
    earlier.sequence_key == Operation.sequence_key,
    earlier.id != Operation.id,
    _written_out(*SEQUENCED_SQL, row="earlier."),
    # One that waits for a parent is overtaken, and so is one that has not been tried and waits for its time. That which
    # has overtaken it is first carried to its end: its own repetition would undo what comes after it.
    earlier.parent_done,
    or_(
        and_(earlier.state != State.PENDING, or_(earlier.id < Operation.id, Operation.state == State.PENDING)),
        and_(earlier.id < Operation.id, Operation.state == State.PENDING, earlier.next_attempt_at <= current_time),
    ),
)
"""The alias `earlier` is an operation on the same thing at Vitec that goes before, and has not ended.

Those that have been tried go first, then those that have not; both in the order in which they were recorded.
"""

comes_first = or_(Operation.sequence_key.is_(None), ~exists(select(earlier.id).where(predecessors)))
"""No predecessor may still be carried out, or repeated, after the operation: it would undo what the operation sets."""

ready = and_(
    sendable,
    _time_has_come,
    not_expired,
    comes_first,
    or_(Operation.send_again_until.is_(None), Operation.send_again_until > current_time),
)
"""The operation itself could be claimed: its state, time, expiry, parent, predecessors and permission allow it."""

can_be_looked_up = and_(in_doubt, Operation.needs_person.is_(False))
"""The operation is in doubt, and Vitec can be asked about it."""

look_up_due = and_(can_be_looked_up, _time_has_come)
"""A look-up is due, since the operation is in doubt."""

permission_expired = and_(sendable, Operation.send_again_until <= current_time, _time_has_come)
"""A look-up is due, since the permission to send again has grown old."""

look_up_running: ColumnElement[bool] = Operation.look_up_until > current_time
"""A look-up of the operation may be under way: its worker lives, or died with it a moment ago."""


def _lane_has(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The lane has an operation of which the condition is true; asked singly, it has a partial index of its own."""
    return exists(select(Operation.id).where(in_lane(Lane), condition).correlate(Lane))


def covers(hold: Any, lane: Any) -> ColumnElement[bool]:
    """The hold's scope contains the lane (`lane` has the columns customer_id, kind, function_group, login)."""
    return or_(
        hold.scope == Scope.ENVIRONMENT,
        and_(
            hold.scope == Scope.GROUP,
            hold.customer_id == lane.customer_id,
            hold.function_group == lane.function_group,
        ),
        and_(hold.scope == Scope.LANE, hold.customer_id == lane.customer_id, hold.kind == lane.kind),
        and_(
            hold.scope == Scope.LOGIN,
            hold.login == lane.login,
            hold.function_group.in_(("", lane.function_group)),
        ),
    )


def suspects(hold: Any, lane: Any) -> ColumnElement[bool]:
    """A refusal raises the suspicion that the lane's login is wrong, and no good answer to it has disproved that yet."""
    return and_(
        hold.refused_login == lane.login,
        or_(hold.login_works.is_(False), hold.function_group == lane.function_group),
    )


hold_is_active = or_(Hold.until.is_(None), Hold.until > current_time)
"""The hold has not ended."""

lane_is_held: ColumnElement[bool] = exists(select(Hold.id).where(hold_is_active, covers(Hold, Lane)).correlate(Lane))
"""Some hold covers the lane now."""

lane_is_free = or_(Lane.lease_until.is_(None), Lane.lease_until <= current_time)
"""No turn has the lane."""

lane_has_look_up_due = or_(_lane_has(look_up_due), _lane_has(permission_expired))
"""The lane has an operation that is to be looked up now."""

claimable = and_(~lane_is_held, or_(_lane_has(ready), lane_has_look_up_due))
"""The lane has an operation that could be claimed or looked up now, holds included."""

lane_is_due = and_(Lane.due_at <= current_time, lane_is_free, claimable)
"""The lane waits for a turn."""

abandoned = and_(lane_is_free, _lane_has(in_flight))
"""The lane has operations in flight, and no turn has it."""

_probed_lane = aliased(Lane, name="own")
_is_probed_lane = (_probed_lane.customer_id == bindparam("lane_customer"), _probed_lane.kind == bindparam("lane_kind"))
_operations = select(Operation.id, Operation.customer_id, Operation.kind)
_under_way = union_all(_operations.where(in_flight), _operations.where(look_up_running)).subquery("under_way")
half_open_probe = (
    select(_under_way.c.id)
    .join(Lane, and_(Lane.customer_id == _under_way.c.customer_id, Lane.kind == _under_way.c.kind))
    .join(_probed_lane, and_(*_is_probed_lane))
    .join(
        Hold,
        or_(
            and_(Hold.until <= current_time, covers(Hold, Lane), covers(Hold, _probed_lane)),
            and_(suspects(Hold, Lane), suspects(Hold, _probed_lane)),
        ),
    )
    .limit(1)
)
"""The operation sent or looked up in a scope that comes out of a hold, or with a suspect login, as the lane would be.

Every other operation there waits.
"""

look_ups_of_doubt: ScalarSelect[int] = (
    select(func.count(Attempt.id))
    .where(
        Attempt.operation_id == Operation.id,
        Attempt.attempt == Operation.attempt,
        Attempt.event == Event.LOOKED_UP,
        Attempt.at >= Operation.doubt_since,
        Attempt.written.is_not(false()),
    )
    .correlate(Operation)
    .scalar_subquery()
)
"""How often Vitec has been asked in an operation's present doubt: each doubt has patience of its own.

A look-up that never reached Vitec is none of them; of those of an earlier version it is not known (NULL).

The column `look_ups` tells look-ups of one attempt apart, in whichever doubt about it they began.
"""


def is_owned(remote_id: SQLColumnExpression[Any], row: Any = Operation) -> ColumnElement[bool]:
    """Another operation than the row (the model or an alias of it), of its kind and customer, has this remote id."""
    owner = aliased(Operation, name="owner")
    return (
        exists()
        .where(
            owner.kind == row.kind,
            owner.customer_id == row.customer_id,
            owner.remote_id == remote_id,
            owner.id != row.id,
        )
        .correlate(row)
    )


def rivals_of(
    match_key: SQLColumnExpression[Any], remote_id: str | None
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Tell whether the read-back of something with this match key could show a rival in the operation's place.

    Two conditions: a rival is not settled yet; and a rival has succeeded without an id of its own (with none, or with one
    that another operation has, too), or `remote_id`, which the read-back shows, is another operation's.
    """
    rival = aliased(Operation, name="rival")
    alike = and_(
        rival.customer_id == Operation.customer_id,
        rival.kind == Operation.kind,
        rival.match_key == match_key,
        rival.id != Operation.id,
    )
    unsettled = exists().where(alike, rival.state.in_([State.IN_FLIGHT, State.IN_DOUBT]))
    no_own_id = or_(rival.remote_id.is_(None), is_owned(rival.remote_id, rival))
    nameless = exists().where(alike, rival.state == State.SUCCEEDED, no_own_id)
    claimed_by_another = or_(nameless, is_owned(literal(remote_id, String)))
    return unsettled.label("contested"), claimed_by_another.label("claimed_by_another")
