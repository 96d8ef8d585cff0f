"""Counts of operations that have ended, by kind, state and code, from the newest few thousand: quick also with millions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, literal_column, select

from models import Operation, State
from worker.outbox.database.sql import current_time, later
from worker.outbox.predicates import unsuccessful

NEWEST = 10_000
"""Rows that are read at most of each state, or of a day: whether 10,000 have failed or a million, a person must look."""

DAY = 86_400.0
"""Seconds for which an ending counts as of today."""


@dataclass(frozen=True, slots=True)
class EndingCount:
    """How many operations of a kind have ended in this state with this code, and when the first of them did."""

    kind: str
    state: State
    code: str | None
    count: int
    since: datetime


def count_untold(connection: Connection) -> Sequence[EndingCount]:
    """Count the failed and expired operations of which the CRM has not been told, the most frequent first."""
    counts: list[EndingCount] = []
    for state in (State.FAILED, State.EXPIRED):
        newest = (
            select(Operation.kind, Operation.error_code, Operation.finalized_at, Operation.reported_at)
            .where(unsuccessful, Operation.state == literal_column(f"'{state.value}'"))
            .order_by(Operation.id.desc())
            .limit(NEWEST)
            .subquery()
        )
        groups = (
            select(newest.c.kind, newest.c.error_code, func.count().label("number"), func.min(newest.c.finalized_at))
            .where(newest.c.reported_at.is_(None))
            .group_by(newest.c.kind, newest.c.error_code)
        )
        counts += [
            EndingCount(kind, state, code, number, since) for kind, code, number, since in connection.execute(groups)
        ]
    return sorted(counts, key=lambda group: (-group.count, group.kind, group.code or ""))


def count_endings_of_a_day(connection: Connection) -> Sequence[EndingCount]:
    """Count the operations that ended within a day, in whichever state, by kind and code."""
    newest = (
        select(Operation.kind, Operation.state, Operation.error_code, Operation.finalized_at)
        .where(
            # Both conditions of a partial index, in its own words: content is blanked long after a day.
            Operation.finalized_at.is_not(None),
            Operation.payload.is_not(None),
            Operation.finalized_at > select(later(current_time, -DAY)).scalar_subquery(),
        )
        .order_by(Operation.finalized_at.desc())
        .limit(NEWEST)
        .subquery()
    )
    columns = (newest.c.kind, newest.c.state, newest.c.error_code)
    groups = select(*columns, func.count(), func.min(newest.c.finalized_at)).group_by(*columns)
    return [EndingCount(*row) for row in connection.execute(groups)]
