"""Holds and the circuit breaker: when a scope rests, for how long, and how it comes back."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from models import CAUSE_AT_MOST, Environment, Hold, HoldReason, Lane, Scope
from worker.backoff import Backoff
from worker.outbox.database.sql import current_time, later
from worker.outbox.exchange.refused_logins import OF_LOGINS, find_login_hold, hold_refused_login, trust_login
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import hold_is_active
from worker.outcome import ILL, Health, HoldWanted

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
            case HoldReason.UNAVAILABLE | HoldReason.FOREIGN_ANSWER:
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
    began: datetime | None = None
    """When the request was claimed; None: not known, or not asked for."""


@dataclass(frozen=True, slots=True)
class IllInRow:
    """Failures in a row that say something of more than one operation, as the locked rows have them.

    `environment`: of all kinds, since the last good answer to any lane. `foreign`: answers to the turn's lane that were not
    the API's own, since the last good one there.
    """

    environment: int = 0
    foreign: int = 0


def update_holds(
    connection: Connection,
    turn: Turn,
    signals: Sequence[HealthSignal],
    policy: HoldPolicy,
    before: IllInRow,
) -> None:
    """Draw the consequences of outcomes for their scopes. The environment's row is locked, and the lane's.

    Wanted holds are set, a good answer ends those it disproves, and failures in a row open the breaker.
    """
    for signal in signals:
        if signal.hold is not None:
            _hold(connection, turn, signal.hold, signal, policy)
    if any(signal.health is Health.WELL for signal in signals):
        _end_holds(connection, turn)
        if turn.login is not None:
            trust_login(connection, turn)
    in_row = IllInRow(
        _count_in_row(before.environment, signals, ILL), _count_in_row(before.foreign, signals, {Health.FOREIGN})
    )
    ill = [signal for signal in signals if signal.health in ILL]
    # Without one of them nothing has shown anything, whatever was counted before: a stop, say, renews no hold.
    if ill and in_row.environment:
        in_row = _open_breaker(connection, turn, ill[-1], in_row, policy)
    if in_row.environment != before.environment:
        connection.execute(update(Environment).where(Environment.id == 1).values(failures_in_row=in_row.environment))
    if in_row.foreign != before.foreign:
        own_lane = and_(Lane.customer_id == turn.customer_id, Lane.kind == turn.kind)
        connection.execute(update(Lane).where(own_lane).values(foreign_in_row=in_row.foreign))


def _count_in_row(count: int, signals: Sequence[HealthSignal], counted: AbstractSet[Health]) -> int:
    for signal in signals:
        if signal.health is Health.WELL:
            count = 0
        elif signal.health in counted:
            count += 1
    return count


def _open_breaker(
    connection: Connection, turn: Turn, last: HealthSignal, in_row: IllInRow, policy: HoldPolicy
) -> IllInRow:
    """Hold the environment if its failures are enough, or else the lane if its foreign answers are. Returns the new counts."""
    foreign = last.health is Health.FOREIGN
    standing = connection.execute(_STANDING_BREAKER).one_or_none()
    # The half-open probe after an opened breaker decides alone.
    if in_row.environment >= policy.breaker_failures or (standing is not None and not standing.active):
        reason = HoldReason.FOREIGN_ANSWER if foreign else HoldReason.UNAVAILABLE
        if standing is not None and standing.reason is not reason:
            # Another sign of the same outage: it goes on, and does not begin anew.
            connection.execute(update(Hold).where(Hold.id == standing.id).values(reason=reason))
        _hold(connection, turn, HoldWanted(Scope.ENVIRONMENT, reason), last, policy)
        return replace(in_row, environment=0)
    if foreign and standing is None and in_row.foreign >= policy.breaker_failures:
        # Other lanes are answered well, or the environment would be held. The count stays until this one is, too.
        _hold(connection, turn, HoldWanted(Scope.LANE, HoldReason.FOREIGN_ANSWER), last, policy)
    return in_row


_STANDING_BREAKER = select(Hold.id, Hold.reason, hold_is_active.label("active")).where(
    Hold.scope == Scope.ENVIRONMENT, Hold.reason.in_((HoldReason.UNAVAILABLE, HoldReason.FOREIGN_ANSWER))
)
"""The hold that the breaker has set: one at most, since an opened breaker changes its reason instead."""


def _hold(connection: Connection, turn: Turn, wanted: HoldWanted, signal: HealthSignal, policy: HoldPolicy) -> None:
    refused = wanted.reason in OF_LOGINS
    login_key = find_login_hold(connection, turn, wanted.reason) if refused else None
    key = login_key or _key_of(turn, wanted)
    has_key = and_(*(getattr(Hold, name) == value for name, value in key.items()))
    standing = connection.execute(
        select(Hold.strikes, hold_is_active.label("active"), Hold.until).where(has_key)
    ).one_or_none()
    if standing is not None and not standing.active and not _is_probe(signal, standing.until):
        return
    # Requests that were in flight together bring the same reason together: that is one strike, not five.
    strikes = 1 if standing is None else standing.strikes + int(not standing.active)
    seconds = policy.of(wanted.reason).seconds(strikes) if wanted.seconds is None else wanted.seconds
    until = later(current_time, seconds)
    cause = None if signal.cause is None else signal.cause[:CAUSE_AT_MOST]
    news: dict[str, Any] = {"until": until, "strikes": strikes, "cause": cause}
    suspect = turn.login if refused and login_key is None else None
    if standing is None:
        connection.execute(insert(Hold).values(**key, since=current_time, refused_login=suspect, **news))
    else:
        ends_sooner = or_(Hold.until <= current_time, and_(Hold.until.is_not(None), Hold.until < until))
        if suspect is not None:
            # One that is no longer a suspect stays so: the login has opened the same for others.
            news["refused_login"] = func.coalesce(Hold.refused_login, suspect)
        connection.execute(update(Hold).where(has_key, ends_sooner).values(news))
    if suspect is not None:
        hold_refused_login(connection, turn, wanted.reason, cause, policy.barred)


def _key_of(turn: Turn, wanted: HoldWanted) -> dict[str, Any]:
    return {
        "scope": wanted.scope,
        "customer_id": "" if wanted.scope is Scope.ENVIRONMENT else turn.customer_id,
        "function_group": turn.function_group if wanted.scope is Scope.GROUP else "",
        "kind": turn.kind if wanted.scope is Scope.LANE else "",
        "reason": wanted.reason,
    }


def _is_probe(signal: HealthSignal, until: datetime) -> bool:
    """Tell whether the request was claimed when the hold's time had come: one that was under way before renews nothing.

    A person who has corrected the cause ends the hold early, while a request from before may still be in flight.
    """
    return signal.began is not None and signal.began >= until


def _end_holds(connection: Connection, turn: Turn) -> None:
    """End the holds that have run out and cover the lane: a good answer has disproved them."""
    covers_lane = or_(
        Hold.scope == Scope.ENVIRONMENT,
        and_(Hold.customer_id == turn.customer_id, Hold.function_group == turn.function_group),
        and_(Hold.customer_id == turn.customer_id, Hold.kind == turn.kind),
        and_(Hold.scope == Scope.LOGIN, Hold.login == turn.login, Hold.function_group.in_(("", turn.function_group))),
    )
    connection.execute(delete(Hold).where(Hold.until <= current_time, covers_lane))
