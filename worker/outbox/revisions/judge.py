"""What new content from the CRM means for an operation that is there already."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, FromClause, Row, String, and_, bindparam, select

from models import Operation, State
from worker.outbox.database.sql import cached_statement, read_current_time
from worker.outbox.database.staging import NewOperation, StagedRows
from worker.outbox.revisions.content import (
    Change,
    Content,
    drop_revisions,
    replace_content,
    requeue_with_content,
    store_revisions,
)

ALREADY_SENT = (
    "already_sent",
    "it has been sent, and what was made at Vitec cannot be changed by a call",
    "Change it in Vitec by hand, or export it under a new id.",
)


class IntakeResult(StrEnum):
    """What became of one row of the CRM."""

    RECORDED = "recorded"
    """It was new."""

    UNCHANGED = "unchanged"
    """It says what it said before."""

    REVISED = "revised"
    """Its operation was still waiting: the new content will be sent."""

    REQUEUED = "requeued"
    """Its operation had ended without success: it is pending again, with the new content."""

    DEFERRED = "deferred"
    """Its operation is in flight or in doubt: the new content waits for that verdict."""

    ALREADY_SENT = "already_sent"
    """Its operation has succeeded, or was accepted by Vitec and then given up: refused."""

    OTHER_CUSTOMER = "other_customer"
    """Its operation is another customer's: refused."""


RowKey = tuple[str, str]
"""(kind, source_id)"""


def revise(
    connection: Connection,
    rows: Sequence[NewOperation],
    given: StagedRows,
    *,
    feed: str,
    feed_file_id: int | None,
) -> dict[RowKey, IntakeResult]:
    """Hold those of the given rows whose keys are known against their operations, and write what follows."""
    by_key = {(row.kind, row.source_id): row for row in rows}
    found = connection.execute(select(*_JUDGED).where(Operation.id.in_(_known(connection, given, feed)))).all()
    verdicts = {(one.kind, one.source_id): _judge(one, by_key[one.kind, one.source_id]) for one in _of(found, by_key)}
    changed = [
        one.id
        for one in _of(found, by_key)
        if verdicts[one.kind, one.source_id] in _WRITTEN or one.revision is not None
    ]
    if changed:
        # Only what changes is locked, in the order of ids, and judged once more: nothing moves it from here on.
        locked = (
            select(*_JUDGED).where(Operation.id.in_(changed)).order_by(Operation.id).with_for_update(key_share=True)
        )
        verdicts |= _write(connection, connection.execute(locked).all(), by_key, feed_file_id)
    return verdicts


def _of(found: Sequence[Row[Any]], by_key: Mapping[RowKey, NewOperation]) -> list[Row[Any]]:
    return [one for one in found if (one.kind, one.source_id) in by_key]


_JUDGED = (
    Operation.id,
    Operation.kind,
    Operation.source_id,
    Operation.customer_id,
    Operation.state,
    Operation.attempt,
    Operation.payload_hash,
    Operation.revision,
    Operation.acted_at,
)
_WRITTEN = frozenset({IntakeResult.REVISED, IntakeResult.REQUEUED, IntakeResult.DEFERRED})


def _known(connection: Connection, given: StagedRows, feed: str) -> list[int]:
    """The operations of the given keys, each by its unique key: a join would be planned as a scan of them all."""
    found = connection.scalars(_found_by_key(given.table), {**given.values, "feed": feed})
    return [id_ for id_ in found if id_ is not None]


@cached_statement
def _found_by_key(rows: FromClause) -> Any:
    same = and_(
        Operation.feed == bindparam("feed", type_=String),
        Operation.kind == rows.c.kind,
        Operation.source_id == rows.c.source_id,
    )
    return select(select(Operation.id).where(same).correlate(rows).scalar_subquery()).select_from(rows)


def _judge(found: Row[Any], row: NewOperation) -> IntakeResult:
    if found.customer_id != row.customer_id:
        return IntakeResult.OTHER_CUSTOMER
    if found.payload_hash == row.payload_hash:
        return IntakeResult.UNCHANGED
    match found.state:
        case State.PENDING | State.RETRYABLE:
            return IntakeResult.REVISED
        case State.IN_FLIGHT | State.IN_DOUBT:
            waits = found.revision is not None and found.revision["payload_hash"] == row.payload_hash
            return IntakeResult.UNCHANGED if waits else IntakeResult.DEFERRED
        # Vitec had accepted what a person then gave up: as nobody can requeue it, no new content can either.
        case State.FAILED | State.CANCELLED | State.EXPIRED if found.acted_at is None:
            return IntakeResult.REQUEUED
        case _:
            return IntakeResult.ALREADY_SENT


def _write(
    connection: Connection,
    locked: Sequence[Row[Any]],
    by_key: Mapping[RowKey, NewOperation],
    feed_file_id: int | None,
) -> dict[RowKey, IntakeResult]:
    at = read_current_time(connection)
    verdicts: dict[RowKey, IntakeResult] = {}
    changes: dict[IntakeResult, list[Change]] = defaultdict(list)
    for found in locked:
        row = by_key[found.kind, found.source_id]
        verdicts[found.kind, found.source_id] = verdict = _judge(found, row)
        if verdict in _WRITTEN:
            content = Content.of(row, at, feed_file_id)
            changes[verdict].append(Change(found.id, found.attempt, found.state, content, at))
    back = [found.id for found in locked if by_key[found.kind, found.source_id].payload_hash == found.payload_hash]
    drop_revisions(connection, back)
    replace_content(connection, at, changes[IntakeResult.REVISED])
    requeue_with_content(connection, at, changes[IntakeResult.REQUEUED])
    store_revisions(connection, changes[IntakeResult.DEFERRED])
    return verdicts
