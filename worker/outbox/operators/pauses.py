"""Scopes that a person holds, and holds that a person ends before their time."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, true, update

from models import Environment, Hold, HoldReason, Lane, Scope
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, insert_if_new
from worker.outbox.predicates import hold_is_active


@dataclass(frozen=True, slots=True)
class HoldScope:
    """The scope of a hold, by its own columns; the parts that do not apply to its scope are empty."""

    scope: Scope
    customer_id: str = ""
    function_group: str = ""
    kind: str = ""
    login: str = ""


def pause(db: Database, scopes: Sequence[HoldScope], *, by: str, note: str | None) -> list[HoldScope]:
    """Hold the scopes until a person resumes them. Returns those that were not paused before; requests in flight end."""
    with db.write() as connection:
        _lock(connection)
        return [scope for scope in scopes if _pause(connection, scope, by, note)]


def resume(db: Database, scopes: Sequence[HoldScope], reason: HoldReason = HoldReason.PAUSED) -> list[HoldScope]:
    """End the holds of exactly these scopes for this reason; returns those that held.

    A pause is gone. Any other reason comes to its time now: a half-open probe is sent, and its answer decides.
    """
    matching = and_(Hold.reason == reason, or_(*map(_is, scopes)), hold_is_active)
    with db.write() as connection:
        _lock(connection)
        if reason is HoldReason.PAUSED:
            ended = connection.execute(delete(Hold).where(matching).returning(*_PARTS))
        else:
            # Without the strikes: a person may have seen to the cause, and a new refusal begins a new series.
            first = {"until": current_time, "strikes": 0}
            ended = connection.execute(update(Hold).where(matching).values(first).returning(*_PARTS))
        return [HoldScope(*row) for row in ended]


def resume_everything(db: Database, reason: HoldReason | None = None) -> list[tuple[HoldScope, HoldReason]]:
    """End every hold, of whichever scope, for this reason or for any; returns those that held. As `resume`."""
    wanted = true() if reason is None else Hold.reason == reason
    with db.read() as connection:
        holds = connection.execute(select(*_PARTS, Hold.reason).where(hold_is_active, wanted)).all()
    ended: list[tuple[HoldScope, HoldReason]] = []
    for row in holds:
        ended += [(scope, row.reason) for scope in resume(db, [HoldScope(*row[:-1])], row.reason)]
    return ended


def find_logins_held(db: Database, customer_id: str, reason: HoldReason) -> set[str]:
    """Find the logins that are held for this reason and that the customer's lanes send with, by their names."""
    of_group = or_(Hold.function_group == "", Hold.function_group == Lane.function_group)
    held = select(Hold.login).join(Lane, and_(Hold.scope == Scope.LOGIN, Hold.login == Lane.login, of_group))
    with db.read() as connection:
        return set(
            connection.scalars(held.where(Lane.customer_id == customer_id, Hold.reason == reason, hold_is_active))
        )


def kinds_under(db: Database, scopes: Sequence[HoldScope]) -> set[str]:
    """The kinds of the lanes that any of the scopes covers: those to ring for when the hold is over."""
    with db.read() as connection:
        return set(connection.scalars(select(Lane.kind).where(or_(*map(_contains, scopes))).distinct()))


_PARTS = (Hold.scope, Hold.customer_id, Hold.function_group, Hold.kind, Hold.login)


def _lock(connection: Connection) -> None:
    # The environment comes first in the order of locks, and every change of holds is made under its lock.
    connection.execute(select(Environment.id).with_for_update(key_share=True))


def _is(scope: HoldScope) -> ColumnElement[bool]:
    return and_(
        Hold.scope == scope.scope,
        Hold.customer_id == scope.customer_id,
        Hold.function_group == scope.function_group,
        Hold.kind == scope.kind,
        Hold.login == scope.login,
    )


def _contains(scope: HoldScope) -> ColumnElement[bool]:
    match scope.scope:
        case Scope.ENVIRONMENT:
            return true()
        case Scope.GROUP:
            return and_(Lane.customer_id == scope.customer_id, Lane.function_group == scope.function_group)
        case Scope.LANE:
            return and_(Lane.customer_id == scope.customer_id, Lane.kind == scope.kind)
        case Scope.LOGIN:
            of_group = Lane.function_group == scope.function_group if scope.function_group else true()
            return and_(Lane.login == scope.login, of_group)


def _pause(connection: Connection, scope: HoldScope, by: str, note: str | None) -> bool:
    parts = {
        "scope": scope.scope,
        "customer_id": scope.customer_id,
        "function_group": scope.function_group,
        "kind": scope.kind,
        "login": scope.login,
    }
    paused = insert_if_new(connection.dialect.name, Hold).values(
        **parts, reason=HoldReason.PAUSED, since=current_time, until=None, by=by, note=note
    )
    return connection.execute(paused.returning(Hold.id)).first() is not None
