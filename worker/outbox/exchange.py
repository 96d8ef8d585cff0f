"""The exchange: the one transaction of a turn's loop. Settle what has finished, claim what there is room for.

Locks are taken in one order everywhere: environment, lane, operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Connection,
    Float,
    Integer,
    and_,
    bindparam,
    exists,
    func,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from models import Environment, Hold, Lane, Operation, State
from worker.failpoints import reach
from worker.outbox import holding, intake, lanes, parents
from worker.outbox.clock import later
from worker.outbox.composed import composed
from worker.outbox.due import Now, asking, covers, held, in_flight, in_time, of_lane, ready, sendable, to_ask
from worker.outbox.evidence import late
from worker.outbox.lanes import Turn
from worker.outbox.looking_up import Doubtful, LookedUp, LookUpTerms, claim_look_ups, take_in
from worker.outbox.settling import Finished, Moved, settle, succeeded
from worker.outbox.store import Outbox
from worker.outcome import Health


@dataclass(frozen=True, slots=True)
class Terms:
    """What a turn may do. Durations in seconds."""

    lease: float = 45.0
    outlast: float = 35.0
    """By how much the lease must outlast a claim: the request's whole deadline and a margin."""
    in_flight: int = 5
    """How many requests the environment allows at once, all workers together."""
    ladders: holding.Ladders = field(default_factory=holding.Ladders)
    look_ups: LookUpTerms = field(default_factory=LookUpTerms)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operation that is now in flight and will be sent."""

    id: int
    attempt: int
    failures: int
    max_failures: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What an exchange did. `mine`: the turn still owns its lane. `renewed`: the lease began anew.

    `held`: the lane must rest. `room`: how many there was room for, `claimed` being at most as many.
    """

    mine: bool
    moved: dict[int, Moved]
    claimed: tuple[Claimed, ...] = ()
    doubtful: tuple[Doubtful, ...] = ()
    """To be looked up."""
    renewed: bool = False
    held: bool = False
    room: int = 0


def exchange(
    box: Outbox,
    turn: Turn,
    finished: Sequence[Finished],
    want: int,
    terms: Terms,
    looked_up: Sequence[LookedUp] = (),
) -> Exchanged:
    """Settle `finished` and `looked_up`, then claim at most `want`.

    What has finished is settled even if the lane is no longer ours.
    """
    now = box.clock.now()
    with box.write() as connection:
        environment = connection.execute(_lock_environment(now)).one()
        mine = lanes.lock(connection, turn)
        moved = _settle(connection, box, now, finished, looked_up, terms)
        freed = parents.free(connection, succeeded(moved)) if environment.children else frozenset()
        news = [holding.News(one.settlement.hold, one.settlement.health) for one in finished]
        news += [holding.News(one.hold, one.health) for one in looked_up]
        if environment.failures_in_row or environment.ended or not all(map(_is_quiet, news)):
            holding.take_notice(connection, now, turn, news, terms.ladders, environment.failures_in_row)
        done = Exchanged(mine=mine, moved=moved)
        if mine and want > 0:
            done = _claim(connection, now, turn, want, terms, moved)
        _pass("before", finished, done)
    _pass("after", finished, done)
    own = {(turn.customer_id, turn.kind)}
    # Its own lane a turn sees to itself. Whoever has a lost one now, or had it since, did not see these move.
    woken = freed - own if mine else freed | (own if moved else set())
    if woken:
        lanes.wake(box, woken)
    return done


def _pass(when: str, finished: Sequence[Finished], done: Exchanged) -> None:
    if finished:
        reach(f"{when}_settle_commit")
    if done.claimed:
        reach(f"{when}_claim_commit")


@composed
def _lock_environment(now: Now) -> Any:
    # Whether any hold has run out, which a good answer would end: one that runs out a moment later, the next one ends.
    ended = exists().where(Hold.until <= now)
    return (
        select(Environment.failures_in_row, ended.label("ended"), parents.some_wait().label("children"))
        .where(Environment.id == 1)
        .with_for_update(key_share=True, of=Environment)
    )


def _is_quiet(news: holding.News) -> bool:
    """Nothing follows from it while no failure has been counted and no hold is coming to its end."""
    return news.hold is None and news.health is not Health.ILL


def _settle(
    connection: Connection,
    box: Outbox,
    now: Now,
    finished: Sequence[Finished],
    looked_up: Sequence[LookedUp],
    terms: Terms,
) -> dict[int, Moved]:
    # By id, as everybody locks operations.
    finished = sorted(finished, key=lambda one: one.id)
    looked_up = sorted(looked_up, key=lambda one: one.id)
    moved = settle(connection, now, finished)
    overtaken = [one for one in finished if one.id not in moved]
    moved |= late(connection, now, overtaken)
    moved |= take_in(connection, now, looked_up, terms.look_ups)
    revised = [id_ for id_, what in moved.items() if what.revised and what.state is not State.IN_DOUBT]
    if revised:
        intake.apply_revisions(connection, box, revised)
    return moved


