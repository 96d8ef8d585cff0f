"""Turns at lanes: taken, given back, and who waits for one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    ScalarSelect,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    tuple_,
    update,
)

from models import Environment, Lane, Operation
from worker.outbox.clock import later
from worker.outbox.composed import composed
from worker.outbox.due import claimable, due, free, looked_up, sendable
from worker.outbox.store import Outbox

LaneKey = tuple[str, str]
"""(customer_id, kind)"""


@dataclass(frozen=True, slots=True)
class Turn:
    """The exclusive, time-limited right to work on a lane, as long as the lane's token is this one."""

    customer_id: str
    kind: str
    function_group: str
    token: int

    @property
    def own(self) -> dict[str, Any]:
        """The values of `own`, of which a statement about the lane needs some."""
        return {"lane_customer": self.customer_id, "lane_kind": self.kind, "lane_token": self.token}


own: ColumnElement[bool] = and_(
    Lane.customer_id == bindparam("lane_customer"),
    Lane.kind == bindparam("lane_kind"),
    Lane.token == bindparam("lane_token"),
)
"""The lane is the turn's own, if the token still is."""


def take(box: Outbox, kind: str, *, lease: float, worker: str) -> Turn | None:
    """Take the turn at the due lane of this kind that has waited longest; None if none is due. `lease` in seconds.

    Outside a kind's sending hours none of its lanes is due, here and wherever else somebody asks.
    """
    values = {"lane_kind": kind, "lease": lease, "by": worker}
    with box.write() as connection:
        taken = _take(box.clock.now())
        row = None if kind in box.closed(connection) else connection.execute(taken, values).one_or_none()
    return None if row is None else Turn(row.customer_id, kind, row.function_group, row.token)


