"""Marks operations and rejected rows as reported: the CRM has been told of their present state."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, cast, update

from models import Operation, RejectedRow, State
from worker.outbox.database.database import Database
from worker.outbox.database.sql import (
    as_ids_parameter,
    as_json_parameter,
    cached_statement,
    current_time,
    json_table,
    with_ids,
)

BATCH = 1_000
"""Rows marked in one transaction."""


class ReportedState(NamedTuple):
    """An operation as it stood when it was reported to the CRM."""

    id: int
    attempt: int
    state: State


def mark_operations_reported(db: Database, reported: Iterable[ReportedState]) -> int:
    """Mark operations; one that has moved since it was reported stays unreported. Returns how many were marked."""
    remaining, marked = iter(reported), 0
    # By id, as every transaction locks operations.
    while batch := sorted(islice(remaining, BATCH)):
        states = ({"id": row.id, "attempt": row.attempt, "state": row.state.value} for row in batch)
        values = {**as_json_parameter(states), **as_ids_parameter(row.id for row in batch)}
        with db.write() as connection:
            marked += connection.execute(_mark(connection.dialect.name), values).rowcount
    return marked


@cached_statement
def _mark(dialect: str) -> Any:
    """Mark those of the document that still stand as they were reported."""
    reported = json_table(dialect, "reported", {"id": BigInteger(), "attempt": Integer(), "state": Text()}).c
    return (
        update(Operation)
        .where(
            with_ids(dialect, Operation.id),
            Operation.id == reported.id,
            Operation.attempt == reported.attempt,
            cast(Operation.state, Text) == reported.state,
            Operation.reported_at.is_(None),
        )
        .values(reported_at=current_time)
        .execution_options(synchronize_session=False)
    )


def mark_rejections_reported(db: Database, ids: Iterable[int]) -> int:
    """Mark rejected rows. Returns how many were marked."""
    remaining, marked = iter(ids), 0
    while batch := list(islice(remaining, BATCH)):
        mark = update(RejectedRow).where(RejectedRow.id.in_(batch), RejectedRow.reported_at.is_(None))
        with db.write() as connection:
            marked += connection.execute(
                mark.values(reported_at=current_time).execution_options(synchronize_session=False)
            ).rowcount
    return marked
