"""Holds and the circuit breaker: when a scope rests, for how long, and how it comes back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from models import CAUSE_AT_MOST, Environment, Hold, HoldReason, Scope
from worker.decide import Backoff
from worker.outbox.database.sql import current_time, later
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import hold_is_active
from worker.outcome import Health, HoldWanted

_BARRED, _THROTTLED, _UNAVAILABLE = Backoff(3600.0, 86400.0), Backoff(60.0, 3600.0), Backoff(120.0, 1800.0)


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """How long each reason holds, longer each time that it comes back, and how many failures open the breaker."""

    barred: Backoff = _BARRED
    throttled: Backoff = _THROTTLED
    unavailable: Backoff = _UNAVAILABLE
    breaker_failures: int = 5

    def of(self, reason: HoldReason) -> Backoff:
        """The backoff of a reason; a redirect, like a 401 or 403, needs a person to look."""
        match reason:
            case HoldReason.THROTTLED:
                return self.throttled
            case HoldReason.UNAVAILABLE:
                return self.unavailable
            case _:
                return self.barred


@dataclass(frozen=True, slots=True)
class HealthSignal:
    """The consequences of a request's end beyond its own row."""

    hold: HoldWanted | None
    health: Health
    cause: str | None = None
    """The failure in our own words, without data."""


def update_holds(
    connection: Connection,
    turn: Turn,
    signals: Sequence[HealthSignal],
    policy: HoldPolicy,
    failures_in_row: int,
) -> None:
    """Draw the consequences of outcomes for their scopes. The environment's row is locked.

    Wanted holds are set, a good answer ends those it disproves, and failures in a row open the breaker.
    """
    for signal in signals:
        if signal.hold is not None:
            _hold(connection, turn, signal.hold, signal.cause, policy)
    if any(signal.health is Health.WELL for signal in signals):
        _end_holds(connection, turn)
    count = _count_failures(failures_in_row, signals)
    if count and _opens_breaker(connection, count, policy):
        cause = next((signal.cause for signal in reversed(signals) if signal.health is Health.ILL), None)
        _hold(connection, turn, HoldWanted(Scope.ENVIRONMENT, HoldReason.UNAVAILABLE), cause, policy)
        count = 0
    if count != failures_in_row:
        connection.execute(update(Environment).where(Environment.id == 1).values(failures_in_row=count))


def _count_failures(failures_in_row: int, signals: Sequence[HealthSignal]) -> int:
    for signal in signals:
        match signal.health:
            case Health.WELL:
                failures_in_row = 0
            case Health.ILL:
                failures_in_row += 1
            case Health.UNKNOWN:
                pass
    return failures_in_row


def _opens_breaker(connection: Connection, count: int, policy: HoldPolicy) -> bool:
    if count >= policy.breaker_failures:
        return True
    # The half-open probe after an opened breaker decides alone.
    half_open = select(Hold.id).where(Hold.reason == HoldReason.UNAVAILABLE, ~hold_is_active)
    return connection.scalar(half_open) is not None


def _hold(connection: Connection, turn: Turn, wanted: HoldWanted, cause: str | None, policy: HoldPolicy) -> None:
    key = {
        "scope": wanted.scope,
        "customer_id": "" if wanted.scope is Scope.ENVIRONMENT else turn.customer_id,
        "function_group": turn.function_group if wanted.scope is Scope.GROUP else "",
        "kind": turn.kind if wanted.scope is Scope.LANE else "",
        "reason": wanted.reason,
    }
    has_key = and_(*(getattr(Hold, name) == value for name, value in key.items()))
    standing = connection.execute(
        select(Hold.strikes, hold_is_active.label("active"), Hold.until).where(has_key)
    ).one_or_none()
    # Requests that were in flight together bring the same reason together: that is one strike, not five.
    strikes = 1 if standing is None else standing.strikes + int(not standing.active)
    seconds = policy.of(wanted.reason).seconds(strikes) if wanted.seconds is None else wanted.seconds
    until = later(current_time, seconds)
    cause = None if cause is None else cause[:CAUSE_AT_MOST]
    news = {"until": until, "strikes": strikes, "cause": cause}
    if standing is None:
        connection.execute(insert(Hold).values(**key, since=current_time, **news))
    else:
        ends_sooner = or_(Hold.until <= current_time, and_(Hold.until.is_not(None), Hold.until < until))
        connection.execute(update(Hold).where(has_key, ends_sooner).values(news))


def _end_holds(connection: Connection, turn: Turn) -> None:
    """End the holds that have run out and cover the lane: a good answer has disproved them."""
    covers_lane = or_(
        Hold.scope == Scope.ENVIRONMENT,
        and_(Hold.customer_id == turn.customer_id, Hold.function_group == turn.function_group),
        and_(Hold.customer_id == turn.customer_id, Hold.kind == turn.kind),
    )
    connection.execute(delete(Hold).where(Hold.until <= current_time, covers_lane))
