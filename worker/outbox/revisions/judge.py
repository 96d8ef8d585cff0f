"""Judges new content from the CRM for an operation that is recorded already."""

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
from worker.outbox.revisions.withdrawn import withdrawn_hash

ALREADY_SENT = (
    "already_sent",
    "it has been sent, and what was made at Vitec cannot be changed by a call",
    "Change it in Vitec by hand, or export it under a new id.",
)


class IntakeResult(StrEnum):
    """The fate of one row of the CRM."""

    RECORDED = "recorded"
    """It was new."""

    UNCHANGED = "unchanged"
    """It says what it said before."""

    REVISED = "revised"
    """Its operation was still waiting: the new content will be sent."""

    REQUEUED = "requeued"
    """Its operation had ended without success: it is pending again, with the new content."""

    DEFERRED = "deferred"
    """Its operation is in flight or in doubt: the new content waits until that is settled."""

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
    """Compare those of the given rows that have an operation already with it, and write the changes that follow."""
    by_key = {(row.kind, row.source_id): row for row in rows}
    recorded = Operation.id.in_(_recorded_ids(connection, given, feed))
    results: dict[RowKey, IntakeResult] = {}
    changed: list[int] = []
    for stored in connection.execute(select(*_JUDGED).where(recorded)):
        key = (stored.kind, stored.source_id)
        if key in by_key:
            results[key] = _judge(stored, by_key[key])
            if results[key] in _WRITTEN or stored.revision is not None:
                changed.append(stored.id)
    if changed:
        # Only rows that change are locked, in the order of ids, and judged once more: nothing moves them from here on.
        locked = (
            select(*_JUDGED).where(Operation.id.in_(changed)).order_by(Operation.id).with_for_update(key_share=True)
        )
        results |= _write(connection, connection.execute(locked).all(), by_key, feed_file_id)
    return results


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


def _recorded_ids(connection: Connection, given: StagedRows, feed: str) -> list[int]:
    """Find the operations of the given keys, each by its unique key: a join would be planned as a scan of them all."""
    ids = connection.scalars(_ids_by_key(given.table), {**given.values, "feed": feed})
    return [id_ for id_ in ids if id_ is not None]


@cached_statement
def _ids_by_key(rows: FromClause) -> Any:
    has_key = and_(
        Operation.feed == bindparam("feed", type_=String),
        Operation.kind == rows.c.kind,
        Operation.source_id == rows.c.source_id,
    )
    return select(select(Operation.id).where(has_key).correlate(rows).scalar_subquery()).select_from(rows)


def _judge(stored: Row[Any], row: NewOperation) -> IntakeResult:
    if stored.customer_id != row.customer_id:
        return IntakeResult.OTHER_CUSTOMER
    if stored.payload_hash == row.payload_hash:
        return IntakeResult.UNCHANGED
    match stored.state:
        case State.PENDING | State.RETRYABLE:
            return IntakeResult.REVISED
        case State.IN_FLIGHT | State.IN_DOUBT:
            waits = stored.revision is not None and stored.revision["payload_hash"] == row.payload_hash
            return IntakeResult.UNCHANGED if waits else IntakeResult.DEFERRED
        # Vitec had accepted it before a person gave it up: it cannot be requeued, so no new content can begin it again.
        case State.FAILED | State.CANCELLED | State.EXPIRED if stored.acted_at is None:
            return IntakeResult.REQUEUED
        # Taken back by the CRM when it was too late, and now exported again as it was sent.
        case _ if stored.payload_hash == withdrawn_hash(row.payload_hash):
            return IntakeResult.UNCHANGED
        case _:
            return IntakeResult.ALREADY_SENT


def _write(
    connection: Connection,
    locked: Sequence[Row[Any]],
    by_key: Mapping[RowKey, NewOperation],
    feed_file_id: int | None,
) -> dict[RowKey, IntakeResult]:
    at = read_current_time(connection)
    results: dict[RowKey, IntakeResult] = {}
    changes: dict[IntakeResult, list[Change]] = defaultdict(list)
    for stored in locked:
        row = by_key[stored.kind, stored.source_id]
        results[stored.kind, stored.source_id] = result = _judge(stored, row)
        if result in _WRITTEN:
            content = Content.of(row, at, feed_file_id)
            changes[result].append(Change(stored.id, stored.attempt, stored.state, content, at))
    unchanged = [row.id for row in locked if by_key[row.kind, row.source_id].payload_hash == row.payload_hash]
    drop_revisions(connection, unchanged)
    replace_content(connection, at, changes[IntakeResult.REVISED])
    requeue_with_content(connection, at, changes[IntakeResult.REQUEUED])
    store_revisions(connection, changes[IntakeResult.DEFERRED])
    return results
