"""Turns at lanes: taken, given back, and who waits for one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
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
from worker.outbox.database.clock import later
from worker.outbox.database.database import Database
from worker.outbox.database.json_tables import as_json_parameter, json_table
from worker.outbox.database.statements import cached_statement
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


@dataclass(frozen=True, slots=True)
class Turn:
    """The exclusive, time-limited right to work on a lane, as long as the lane's token is this one."""

    customer_id: str
    kind: str
    function_group: str
    token: int
    leftovers: bool = True
    """Whether something may be in flight there that a turn before has left."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of `own`, of which a statement about the lane needs some."""
        return {**_named(self.customer_id, self.kind), "lane_token": self.token}


def _named(customer_id: str, kind: str) -> dict[str, Any]:
    """The values of `named`."""
    return {"lane_customer": customer_id, "lane_kind": kind}


is_named_lane: ColumnElement[bool] = and_(
    Lane.customer_id == bindparam("lane_customer"), Lane.kind == bindparam("lane_kind")
)
"""The lane is the one that is meant."""

is_own_lane: ColumnElement[bool] = and_(is_named_lane, Lane.token == bindparam("lane_token"))
"""The lane is the turn's own, if the token still is."""


def take_turn(db: Database, kind: str, *, lease: float, worker: str, at_most: int = 1000) -> Turn | None:
    """Take the turn at the due lane of this kind that has waited longest; None if none is due. `lease` in seconds.

    Outside a kind's sending hours none of its lanes is due, here and wherever else somebody asks. No more than `at_most`
    turns live at once: they share what the environment allows, and one without a share would only wait.
    """
    values = {"lane_kind": kind, "lease": lease, "by": worker, "at_most": at_most}
    with db.write() as connection:
        taken = _take(db.clock.now())
        row = None if kind in db.closed_kinds(connection) else connection.execute(taken, values).one_or_none()
        if row is None:
            return None
        # Asked once the lane is locked: whoever had it before cannot put anything in flight any more.
        left = bool(connection.scalar(_LEFT, _named(row.customer_id, kind)))
    return Turn(row.customer_id, kind, row.function_group, row.token, left)


_LEFT = select(select(Operation.id).where(in_named_lane, in_flight).exists())


@cached_statement
def _take(now: ColumnElement[datetime]) -> Any:
    other = aliased(Lane, name="other")
    living = select(func.count()).select_from(other).where(other.lease_until > now).scalar_subquery()
    longest_waiting = (
        select(Lane.customer_id)
        .where(Lane.kind == bindparam("lane_kind"), lane_is_due(now), living < bindparam("at_most", type_=Integer))
        .order_by(Lane.due_at, Lane.customer_id)
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True, of=Lane)
        .scalar_subquery()
    )
    return (
        update(Lane)
        .where(Lane.kind == bindparam("lane_kind"), Lane.customer_id == longest_waiting)
        .values(token=Lane.token + 1, lease_until=later(now, bindparam("lease", type_=Float)), worker=bindparam("by"))
        .returning(Lane.customer_id, Lane.function_group, Lane.token)
        .execution_options(synchronize_session=False)
    )


def lock_lane(connection: Connection, turn: Turn) -> bool:
    """Lock the lane if its token is still the turn's; False: somebody has taken over.

    FOR NO KEY UPDATE: a plain FOR UPDATE would wait for an open import, which holds the key through its foreign key.
    What is to be compared with the clock is read by a later statement: this one's columns may be older than its lock.
    """
    return connection.scalar(_LOCK, turn.parameters) is not None


_LOCK = select(Lane.token).where(is_own_lane).with_for_update(key_share=True)


def renew_lease(connection: Connection, turn: Turn, now: ColumnElement[datetime], lease: float) -> None:
    """Let the lease begin anew; the lane is locked."""
    connection.execute(_renew(now), {**turn.parameters, "lease": lease})


@cached_statement
def _renew(now: ColumnElement[datetime]) -> Any:
    return update(Lane).where(is_own_lane).values(lease_until=later(now, bindparam("lease", type_=Float)))


def _next_of(customer_id: Any, kind: Any) -> Select[Any]:
    """One row, `at`: when the lane's next operation is to be sent or looked up; NULL: there is none."""
    both = (
        select(Operation.next_attempt_at)
        .where(Operation.customer_id == customer_id, Operation.kind == kind, which)
        .order_by(Operation.next_attempt_at)
        .limit(1)
        .correlate(Lane)
        .subquery()
        for which in (sendable, can_be_looked_up())
    )
    soonest = union_all(*(select(one.c.next_attempt_at) for one in both)).subquery("both")
    return select(func.min(soonest.c.next_attempt_at).label("at"))


def _next_of_lane() -> ColumnElement[Any]:
    """The same of the lane that is meant. An expression that is worked out once, however often a statement has it."""
    return select(
        _next_of(bindparam("lane_customer"), bindparam("lane_kind")).cte("next_of_lane").c.at
    ).scalar_subquery()


def give_back_lane(
    connection: Connection, customer_id: str, kind: str, now: ColumnElement[datetime], raised: int = 0
) -> None:
    """Nobody has a turn at the lane any more, which is locked; `raised` is what its token rises by.

    It is due again when its next operation is: a lane with more to do at once goes to the back of the queue.
    """
    connection.execute(_give_back(now), {**_named(customer_id, kind), "raised": raised})


@cached_statement
def _give_back(now: ColumnElement[datetime]) -> Any:
    soonest = _next_of_lane()
    return (
        update(Lane)
        .where(is_named_lane)
        .values(
            token=Lane.token + bindparam("raised", type_=Integer),
            lease_until=None,
            worker=None,
            due_at=case((soonest.is_(None), None), (soonest < now, now), else_=soonest),
        )
        .execution_options(synchronize_session=False)
    )


