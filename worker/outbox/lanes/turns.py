"""Turns at lanes: taken, renewed, given back, and due."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from models import Lane, Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import as_json_parameter, cached_statement, current_time, json_table, later
from worker.outbox.predicates import (
    can_be_looked_up,
    claimable,
    in_flight,
    in_named_lane,
    lane_is_due,
    lane_is_free,
    sendable,
)

LaneKey = tuple[str, str]
"""(customer_id, kind)"""

LoginOf = Callable[[str, str], str | None]
"""Names the login of a customer's function group; None: there is none."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The exclusive, time-limited right to work on a lane, as long as the lane's token is this one."""

    customer_id: str
    kind: str
    function_group: str
    token: int
    leftovers: bool = True
    """Whether operations of an earlier turn may be in flight there."""
    login: str | None = None
    """The name of the login with which its requests are sent, as the lane has it."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of `is_own_lane` and `in_named_lane`."""
        return {"lane_customer": self.customer_id, "lane_kind": self.kind, "lane_token": self.token}


is_named_lane: ColumnElement[bool] = and_(
    Lane.customer_id == bindparam("lane_customer"), Lane.kind == bindparam("lane_kind")
)
"""The lane is the one that the statement's values name."""

is_own_lane: ColumnElement[bool] = and_(is_named_lane, Lane.token == bindparam("lane_token"))
"""The lane is the turn's own, as long as the token is."""

_living = aliased(Lane, name="living")
_living_turns = select(func.count()).select_from(_living).where(_living.lease_until > current_time).scalar_subquery()
_longest_waiting = (
    select(Lane.customer_id)
    .where(Lane.kind == bindparam("lane_kind"), lane_is_due, _living_turns < bindparam("at_most", type_=Integer))
    .order_by(Lane.due_at, Lane.customer_id)
    .limit(1)
    .with_for_update(key_share=True, skip_locked=True, of=Lane)
    .scalar_subquery()
)
_TAKE = (
    update(Lane)
    .where(Lane.kind == bindparam("lane_kind"), Lane.customer_id == _longest_waiting)
    .values(
        token=Lane.token + 1,
        lease_until=later(current_time, bindparam("lease", type_=Float)),
        worker=bindparam("by"),
    )
    .returning(Lane.customer_id, Lane.function_group, Lane.token, Lane.login)
    .execution_options(synchronize_session=False)
)
_HAS_LEFTOVERS = select(select(Operation.id).where(in_named_lane, in_flight).exists())
_NAME_LOGIN = update(Lane).where(is_named_lane).values(login=bindparam("named"))


def take_turn(
    db: Database, kind: str, *, lease: float, worker: str, at_most: int = 1000, login_of: LoginOf | None = None
) -> Turn | None:
    """Take the turn at the due lane of this kind that has waited longest; None if none is due. `lease` in seconds.

    Outside a kind's sending hours none of its lanes is due, here and for every other question. No more than `at_most`
    turns live at once: they share the requests that the environment allows, and one without a share would only wait.
    The lane notes its login by `login_of`, so that the first claim knows whether that one is held; None: as it was.
    """
    values = {"lane_kind": kind, "lease": lease, "by": worker, "at_most": at_most}
    with db.write() as connection:
        row = None if kind in db.closed_kinds(connection) else connection.execute(_TAKE, values).one_or_none()
        if row is None:
            return None
        # Read once the lane is locked: its last turn cannot put anything in flight any more.
        lane = {"lane_customer": row.customer_id, "lane_kind": kind}
        leftovers = bool(connection.scalar(_HAS_LEFTOVERS, lane))
        login = row.login if login_of is None else login_of(row.customer_id, row.function_group)
        if login != row.login:
            connection.execute(_NAME_LOGIN, {**lane, "named": login})
    return Turn(row.customer_id, kind, row.function_group, row.token, leftovers, login)


_LOCK = select(Lane.token).where(is_own_lane).with_for_update(key_share=True)


def lock_lane(connection: Connection, turn: Turn) -> bool:
    """Lock the lane if its token is still the turn's; False: another worker has taken over.

    FOR NO KEY UPDATE: a plain FOR UPDATE would wait for an open import, which holds the key through its foreign key.
    Columns that are compared with the clock are read by a later statement: this one's may be older than its lock.
    """
    return connection.scalar(_LOCK, turn.parameters) is not None


_RENEW = update(Lane).where(is_own_lane).values(lease_until=later(current_time, bindparam("lease", type_=Float)))


def renew_lease(connection: Connection, turn: Turn, lease: float) -> None:
    """Let the lease begin again; the lane is locked."""
    connection.execute(_RENEW, {**turn.parameters, "lease": lease})


def _next_of(customer_id: Any, kind: Any) -> Select[Any]:
    """One row, `at`: when the lane's next operation is to be sent or looked up; NULL: there is none."""
    first_of_each = (
        select(Operation.next_attempt_at)
        .where(Operation.customer_id == customer_id, Operation.kind == kind, condition)
        .order_by(Operation.next_attempt_at)
        .limit(1)
        .correlate(Lane)
        .subquery()
        for condition in (sendable, can_be_looked_up)
    )
    soonest = union_all(*(select(first.c.next_attempt_at) for first in first_of_each)).subquery("both")
    return select(func.min(soonest.c.next_attempt_at).label("at"))


# A common table expression is worked out once, however often the statement has it.
_next_of_named_lane = select(
    _next_of(bindparam("lane_customer"), bindparam("lane_kind")).cte("next_of_lane").c.at
).scalar_subquery()
_GIVE_BACK = (
    update(Lane)
    .where(is_named_lane)
    .values(
        token=Lane.token + bindparam("raised", type_=Integer),
        lease_until=None,
        worker=None,
        due_at=case(
            (_next_of_named_lane.is_(None), None),
            (_next_of_named_lane < current_time, current_time),
            else_=_next_of_named_lane,
        ),
    )
    .execution_options(synchronize_session=False)
)


