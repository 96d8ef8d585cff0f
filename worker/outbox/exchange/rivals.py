"""What a look-up's answer is held against: how often Vitec was asked, and who else could be what it shows."""

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, SQLColumnExpression, and_, exists, func, select
from sqlalchemy.orm import aliased

from models import Attempt, Event, Operation, State


def count_look_ups() -> ScalarSelect[int]:
    """How often Vitec has been asked in an operation's present doubt: each doubt has patience of its own.

    The column `look_ups` tells look-ups of one attempt apart, in whichever doubt about it they began.
    """
    mine = (Attempt.operation_id == Operation.id, Attempt.attempt == Operation.attempt)
    of_this_doubt = (Attempt.event == Event.LOOKED_UP, Attempt.at >= Operation.doubt_since)
    return select(func.count(Attempt.id)).where(*mine, *of_this_doubt).correlate(Operation).scalar_subquery()


def rivals_of(match_key: SQLColumnExpression[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Others that the read-back of something with this match key could show in the operation's place."""
    other = aliased(Operation, name="other")
    alike = and_(
        other.customer_id == Operation.customer_id,
        other.kind == Operation.kind,
        other.match_key == match_key,
        other.id != Operation.id,
    )
    unsettled = exists().where(alike, other.state.in_([State.IN_FLIGHT, State.IN_DOUBT]))
    nameless = exists().where(alike, other.state == State.SUCCEEDED, other.remote_id.is_(None))
    return unsettled.label("contested"), nameless.label("claimed_by_another")
