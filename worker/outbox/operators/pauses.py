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
    """What a hold covers, by its own columns; the parts that do not apply to its scope are empty."""

    scope: Scope
    customer_id: str = ""
    function_group: str = ""
    kind: str = ""


def pause(db: Database, spans: Sequence[HoldScope], *, by: str, note: str | None) -> list[HoldScope]:
    """Hold the spans until somebody resumes them. Returns those that were not paused before; requests in flight end."""
    with db.write() as connection:
        _lock(connection)
        return [span for span in spans if _pause(connection, span, by, note)]


def resume(db: Database, spans: Sequence[HoldScope], reason: HoldReason = HoldReason.PAUSED) -> list[HoldScope]:
    """End the holds of exactly these spans for this reason; returns those that held.

    A pause is gone. Any other reason comes to its time now: one operation goes first, and its answer decides.
    """
    mine = and_(Hold.reason == reason, or_(*map(_is, spans)), hold_is_active)
    with db.write() as connection:
        _lock(connection)
        if reason is HoldReason.PAUSED:
            ended = connection.execute(delete(Hold).where(mine).returning(*_PARTS))
        else:
            ended = connection.execute(update(Hold).where(mine).values(until=current_time).returning(*_PARTS))
        return [HoldScope(*row) for row in ended]


def kinds_under(db: Database, spans: Sequence[HoldScope]) -> set[str]:
    """The kinds of the lanes that any of the spans covers: those to ring for when it is over."""
    with db.read() as connection:
        return set(connection.scalars(select(Lane.kind).where(or_(*map(_contains, spans))).distinct()))


_PARTS = (Hold.scope, Hold.customer_id, Hold.function_group, Hold.kind)


def _lock(connection: Connection) -> None:
    # The environment comes first in the order of locks, and whoever changes holds has it.
    connection.execute(select(Environment.id).with_for_update(key_share=True))


def _is(span: HoldScope) -> ColumnElement[bool]:
    return and_(
        Hold.scope == span.scope,
        Hold.customer_id == span.customer_id,
        Hold.function_group == span.function_group,
        Hold.kind == span.kind,
    )


def _contains(span: HoldScope) -> ColumnElement[bool]:
    match span.scope:
        case Scope.ENVIRONMENT:
            return true()
        case Scope.GROUP:
            return and_(Lane.customer_id == span.customer_id, Lane.function_group == span.function_group)
        case Scope.LANE:
            return and_(Lane.customer_id == span.customer_id, Lane.kind == span.kind)


def _pause(connection: Connection, span: HoldScope, by: str, note: str | None) -> bool:
    parts = {
        "scope": span.scope,
        "customer_id": span.customer_id,
        "function_group": span.function_group,
        "kind": span.kind,
    }
    paused = insert_if_new(connection.dialect.name, Hold).values(
        **parts, reason=HoldReason.PAUSED, since=current_time, until=None, by=by, note=note
    )
    return connection.execute(paused.returning(Hold.id)).first() is not None
