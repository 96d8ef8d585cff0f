"""Holds and the circuit breaker: when a scope rests, for how long, and how it comes back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from models import Environment, Hold, HoldReason, Scope
from worker.outbox.database.sql import later
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import Now, hold_is_active
from worker.outcome import Health, HoldWanted


@dataclass(frozen=True, slots=True)
class Ladder:
    """How long a reason holds: `first` s, doubling each time it comes back, up to `cap` s."""

    first: float
    cap: float

    def rung(self, strikes: int) -> float:
        """Seconds for the n-th time in a row (1 or more)."""
        return min(self.cap, self.first * 2.0 ** min(strikes - 1, 40))


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """The ladders by reason, and after how many failures in a row the breaker opens."""

    barred: Ladder = Ladder(3600.0, 86400.0)
    throttled: Ladder = Ladder(60.0, 3600.0)
    unavailable: Ladder = Ladder(120.0, 1800.0)
    breaker_failures: int = 5

    def of(self, reason: HoldReason) -> Ladder:
        """The ladder of a reason; a redirect, like a closed door, needs a person to look."""
        match reason:
            case HoldReason.THROTTLED:
                return self.throttled
            case HoldReason.UNAVAILABLE:
                return self.unavailable
            case _:
                return self.barred


@dataclass(frozen=True, slots=True)
class HealthSignal:
    """What a request's end says beyond its own row."""

    hold: HoldWanted | None
    health: Health


def update_holds(
    connection: Connection,
    now: Now,
    turn: Turn,
    news: Sequence[HealthSignal],
    ladders: HoldPolicy,
    failures_in_row: int,
) -> None:
    """Draw the consequences of outcomes for their scopes. The environment's row is locked.

    Wanted holds are set, a good answer ends those it disproves, and failures in a row open the breaker.
    """
    for one in news:
        wanted = one.hold
        if wanted is not None:
            _hold(connection, now, turn, wanted, ladders)
    if any(one.health is Health.WELL for one in news):
        _end(connection, now, turn)
    count = _count(failures_in_row, news)
    if count and _trips(connection, count, ladders):
        _hold(connection, now, turn, HoldWanted(Scope.ENVIRONMENT, HoldReason.UNAVAILABLE), ladders)
        count = 0
    if count != failures_in_row:
        connection.execute(update(Environment).where(Environment.id == 1).values(failures_in_row=count))


def _count(failures_in_row: int, news: Sequence[HealthSignal]) -> int:
    for one in news:
        match one.health:
            case Health.WELL:
                failures_in_row = 0
            case Health.ILL:
                failures_in_row += 1
            case Health.UNKNOWN:
                pass
    return failures_in_row


def _trips(connection: Connection, count: int, ladders: HoldPolicy) -> bool:
    if count >= ladders.breaker_failures:
        return True
    # The one operation that goes first after an opened breaker decides alone.
    ended = select(Hold.id).where(Hold.reason == HoldReason.UNAVAILABLE, ~hold_is_active)
    return connection.scalar(ended) is not None


def _hold(connection: Connection, now: Now, turn: Turn, wanted: HoldWanted, ladders: HoldPolicy) -> None:
    key = {
        "scope": wanted.scope,
        "customer_id": "" if wanted.scope is Scope.ENVIRONMENT else turn.customer_id,
        "function_group": turn.function_group if wanted.scope is Scope.GROUP else "",
        "kind": turn.kind if wanted.scope is Scope.LANE else "",
        "reason": wanted.reason,
    }
    same = and_(*(getattr(Hold, name) == value for name, value in key.items()))
    ladder = ladders.of(wanted.reason)
    known = connection.execute(
        select(Hold.strikes, hold_is_active.label("holds"), Hold.until).where(same)
    ).one_or_none()
    if known is None:
        seconds = ladder.rung(1) if wanted.seconds is None else wanted.seconds
        connection.execute(insert(Hold).values(**key, since=now, until=later(now, seconds), strikes=1))
        return
    # Requests that were in flight together bring the same reason together: that is one strike, not five.
    strikes = known.strikes if known.holds else known.strikes + 1
    seconds = ladder.rung(strikes) if wanted.seconds is None else wanted.seconds
    until = later(now, seconds)
    sooner = or_(Hold.until <= now, and_(Hold.until.is_not(None), Hold.until < until))
    connection.execute(update(Hold).where(same, sooner).values(until=until, strikes=strikes, since=now))


def _end(connection: Connection, now: Now, turn: Turn) -> None:
    """A good answer: the holds that have run out and cover the lane are over."""
    own = or_(
        Hold.scope == Scope.ENVIRONMENT,
        and_(Hold.customer_id == turn.customer_id, Hold.function_group == turn.function_group),
        and_(Hold.customer_id == turn.customer_id, Hold.kind == turn.kind),
    )
    connection.execute(delete(Hold).where(Hold.until <= now, own))