def release_turn(db: Database, turn: Turn) -> None:
    """Give the turn back, unless somebody has taken it over.

    The lane is locked first, so that the look sees every row whose enqueuer has not yet woken the lane.
    """
    with db.write() as connection:
        if lock_lane(connection, turn):
            give_back_lane(connection, turn.customer_id, turn.kind, db.clock.now())


def longest_due_kind(db: Database, kinds: Iterable[str]) -> str | None:
    """The kind, of these, whose lane is due longest: the look of a turn once it has been given back.

    Of all kinds, and not before that is committed: a ring for another one may have been heard in vain while this turn
    had what is allowed at once.
    """
    with db.read() as connection:
        open_ones = as_json_parameter({"kind": kind} for kind in set(kinds) - db.closed_kinds(connection))
        longest: str | None = connection.scalar(_longest_due(db.clock.now(), connection.dialect.name), open_ones)
        return longest


@cached_statement
def _longest_due(now: ColumnElement[datetime], dialect: str) -> Any:
    # The first of each kind has an index; the first of all has none.
    kinds = json_table(dialect, "kinds", {"kind": Text()})
    first = select(Lane.due_at).where(Lane.kind == kinds.c.kind, lane_is_due(now)).order_by(Lane.due_at).limit(1)
    each = select(kinds.c.kind, first.correlate(kinds).scalar_subquery().label("due_at")).subquery("each_kind")
    return select(each.c.kind).where(each.c.due_at.is_not(None)).order_by(each.c.due_at, each.c.kind).limit(1)


def any_lane_is_due(db: Database) -> bool:
    """Whether any lane of any kind is due and nobody serves it."""
    with db.read() as connection:
        return bool(connection.scalar(_waits(db.clock.now(), db.closed_kinds(connection))))


@cached_statement
def _waits(now: ColumnElement[datetime], closed: frozenset[str]) -> Any:
    return select(select(Lane.kind).where(Lane.kind.not_in(closed), lane_is_due(now)).exists())


def is_outside_hours(db: Database, kind: str) -> bool:
    """Whether the kind is outside its sending hours."""
    if kind not in db.hours.windows:
        return False
    with db.read() as connection:
        return kind in db.closed_kinds(connection)


def due_kinds(db: Database) -> dict[str, int]:
    """How many lanes of each kind wait for a turn; the kind whose lane is due longest comes first."""
    with db.read() as connection:
        rows = connection.execute(_due_kinds(db.clock.now(), db.closed_kinds(connection)))
        return {row.kind: row[1] for row in rows}


@cached_statement
def _due_kinds(now: ColumnElement[datetime], closed: frozenset[str]) -> Any:
    return (
        select(Lane.kind, func.count().label("count"))
        .where(Lane.kind.not_in(closed), lane_is_due(now))
        .group_by(Lane.kind)
        .order_by(func.min(Lane.due_at), Lane.kind)
    )


def wake_lanes(db: Database, keys: Iterable[LaneKey]) -> None:
    """Tell the lanes that they have something to do. Called after the rows have been committed, never before."""
    ordered, now = sorted(set(keys)), db.clock.now()
    for start in range(0, len(ordered), 100):
        with db.write() as connection:
            # A turn that is being given back may not have seen the new row: its last word on `due_at` must be waited for.
            # The update alone would look at the row as it was before, find nothing to change, and not wait.
            these = {"lane_keys": ordered[start : start + 100]}
            connection.execute(_IN_ORDER, these)
            connection.execute(_wake(now), these)


_THESE = tuple_(Lane.customer_id, Lane.kind).in_(bindparam("lane_keys", expanding=True))

# Locked in order: two who wake the same lanes never wait for each other in a circle.
_IN_ORDER = select(Lane.token).where(_THESE).order_by(Lane.customer_id, Lane.kind).with_for_update(key_share=True)


@cached_statement
def _wake(now: ColumnElement[datetime]) -> Any:
    soonest = _next_of(Lane.customer_id, Lane.kind).correlate(Lane).scalar_subquery()
    woken = update(Lane).where(_THESE, _forgotten(now, soonest)).values(due_at=soonest)
    return woken.execution_options(synchronize_session=False)


def _forgotten(now: ColumnElement[datetime], soonest: ColumnElement[Any]) -> ColumnElement[bool]:
    """The lane has something to do sooner than it says. One that is due already keeps its place in the queue.

    Its oldest row may be older than that place, since it went to the back: it must not jump the queue by it.
    """
    return and_(soonest.is_not(None), or_(Lane.due_at.is_(None), and_(Lane.due_at > now, Lane.due_at > soonest)))


def wake_missed(db: Database) -> int:
    """Wake the lanes whose enqueuer died between its commit and its waking. Returns how many."""
    now = db.clock.now()
    soonest = _next_of(Lane.customer_id, Lane.kind).correlate(Lane).scalar_subquery()
    with db.read() as connection:
        keys = connection.execute(
            select(Lane.customer_id, Lane.kind).where(lane_is_free(now), _forgotten(now, soonest))
        ).all()
    wake_lanes(db, [(row.customer_id, row.kind) for row in keys])
    return len(keys)


def has_claimable(db: Database, turn: Turn) -> bool:
    """Whether the turn's own lane has something claimable."""
    with db.read() as connection:
        return bool(connection.scalar(_has_claimable(db.clock.now()), turn.parameters))


@cached_statement
def _has_claimable(now: ColumnElement[datetime]) -> Any:
    return select(select(Lane.kind).where(is_named_lane, claimable(now)).exists())
