"""The room: how many more requests a turn may have under way, read while its lane is locked."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Float, and_, bindparam, func, select, tuple_
from sqlalchemy.orm import aliased

from models import Hold, Lane, Operation, UtcDateTime
from worker.outbox.database.sql import cached_statement, later
from worker.outbox.exchange import holds
from worker.outbox.exchange.claim import ClaimCursor
from worker.outbox.exchange.look_ups import LookUpPolicy
from worker.outbox.lanes.turns import Turn, is_own_lane
from worker.outbox.predicates import (
    Now,
    covers,
    half_open_probe,
    in_flight,
    in_lane,
    lane_has_look_up_due,
    lane_is_held,
    look_up_running,
)


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """What a turn may do. Durations in seconds."""

    lease: float = 45.0
    outlast: float = 35.0
    """By how much the lease must outlast a claim: the request's whole deadline and a margin."""
    in_flight: int = 5
    """How many requests the environment allows at once, all workers together."""
    ladders: holds.HoldPolicy = field(default_factory=holds.HoldPolicy)
    look_ups: LookUpPolicy = field(default_factory=LookUpPolicy)


@dataclass(frozen=True, slots=True)
class Capacity:
    most: int
    held: bool
    alive: bool
    lasts: bool
    to_ask: bool
    since: datetime
    share: int
    """How many the turn may have under way, if others leave it room."""


def capacity_of(connection: Connection, now: Now, turn: Turn, terms: TurnPolicy, place: ClaimCursor) -> Capacity:
    """How many more requests may be under way, and whether the lease still holds; read while the lane is locked.

    After a hold has ended, and until something succeeds, one operation of its scope goes first: sent or looked up.
    """
    row = connection.execute(_look(now), {**turn.parameters, "outlast": terms.outlast, "since": place.since}).one()
    share = _share(terms.in_flight, row.turns, row.before)
    most = 0 if row.held else min(terms.in_flight - row.in_flight, share - row.own)
    if row.holds and most > 0:
        most = min(most, _first_goes(connection, turn))
    return Capacity(most, bool(row.held), bool(row.alive), bool(row.lasts), bool(row.to_ask), row.since, share)


def _share(in_flight: int, living_turns: int, before: int) -> int:
    """What the turn may have under way: living turns share the environment's allowance, the first ones its remainder.

    Without shares the first turn would keep all of it: it claims again in the transaction in which it settles.
    """
    each, over = divmod(in_flight, max(1, living_turns))
    return each + int(before < over)


@cached_statement
def _look(now: Now) -> Any:
    # Counted singly: each has a partial index of its own.
    flying = and_(in_flight, Operation.claimed_at >= bindparam("since", type_=UtcDateTime))
    sent, asked = (
        select(func.count()).select_from(Operation).where(some).scalar_subquery() for some in (flying, look_up_running)
    )
    own_sent = (
        select(func.count()).select_from(Operation).where(in_lane(Lane), flying).correlate(Lane).scalar_subquery()
    )
    # Counted among those that are asked about: as a condition the lane leads into whatever index begins with it, which
    # in a table that PostgreSQL believes to be empty was all of one.
    own_of_these = func.count().filter(in_lane(Lane))
    own_asked = select(own_of_these).select_from(Operation).where(look_up_running).correlate(Lane).scalar_subquery()
    oldest = select(func.min(Operation.claimed_at)).where(flying).scalar_subquery()
    other = aliased(Lane, name="other")
    living_turns = select(func.count()).select_from(other).where(other.lease_until > now)
    before = living_turns.where(tuple_(other.customer_id, other.kind) < tuple_(Lane.customer_id, Lane.kind))
    return select(
        (sent + asked).label("in_flight"),
        (own_sent + own_asked).label("own"),
        living_turns.scalar_subquery().label("turns"),
        before.correlate(Lane).scalar_subquery().label("before"),
        func.coalesce(oldest, now, type_=UtcDateTime).label("since"),
        (Lane.lease_until > now).label("alive"),
        (Lane.lease_until > later(now, bindparam("outlast", type_=Float))).label("lasts"),
        lane_is_held.label("held"),
        lane_has_look_up_due.label("to_ask"),
        select(Hold.id).where(covers(Hold, Lane)).correlate(Lane).exists().label("holds"),
    ).where(is_own_lane)


def _first_goes(connection: Connection, turn: Turn) -> int:
    """1 if nothing is under way in any scope that comes out of a hold and covers this lane, else 0."""
    return 0 if connection.scalar(half_open_probe, turn.parameters) is not None else 1