def _claim(connection: Connection, now: Now, turn: Turn, want: int, terms: Terms, moved: dict[int, Moved]) -> Exchanged:
    room = _room(connection, now, turn, terms)
    if not room.alive:
        return Exchanged(mine=False, moved=moved)
    most = min(want, room.most)
    if most <= 0:
        return Exchanged(mine=True, moved=moved, held=room.held)
    if not room.lasts:
        # First the lease, then the claim under it: a request must never outlive the right to send it.
        lanes.renew(connection, turn, now, terms.lease)
    asked = claim_look_ups(connection, now, turn, most, terms.look_ups, terms.outlast) if room.to_ask else ()
    claimed = claim(connection, now, turn, most - len(asked)) if len(asked) < most else ()
    return Exchanged(mine=True, moved=moved, claimed=claimed, doubtful=asked, renewed=not room.lasts, room=most)


@dataclass(frozen=True, slots=True)
class _Room:
    most: int
    held: bool
    alive: bool
    lasts: bool
    to_ask: bool


def _room(connection: Connection, now: Now, turn: Turn, terms: Terms) -> _Room:
    """How many more requests may be under way, and whether the lease still holds; read while the lane is locked.

    After a hold has ended, and until something succeeds, one operation of its scope goes first: sent or looked up.
    """
    row = connection.execute(_look(now), {**turn.own, "outlast": terms.outlast}).one()
    most = (
        0
        if row.held
        else min(terms.in_flight - row.in_flight, _share(terms.in_flight, row.turns, row.before) - row.own)
    )
    if row.holds and most > 0:
        most = min(most, _first_goes(connection, now, turn))
    return _Room(most, held=bool(row.held), alive=bool(row.alive), lasts=bool(row.lasts), to_ask=bool(row.to_ask))


def _share(in_flight: int, turns: int, before: int) -> int:
    """What the turn may have under way: living turns share the environment's allowance, the first ones its remainder.

    Without shares the first turn would keep all of it: it claims again in the transaction in which it settles.
    """
    each, over = divmod(in_flight, max(1, turns))
    return each + int(before < over)


@composed
def _look(now: Now) -> Any:
    # Counted singly: each has a partial index of its own.
    sent, asked = (
        select(func.count()).select_from(Operation).where(some).scalar_subquery() for some in (in_flight, asking(now))
    )
    own_sent, own_asked = (
        select(func.count()).select_from(Operation).where(of_lane(), some).correlate(Lane).scalar_subquery()
        for some in (in_flight, asking(now))
    )
    other = aliased(Lane, name="other")
    turns = select(func.count()).select_from(other).where(other.lease_until > now)
    before = turns.where(tuple_(other.customer_id, other.kind) < tuple_(Lane.customer_id, Lane.kind))
    return select(
        (sent + asked).label("in_flight"),
        (own_sent + own_asked).label("own"),
        turns.scalar_subquery().label("turns"),
        before.correlate(Lane).scalar_subquery().label("before"),
        (Lane.lease_until > now).label("alive"),
        (Lane.lease_until > later(now, bindparam("outlast", type_=Float))).label("lasts"),
        held(now).label("held"),
        to_ask(now).label("to_ask"),
        select(Hold.id).where(covers(Hold, Lane)).correlate(Lane).exists().label("holds"),
    ).where(lanes.own)


def _first_goes(connection: Connection, now: Now, turn: Turn) -> int:
    """1 if nothing is under way in any scope that comes out of a hold and covers this lane, else 0."""
    return 0 if connection.scalar(going_first(now), turn.own) is not None else 1


@composed
def going_first(now: Now) -> Any:
    """One sent or looked up in a scope that comes out of a hold and covers the lane: the others wait for it."""
    own = aliased(Lane, name="own")
    one = select(Operation.id, Operation.customer_id, Operation.kind)
    under_way = union_all(one.where(in_flight), one.where(asking(now))).subquery("under_way")
    return (
        select(under_way.c.id)
        .join(Lane, and_(Lane.customer_id == under_way.c.customer_id, Lane.kind == under_way.c.kind))
        .join(Hold, and_(Hold.until <= now, covers(Hold, Lane)))
        .join(own, covers(Hold, own))
        .where(own.customer_id == bindparam("lane_customer"), own.kind == bindparam("lane_kind"))
        .limit(1)
    )


def claim(connection: Connection, now: Now, turn: Turn, most: int) -> tuple[Claimed, ...]:
    """Put up to `most` ready operations of the lane in flight, oldest due first. The lane is locked."""
    rows = connection.execute(_put_in_flight(now), {**turn.own, "most": most}).all()
    ordered = sorted(rows, key=lambda row: (row.next_attempt_at, row.id))
    return tuple(Claimed(row.id, row.attempt, row.failures, row.max_failures, row.payload or {}) for row in ordered)


@composed
def _put_in_flight(now: Now) -> Any:
    """The ids come from a materialized expression: as a subquery with a limit, another plan may run it once per row."""
    picked = (
        select(Operation.id)
        .where(
            Operation.customer_id == bindparam("lane_customer"), Operation.kind == bindparam("lane_kind"), ready(now)
        )
        .order_by(Operation.next_attempt_at, Operation.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(key_share=True, skip_locked=True, of=Operation)
        .cte("picked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return (
        update(Operation)
        .where(Operation.id.in_(select(picked.c.id)), sendable, in_time(now))
        .values(
            state=State.IN_FLIGHT,
            attempt=Operation.attempt + 1,
            claimed_by=bindparam("lane_token"),
            claimed_at=now,
            first_claimed_at=func.coalesce(Operation.first_claimed_at, now),
            absent_since=None,
            send_again_until=None,
        )
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
