"""Takes back operations that the CRM does not want any more: cancelled while they wait, else at their verdict.

A withdrawal of an operation in flight or in doubt is a revision without content. It takes effect with the verdict, as all
new content does: the operation is cancelled, or the CRM is told that it came too late.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, String, Text, and_, bindparam, func, literal, select, update

from models import THE_CRM, WAITING, Event, Operation, State
from models.operation import WITHDRAWN_MARK
from worker.outbox import moves
from worker.outbox.database.sql import as_json_parameter, cached_statement, json_table
from worker.outbox.history import insert_entries
from worker.outbox.predicates import is_withdrawn
from worker.outbox.revisions.content import Content

WITHDRAWN_TOO_LATE = (
    "withdrawn_too_late",
    "the CRM took it back after it had been sent, and what was made at Vitec is still there",
    "Take it back in Vitec by hand, if it is not wanted there.",
)

BATCH = 500
"""Withdrawn rows that one statement looks for."""

_HASH_LENGTH = 64

RowKey = tuple[str, str]
"""(kind, source_id)"""


class WithdrawnRow(NamedTuple):
    """A row that the CRM marks as withdrawn, or has left out of a full export (`line` None)."""

    kind: str
    source_id: str
    line: int | None = None


class WithdrawalResult(StrEnum):
    """The fate of one withdrawn row."""

    WITHDRAWN = "withdrawn"
    """Its operation was waiting, and is cancelled."""

    DEFERRED = "deferred"
    """Its operation is in flight or in doubt: it is cancelled if the verdict allows it."""

    TOO_LATE = "too_late"
    """Its operation has succeeded: refused, once."""

    NOTHING = "nothing"
    """There is no such operation, it has ended otherwise, or all this was done before."""


def withdrawn_hash(payload_hash: str) -> str:
    """Give the hash by which content that was taken back is known; that of such content is its own."""
    return payload_hash if payload_hash.startswith(WITHDRAWN_MARK) else f"{WITHDRAWN_MARK}{payload_hash}"[:_HASH_LENGTH]


def withdraw_rows(
    connection: Connection, rows: Sequence[WithdrawnRow], *, feed: str, feed_file_id: int | None
) -> dict[RowKey, WithdrawalResult]:
    """Withdraw the operations of the rows, none of which is named twice. Rows without an operation do nothing."""
    results = {(row.kind, row.source_id): WithdrawalResult.NOTHING for row in rows}
    for start in range(0, len(rows), BATCH):
        results |= _withdraw_batch(connection, rows[start : start + BATCH], feed, feed_file_id)
    return results


def _withdraw_batch(
    connection: Connection, rows: Sequence[WithdrawnRow], feed: str, feed_file_id: int | None
) -> dict[RowKey, WithdrawalResult]:
    by_key = {(row.kind, row.source_id): row for row in rows}
    documents = ({"kind": row.kind, "source_id": row.source_id} for row in rows)
    ids = connection.scalars(_ids_by_key(connection.dialect.name), {**as_json_parameter(documents), "feed": feed})
    locked = connection.execute(_LOCKED, {"ids": [id_ for id_ in ids if id_ is not None]}).all()
    results = {(stored.kind, stored.source_id): _judge(stored) for stored in locked}

    def with_result(wanted: WithdrawalResult) -> list[Row[Any]]:
        return [stored for stored in locked if results[stored.kind, stored.source_id] is wanted]

    cancel_withdrawn(connection, [stored.id for stored in with_result(WithdrawalResult.WITHDRAWN)])
    mark_content(connection, [stored.id for stored in with_result(WithdrawalResult.TOO_LATE)])
    waits = [
        {
            "the_id": stored.id,
            "revision": _withdrawal(by_key[stored.kind, stored.source_id], stored.payload_hash, feed_file_id),
        }
        for stored in with_result(WithdrawalResult.DEFERRED)
    ]
    if waits:
        connection.execute(_STORE, waits)
    return results


def cancel_withdrawn(connection: Connection, ids: Sequence[int]) -> None:
    """Cancel waiting operations that the CRM took back; they are locked."""
    if not ids:
        return
    mark_content(connection, ids)
    connection.execute(_OPERATION_IDS.values(moves.called_off()), {"ids": list(ids)})
    entry = {"outcome": State.CANCELLED.value, "code": "withdrawn", "by": THE_CRM}
    connection.execute(insert_entries(ids, event=Event.DECIDED, **entry))


def mark_content(connection: Connection, ids: Iterable[int]) -> None:
    """Mark the operations' content as taken back, so that the CRM is told once, and the same content is new when it comes again."""
    if listed := list(ids):
        marked = func.substr(literal(WITHDRAWN_MARK, String) + Operation.payload_hash, 1, _HASH_LENGTH)
        connection.execute(_OPERATION_IDS.where(~is_withdrawn).values(payload_hash=marked), {"ids": listed})


def _judge(stored: Row[Any]) -> WithdrawalResult:
    if stored.state in WAITING:
        return WithdrawalResult.WITHDRAWN
    if stored.state in {State.IN_FLIGHT, State.IN_DOUBT}:
        waits = stored.revision is not None and stored.revision.get("withdrawn")
        return WithdrawalResult.NOTHING if waits else WithdrawalResult.DEFERRED
    if stored.state is State.SUCCEEDED and not stored.payload_hash.startswith(WITHDRAWN_MARK):
        return WithdrawalResult.TOO_LATE
    return WithdrawalResult.NOTHING


def _withdrawal(row: WithdrawnRow, payload_hash: str, feed_file_id: int | None) -> dict[str, Any]:
    content = Content(
        payload={},
        payload_hash=withdrawn_hash(payload_hash),
        match_key=None,
        send_after=None,
        expires_at=None,
        after_kind=None,
        after_source_id=None,
        feed_file_id=feed_file_id,
        line=row.line,
        withdrawn=True,
    )
    return content.as_revision()


_OPERATION_IDS = (
    update(Operation)
    .where(Operation.id.in_(bindparam("ids", expanding=True)))
    .execution_options(synchronize_session=False)
)
_TABLE = Operation.metadata.tables["operations"]
_STORE = update(_TABLE).where(_TABLE.c.id == bindparam("the_id")).values(revision=bindparam("revision"))
_LOCKED = (
    select(
        Operation.id,
        Operation.kind,
        Operation.source_id,
        Operation.state,
        Operation.payload_hash,
        Operation.revision,
    )
    .where(Operation.id.in_(bindparam("ids", expanding=True)))
    .order_by(Operation.id)
    .with_for_update(key_share=True)
)


@cached_statement
def _ids_by_key(dialect: str) -> Any:
    """Find each operation by its unique key: a join would be planned as a scan of them all."""
    keys = json_table(dialect, "keys", {"kind": Text(), "source_id": Text()})
    has_key = and_(
        Operation.feed == bindparam("feed", type_=String),
        Operation.kind == keys.c.kind,
        Operation.source_id == keys.c.source_id,
    )
    return select(select(Operation.id).where(has_key).correlate(keys).scalar_subquery()).select_from(keys)
