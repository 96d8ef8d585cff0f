"""Batches of results: recorded before they leave, finished under the same number after a crash, and told once.

A batch names its rows by receipts: the id, and the fingerprint of the verdict that is told. A row that tells another verdict
by now is no longer of the batch, and comes in a later one; so a batch never grows.
"""

import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, insert, select, update

from models import Operation, RejectedRow, ResultBatch, ResultSink
from worker import failpoints
from worker.outbox.database.database import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.database.sql import current_time
from worker.outbox.predicates import rejection_is_open, unreported
from worker.outbox.upkeep.sinks import SinkTurn, change_sink
from worker.outbox.views.unreported import OPERATIONS, REJECTIONS

PAGE: Final = 1_000
"""Rows read, or marked in one transaction, at a time."""

_RECEIPT: Final = struct.Struct("<qQ")
_NO_DRAFT: Final = dict.fromkeys(("folder", "folder_mark", "file", "draft", "content_hash"))


@dataclass(frozen=True, slots=True)
class Draft:
    """The complete file of a batch under its hidden name, `draft`, before it appears as `file`."""

    folder: str
    folder_mark: str
    file: str
    draft: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that has begun and has not been told. `receipts`: of its operations, then of its rejected rows."""

    sink: str
    number: int
    operations: int
    rejected: int
    receipts: bytes
    drafted: Draft | None = None
    """None: no file of it has been complete, so surely none has appeared."""


def find_open_batch(db: Database, turn: SinkTurn) -> Batch | None:
    """Find the batch that an earlier turn at the sink has begun, and that has not been told."""
    query = select(ResultBatch.__table__).where(ResultBatch.sink == turn.sink, ResultBatch.told_at.is_(None))
    with db.read() as connection:
        row = connection.execute(query.order_by(ResultBatch.number).limit(1)).one_or_none()
    if row is None:
        return None
    draft = None if row.draft is None else Draft(row.folder, row.folder_mark, row.file, row.draft, row.content_hash)
    return Batch(row.sink, row.number, row.operations, row.rejected, row.rows or b"", draft)


class Receipt(NamedTuple):
    """A row of a batch: its id, and the fingerprint of what it tells."""

    id: int
    fingerprint: int


def begin_batch(db: Database, turn: SinkTurn, operations: Sequence[Receipt], rejections: Sequence[Receipt]) -> Batch:
    """Record a batch of these rows under the sink's next number. Raises SinkLost."""
    receipts = b"".join(_RECEIPT.pack(*receipt) for receipt in (*operations, *rejections))
    with db.write() as connection:
        batch = Batch(turn.sink, _next_number(connection, turn), len(operations), len(rejections), receipts)
        values = {"sink": batch.sink, "number": batch.number, "rows": receipts}
        counts = {"operations": batch.operations, "rejected": batch.rejected}
        connection.execute(insert(ResultBatch).values({**values, **counts}))
    return batch


def renumber_batch(db: Database, turn: SinkTurn, batch: Batch) -> Batch:
    """Give the batch the next number, since a file of another program has its name. Raises SinkLost."""
    with db.write() as connection:
        number = _next_number(connection, turn)
        connection.execute(update(ResultBatch).where(_is(batch)).values(number=number, **_NO_DRAFT))
    return replace(batch, number=number, drafted=None)


def note_draft(db: Database, turn: SinkTurn, batch: Batch, draft: Draft | None) -> Batch:
    """Note that the file of the batch is complete under its hidden name; None: that it is to be written anew."""
    with db.write() as connection:
        change_sink(connection, turn)
        values = _NO_DRAFT if draft is None else asdict(draft)
        connection.execute(update(ResultBatch).where(_is(batch)).values(values))
    return replace(batch, drafted=draft)


def read_batch(db: Database, batch: Batch) -> Iterator[Row[Any]]:
    """Read the rows of the batch that still tell the same: operations, which have a `state`, then rejected rows."""
    for compose, prints in _pages(batch):
        with db.read() as connection:
            page = connection.execute(compose(prints)).all()
        yield from _unchanged(page, prints)


def mark_told(db: Database, turn: SinkTurn, batch: Batch) -> int:
    """Mark the rows of the batch as reported, those that tell another verdict by now excepted, and end it.

    Twice is harmless. Returns how many were marked. Raises SinkLost.
    """
    marked = 0
    for compose, prints in _pages(batch):
        marked += retry_on_conflict(partial(_mark, db, turn, compose, prints))
        if failpoints.hook:
            failpoints.hook("result_rows_marked")
    with db.write() as connection:
        change_sink(connection, turn, told_at=current_time)
        connection.execute(update(ResultBatch).where(_is(batch)).values(told_at=current_time, rows=None))
    return marked


def _untold_operations(ids: Collection[int]) -> Select[Any]:
    """Compose the query of those of these operations of which the CRM has still not been told."""
    query: Select[Any] = OPERATIONS.where(Operation.id.in_(sorted(ids)), unreported)
    return query


def _untold_rejections(ids: Collection[int]) -> Select[Any]:
    """Compose the query of those of these rejected rows that are open, and of which the CRM has still not been told."""
    is_untold = RejectedRow.reported_at.is_(None)
    query: Select[Any] = REJECTIONS.where(RejectedRow.id.in_(sorted(ids)), rejection_is_open, is_untold)
    return query


def take_fingerprint(row: Row[Any]) -> int:
    """Give a number that is another one as soon as the row of an operation, or a rejected row, tells another verdict."""
    if "state" in row._fields:
        verdict: Any = (row.attempt, row.state, row.remote_id, row.error_code, row.error_detail, row.finalized_at)
    else:
        verdict = (row.code, row.reason, row.remedy, row.faults, row.column, row.file, row.line)
    return int.from_bytes(blake2b(repr(verdict).encode(errors="replace"), digest_size=8).digest())


_Compose = Callable[[Mapping[int, int]], Select[Any]]


def _mark(db: Database, turn: SinkTurn, compose: _Compose, prints: Mapping[int, int]) -> int:
    table = Operation if compose is _untold_operations else RejectedRow
    with db.write() as connection:
        change_sink(connection, turn)
        rows = connection.execute(compose(prints).with_for_update(of=table)).all()
        ids = [row.id for row in _unchanged(rows, prints)]
        marks = update(table).where(table.id.in_(ids)).values(reported_at=current_time)
        return connection.execute(marks.execution_options(synchronize_session=False)).rowcount


def _pages(batch: Batch) -> Iterator[tuple[_Compose, dict[int, int]]]:
    """Give the batch in pages: how each is read, and the fingerprints by id."""
    receipts = list(_RECEIPT.iter_unpack(batch.receipts))
    parts = ((_untold_operations, receipts[: batch.operations]), (_untold_rejections, receipts[batch.operations :]))
    for compose, part in parts:
        for start in range(0, len(part), PAGE):
            yield compose, dict(part[start : start + PAGE])


def _unchanged(rows: Sequence[Row[Any]], prints: Mapping[int, int]) -> Iterator[Row[Any]]:
    return (row for row in rows if take_fingerprint(row) == prints[row.id])


def _next_number(connection: Connection, turn: SinkTurn) -> int:
    return change_sink(connection, turn, number=ResultSink.number + 1)


def _is(batch: Batch) -> Any:
    return and_(ResultBatch.sink == batch.sink, ResultBatch.number == batch.number)
