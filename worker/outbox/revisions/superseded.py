"""Finds the content that an earlier attempt was sent with, where the CRM has changed it since: evidence is for that one."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from models import THE_CRM, Attempt, Event, Operation, RejectedRow
from worker.outbox.database.sql import current_time
from worker.outbox.revisions.judge import ALREADY_SENT

SENT_BEFORE_CHANGE = "sent_before_change"
"""The code of a success with content that the CRM has meanwhile replaced."""


@dataclass(frozen=True, slots=True)
class SentContent:
    """The row's content when an attempt was sent, as far as it tells one content from another."""

    payload_hash: str
    match_key: str | None


def content_sent(connection: Connection, id_: int, attempt: int) -> SentContent | None:
    """Find the content that the attempt was sent with; None: the one that stands in the row now. The row is locked.

    Each change of content is in the history, with what it replaced and how many attempts there had been before it.
    """
    changed = select(Attempt.replaced).where(
        Attempt.operation_id == id_,
        Attempt.event == Event.DECIDED,
        Attempt.attempt >= attempt,
        Attempt.replaced.is_not(None),
    )
    replaced = connection.scalar(changed.order_by(Attempt.id).limit(1))
    stored_hash = connection.scalar(select(Operation.payload_hash).where(Operation.id == id_))
    return None if replaced is None or replaced["payload_hash"] == stored_hash else SentContent(**replaced)


def refuse_newer_content(connection: Connection, id_: int, sent: SentContent) -> None:
    """Refuse new content that came too late: the row is known again by the content that was sent, and the CRM is told.

    So look-ups of others, and exports of either content, are answered as if the change had never taken effect. The
    content itself is gone; the new one stays on record, and the operation's code says so.
    """
    sent_columns = {"payload_hash": sent.payload_hash, "match_key": sent.match_key}
    connection.execute(update(Operation).where(Operation.id == id_).values(sent_columns))
    columns = (
        Operation.feed_file_id,
        Operation.line,
        Operation.kind,
        Operation.customer_id,
        Operation.source_id,
        Operation.attempt,
        Operation.state,
    )
    row = connection.execute(select(*columns).where(Operation.id == id_)).one()
    if row.feed_file_id is None or row.line is None:
        entry = {"attempt": row.attempt, "outcome": row.state.value, "code": ALREADY_SENT[0], "by": THE_CRM}
        connection.execute(insert(Attempt).values(operation_id=id_, event=Event.DECIDED, at=current_time, **entry))
        return
    named = {name: getattr(row, name) for name in ("feed_file_id", "line", "kind", "customer_id", "source_id")}
    words = dict(zip(("code", "reason", "remedy"), ALREADY_SENT, strict=True))
    connection.execute(insert(RejectedRow).values(**named, **words, created_at=current_time))