def give_back_lane(connection: Connection, customer_id: str, kind: str, raised: int = 0) -> None:
    """End the turn at the lane, which is locked; `raised` is by how much its token rises.

    It is due again when its next operation is: a lane with more to do at once goes to the back of the queue.
    """
    connection.execute(_GIVE_BACK, {"lane_customer": customer_id, "lane_kind": kind, "raised": raised})


def end_turn(db: Database, turn: Turn) -> None:
    """Give the turn's lane back, unless another worker has taken it over.

    The lane is locked first: every row is then visible if its enqueuer has not yet woken the lane.
    """
    with db.write() as connection:
        if lock_lane(connection, turn):
            give_back_lane(connection, turn.customer_id, turn.kind)


def longest_due_kind(db: Database, kinds: Iterable[str]) -> str | None:
    """Find which of these kinds has the lane that is due longest: the look of a turn once it has been given back.

    Of all kinds, and not before that is committed: a ring for another kind may have been heard in vain while this turn
    had all that is allowed at once.
    """
    with db.read() as connection:
        open_kinds = as_json_parameter({"kind": kind} for kind in set(kinds) - db.closed_kinds(connection))
        longest: str | None = connection.scalar(_longest_due(connection.dialect.name), open_kinds)
        return longest


@cached_statement
def _longest_due(dialect: str) -> Any:
    # The first lane of each kind has an index; the first of all has none.
    kinds = json_table(dialect, "kinds", {"kind": Text()})
    first = select(Lane.due_at).where(Lane.kind == kinds.c.kind, lane_is_due).order_by(Lane.due_at).limit(1)
    by_kind = select(kinds.c.kind, first.correlate(kinds).scalar_subquery().label("due_at")).subquery("each_kind")
    return (
        select(by_kind.c.kind).where(by_kind.c.due_at.is_not(None)).order_by(by_kind.c.due_at, by_kind.c.kind).limit(1)
    )


_is_open = Lane.kind.not_in(bindparam("closed", expanding=True))
_ANY_IS_DUE = select(select(Lane.kind).where(_is_open, lane_is_due).exists())
_DUE_KINDS = (
    select(Lane.kind, func.count().label("lanes"))
    .where(_is_open, lane_is_due)
    .group_by(Lane.kind)
    .order_by(func.min(Lane.due_at), Lane.kind)
)


def any_lane_is_due(db: Database) -> bool:
    """Tell whether any lane of any kind is due and no turn serves it."""
    with db.read() as connection:
        return bool(connection.scalar(_ANY_IS_DUE, {"closed": sorted(db.closed_kinds(connection))}))


def due_kinds(db: Database) -> dict[str, int]:
    """Count the lanes of each kind that wait for a turn; the kind with the lane that is due longest comes first."""
    with db.read() as connection:
        rows = connection.execute(_DUE_KINDS, {"closed": sorted(db.closed_kinds(connection))})
        return {row.kind: row.lanes for row in rows}


def is_outside_hours(db: Database, kind: str) -> bool:
    """Tell whether the kind is outside its sending hours."""
    if kind not in db.hours.windows:
        return False
    with db.read() as connection:
        return kind in db.closed_kinds(connection)


_is_among_keys = tuple_(Lane.customer_id, Lane.kind).in_(bindparam("lane_keys", expanding=True))
_next_of_each_lane = _next_of(Lane.customer_id, Lane.kind).correlate(Lane).scalar_subquery()
_wakes_too_late = and_(
    _next_of_each_lane.is_not(None),
    or_(Lane.due_at.is_(None), and_(Lane.due_at > current_time, Lane.due_at > _next_of_each_lane)),
)
"""The lane has something to do sooner than it says. One that is due already keeps its place in the queue.

Its oldest row may be older than that place, since it went to the back: it must not jump the queue by it.
"""

# Locked in order: two workers that wake the same lanes never wait for each other in a circle.
_LOCK_IN_ORDER = (
    select(Lane.token).where(_is_among_keys).order_by(Lane.customer_id, Lane.kind).with_for_update(key_share=True)
)
_WAKE = (
    update(Lane)
    .where(_is_among_keys, _wakes_too_late)
    .values(due_at=_next_of_each_lane)
    .execution_options(synchronize_session=False)
)


def wake_lanes(db: Database, keys: Iterable[LaneKey]) -> None:
    """Tell the lanes that they have something to do. Called after the rows have been committed, never before."""
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), 100):
        with db.write() as connection:
            # A turn that is being given back may not have seen the new row: its last word on `due_at` must be waited for.
            # The update alone would look at the row as it was before, find nothing to change, and not wait.
            values = {"lane_keys": ordered[start : start + 100]}
            connection.execute(_LOCK_IN_ORDER, values)
            connection.execute(_WAKE, values)


def wake_missed(db: Database) -> int:
    """Wake the lanes that an enqueuer left asleep, dying between its commit and its waking. Returns how many."""
    with db.read() as connection:
        missed = select(Lane.customer_id, Lane.kind).where(lane_is_free, _wakes_too_late)
        keys = [(row.customer_id, row.kind) for row in connection.execute(missed)]
    wake_lanes(db, keys)
    return len(keys)


def has_claimable(db: Database, turn: Turn) -> bool:
    """Tell whether the turn's own lane has something claimable."""
    with db.read() as connection:
        return bool(connection.scalar(_HAS_CLAIMABLE, turn.parameters))


_HAS_CLAIMABLE = select(select(Lane.kind).where(is_named_lane, claimable).exists())