@composed
def _take(now: ColumnElement[datetime]) -> Any:
    longest_waiting = (
        select(Lane.customer_id)
        .where(Lane.kind == bindparam("lane_kind"), due(now))
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


def lock(connection: Connection, turn: Turn) -> bool:
    """Lock the lane if its token is still the turn's; False: somebody has taken over.

    FOR NO KEY UPDATE: a plain FOR UPDATE would wait for an open import, which holds the key through its foreign key.
    What is to be compared with the clock is read by a later statement: this one's columns may be older than its lock.
    """
    return connection.scalar(_LOCK, turn.own) is not None


_LOCK = select(Lane.token).where(own).with_for_update(key_share=True)


def renew(connection: Connection, turn: Turn, now: ColumnElement[datetime], lease: float) -> None:
    """Let the lease begin anew; the lane is locked."""
    connection.execute(update(Lane).where(own).values(lease_until=later(now, lease)), turn.own)


def _soonest(which: ColumnElement[bool]) -> ScalarSelect[Any]:
    return (
        select(Operation.next_attempt_at)
        .where(Operation.customer_id == Lane.customer_id, Operation.kind == Lane.kind, which)
        .order_by(Operation.next_attempt_at)
        .limit(1)
        .correlate(Lane)
        .scalar_subquery()
    )


def _next_of_lane() -> ColumnElement[Any]:
    """When the lane's next operation is to be sent or looked up; NULL: there is none."""
    to_send, to_ask = _soonest(sendable), _soonest(looked_up())
    return case((to_ask.is_(None), to_send), (to_send.is_(None), to_ask), (to_ask < to_send, to_ask), else_=to_send)


def when_due(now: ColumnElement[datetime]) -> ColumnElement[Any]:
    """From when the lane has something to do: a lane with more to do at once goes to the back of the queue."""
    soonest = _next_of_lane()
    return case((soonest.is_(None), None), (soonest < now, now), else_=soonest)


def release(box: Outbox, turn: Turn) -> bool:
    """Give the turn back and look once more: True if anybody of this kind has something claimable.

    The lane is locked first, so that the look sees every row whose enqueuer has not yet woken the lane.
    """
    now = box.clock.now()
    with box.write() as connection:
        if lock(connection, turn):
            connection.execute(_give_back(now), turn.own)
    with box.read() as connection:
        if turn.kind in box.closed(connection):
            return False
        return bool(connection.scalar(select(select(Lane.kind).where(Lane.kind == turn.kind, due(now)).exists())))


@composed
def _give_back(now: ColumnElement[datetime]) -> Any:
    given = update(Lane).where(own).values(lease_until=None, worker=None, due_at=when_due(now))
    return given.execution_options(synchronize_session=False)


def somebody_waits(box: Outbox) -> bool:
    """Whether any lane of any kind is due and nobody serves it."""
    with box.read() as connection:
        open_ones = Lane.kind.not_in(box.closed(connection))
        return bool(connection.scalar(select(select(Lane.kind).where(open_ones, due(box.clock.now())).exists())))


def is_closed(box: Outbox, kind: str) -> bool:
    """Whether the kind is outside its sending hours."""
    if kind not in box.hours.windows:
        return False
    with box.read() as connection:
        return kind in box.closed(connection)


def due_kinds(box: Outbox) -> dict[str, int]:
    """How many lanes of each kind wait for a turn."""
    with box.read() as connection:
        rows = connection.execute(
            select(Lane.kind, func.count().label("count"))
            .where(Lane.kind.not_in(box.closed(connection)), due(box.clock.now()))
            .group_by(Lane.kind)
            .order_by(Lane.kind)
        )
        return {row.kind: row[1] for row in rows}


def wake(box: Outbox, keys: Iterable[LaneKey]) -> None:
    """Tell the lanes that they have something to do. Called after the rows have been committed, never before."""
    ordered, now = sorted(set(keys)), box.clock.now()
    for start in range(0, len(ordered), 100):
        with box.write() as connection:
            _wake(connection, now, ordered[start : start + 100])


def _wake(connection: Connection, now: ColumnElement[datetime], keys: Sequence[LaneKey]) -> None:
    these = tuple_(Lane.customer_id, Lane.kind).in_(keys)
    # A turn that is being given back may not have seen the new row: its last word on `due_at` must be waited for. The
    # update alone would look at the row as it was before, find nothing to change, and not wait. Locked in order: two
    # who wake the same lanes never wait for each other in a circle.
    in_order = select(Lane.token).where(these).order_by(Lane.customer_id, Lane.kind)
    connection.execute(in_order.with_for_update(key_share=True))
    woken = update(Lane).where(these, _forgotten(now)).values(due_at=_next_of_lane())
    connection.execute(woken.execution_options(synchronize_session=False))


def _forgotten(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """The lane has something to do sooner than it says. One that is due already keeps its place in the queue.

    Its oldest row may be older than that place, since it went to the back: it must not jump the queue by it.
    """
    soonest = _next_of_lane()
    return and_(soonest.is_not(None), or_(Lane.due_at.is_(None), and_(Lane.due_at > now, Lane.due_at > soonest)))


def correct(box: Outbox) -> int:
    """Wake the lanes whose enqueuer died between its commit and its waking. Returns how many."""
    now = box.clock.now()
    with box.read() as connection:
        keys = connection.execute(select(Lane.customer_id, Lane.kind).where(free(now), _forgotten(now))).all()
    wake(box, [(row.customer_id, row.kind) for row in keys])
    return len(keys)


def dispatched(box: Outbox) -> None:
    """Note that kinds with due lanes have been rung for."""
    with box.write() as connection:
        connection.execute(update(Environment).values(dispatched_at=box.clock.now()))


def silent_for(box: Outbox, seconds: float) -> bool:
    """Whether nobody has dispatched for so long."""
    now = box.clock.now()
    with box.read() as connection:
        last = select(Environment.dispatched_at > later(now, -seconds))
        return connection.scalar(last) is not True


def has_claimable(box: Outbox, turn: Turn) -> bool:
    """Whether the turn's own lane has something claimable."""
    own = and_(Lane.customer_id == turn.customer_id, Lane.kind == turn.kind)
    with box.read() as connection:
        return bool(connection.scalar(select(select(Lane.kind).where(own, claimable(box.clock.now())).exists())))
