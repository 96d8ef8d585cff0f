"""New content that waited for the verdict on an operation takes effect, or comes too late."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from models import FINAL, WAITING, Operation, RejectedRow, State
from worker.outbox.content import Change, Content, drop, present, replace, requeue
from worker.outbox.revising import ALREADY_SENT
from worker.outbox.store import Outbox


def apply_revisions(connection: Connection, box: Outbox, ids: Iterable[int]) -> None:
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
    now = present(connection, box)
    changes: dict[State, list[Change]] = defaultdict(list)
    for found in locked:
        content = Content.from_revision(found.revision)
        since = found.next_attempt_at if found.state in WAITING else now
        changes[found.state].append(Change(found.id, found.attempt, found.state, content, since))
    replace(connection, now, [one for state in WAITING for one in changes[state]])
    requeue(connection, now, [one for state in FINAL - {State.SUCCEEDED} for one in changes[state]])
    _refuse(connection, [found for found in locked if found.state is State.SUCCEEDED])


def _refuse(connection: Connection, locked: Sequence[Row[Any]]) -> None:
    """What waited came too late. Without a file it came from a program, which finds it in the history."""
    drop(connection, [found.id for found in locked])
    code, reason, remedy = ALREADY_SENT
    rows = [
        {
            "feed_file_id": found.revision["feed_file_id"],
            "line": found.revision["line"] or 0,
            "kind": found.kind,
            "customer_id": found.customer_id,
            "source_id": found.source_id,
            "code": code,
            "reason": reason,
            "remedy": remedy,
        }
        for found in locked
        if found.revision["feed_file_id"] is not None
    ]
    if rows:
        connection.execute(insert(RejectedRow), rows)
