"""New content that waited for the verdict on an operation takes effect, or comes too late."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from models import FINAL, WAITING, Attempt, Event, Operation, RejectedRow, State
from worker.outbox.database.sql import read_current_time
from worker.outbox.revisions.content import (
    THE_CRM,
    Change,
    Content,
    drop_revisions,
    replace_content,
    requeue_with_content,
)
from worker.outbox.revisions.judge import ALREADY_SENT


def apply_revisions(connection: Connection, ids: Iterable[int]) -> None:
    """Let new content that waited for a verdict take effect. Called in the transaction that settled the rows `ids`.

    Waiting: it is sent instead, when the next attempt is due. Ended without success: pending again. Succeeded: refused,
    and told to the CRM. Still in flight or in doubt, or no new content there: nothing is done.
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
    changes: dict[State, list[Change]] = defaultdict(list)
    for found in locked:
        content = Content.from_revision(found.revision)
        since = found.next_attempt_at if found.state in WAITING else at
        changes[found.state].append(Change(found.id, found.attempt, found.state, content, since))
    replace_content(connection, at, [one for state in WAITING for one in changes[state]])
    requeue_with_content(connection, at, [one for state in FINAL - {State.SUCCEEDED} for one in changes[state]])
    _refuse(connection, at, [found for found in locked if found.state is State.SUCCEEDED])


def _refuse(connection: Connection, at: datetime, locked: Sequence[Row[Any]]) -> None:
    """What waited came too late. What came from a file is told among its rejected rows, the rest in the history."""
    drop_revisions(connection, [found.id for found in locked])
    rows = [_rejected(found, at) for found in locked if found.revision["feed_file_id"] is not None]
    if rows:
        connection.execute(insert(RejectedRow), rows)
    entries = [_entry(found, at) for found in locked if found.revision["feed_file_id"] is None]
    if entries:
        connection.execute(insert(Attempt), entries)


def _rejected(found: Row[Any], at: datetime) -> dict[str, Any]:
    code, reason, remedy = ALREADY_SENT
    return {
        "feed_file_id": found.revision["feed_file_id"],
        "line": found.revision["line"],
        "kind": found.kind,
        "customer_id": found.customer_id,
        "source_id": found.source_id,
        "code": code,
        "reason": reason,
        "remedy": remedy,
        "created_at": at,
    }


def _entry(found: Row[Any], at: datetime) -> dict[str, Any]:
    return {
        "operation_id": found.id,
        "attempt": found.attempt,
        "event": Event.DECIDED,
        "at": at,
        "outcome": found.state.value,
        "code": ALREADY_SENT[0],
        "by": THE_CRM,
    }
