"""Applies new content that waited for an operation to be settled, or refuses what came too late."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from models import FINAL, THE_CRM, WAITING, Attempt, Event, Operation, RejectedRow, State
from worker.outbox.database.sql import read_current_time
from worker.outbox.revisions.content import (
    Change,
    Content,
    drop_revisions,
    replace_content,
    requeue_with_content,
)
from worker.outbox.revisions.judge import ALREADY_SENT
from worker.outbox.revisions.withdrawn import WITHDRAWN_TOO_LATE, cancel_withdrawn, mark_content


def apply_revisions(connection: Connection, ids: Iterable[int], *, keep_refused: bool = False) -> None:
    """Let new content that waited for a verdict take effect. Called in the transaction that settled the rows `ids`.

    Waiting: it is sent instead, when the next attempt is due. Ended without success: pending again. Succeeded: refused,
    and reported to the CRM; `keep_refused`: it stays in the row, for a person to see. Still in flight or in doubt, or
    without new content: nothing is done.
    """
    locked = connection.execute(
        select(
            Operation.id,
            Operation.kind,
            Operation.customer_id,
            Operation.source_id,
            Operation.state,
            Operation.attempt,
            Operation.next_attempt_at,
            Operation.revision,
        )
        .where(Operation.id.in_(list(ids)), Operation.revision.is_not(None))
        .order_by(Operation.id)
        .with_for_update(key_share=True)
    ).all()
    if not locked:
        return
    at = read_current_time(connection)
    withdrawn = [row for row in locked if row.revision.get("withdrawn")]
    cancel_withdrawn(connection, [row.id for row in withdrawn if row.state in WAITING])
    drop_revisions(connection, [row.id for row in withdrawn if row.state in FINAL - {State.SUCCEEDED}])
    _take_effect(connection, at, [row for row in locked if row not in withdrawn])
    too_late = [row for row in locked if row.state is State.SUCCEEDED]
    if not keep_refused:
        drop_revisions(connection, [row.id for row in too_late])
        mark_content(connection, [row.id for row in too_late if row in withdrawn])
    _refuse(connection, at, too_late)


def _take_effect(connection: Connection, at: datetime, locked: Sequence[Row[Any]]) -> None:
    """Write new content over rows that wait, or that ended without success."""
    changes: dict[State, list[Change]] = defaultdict(list)
    for row in locked:
        content = Content.from_revision(row.revision)
        since = row.next_attempt_at if row.state in WAITING else at
        changes[row.state].append(Change(row.id, row.attempt, row.state, content, since))
    replace_content(connection, at, [change for state in WAITING for change in changes[state]])
    requeue_with_content(connection, at, [change for state in FINAL - {State.SUCCEEDED} for change in changes[state]])


def _refuse(connection: Connection, at: datetime, locked: Sequence[Row[Any]]) -> None:
    """Refuse content that came too late: rows of a file are told as rejected rows, all other content in the history."""
    rows = [_rejected(row, at) for row in locked if row.revision["feed_file_id"] is not None]
    if rows:
        connection.execute(insert(RejectedRow), rows)
    entries = [_entry(row, at) for row in locked if row.revision["feed_file_id"] is None]
    if entries:
        connection.execute(insert(Attempt), entries)


def _rejected(row: Row[Any], at: datetime) -> dict[str, Any]:
    code, reason, remedy = _words(row)
    return {
        "feed_file_id": row.revision["feed_file_id"],
        # Left out of a full export, it stands in no line.
        "line": row.revision["line"] or 0,
        "kind": row.kind,
        "customer_id": row.customer_id,
        "source_id": row.source_id,
        "code": code,
        "reason": reason,
        "remedy": remedy,
        "created_at": at,
    }


def _entry(row: Row[Any], at: datetime) -> dict[str, Any]:
    return {
        "operation_id": row.id,
        "attempt": row.attempt,
        "event": Event.DECIDED,
        "at": at,
        "outcome": row.state.value,
        "code": _words(row)[0],
        "by": THE_CRM,
    }


def _words(row: Row[Any]) -> tuple[str, str, str]:
    """Give the code, the reason and the remedy of what came too late."""
    return WITHDRAWN_TOO_LATE if row.revision.get("withdrawn") else ALREADY_SENT
