"""Writes results as CSV or JSON lines: operations first, then rejected rows, told apart by the column `part`."""

import csv
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, NamedTuple, TextIO

from sqlalchemy import Row

from models import State
from worker.codes.sentences import fault_sentences, join_remedies, join_texts
from worker.feeds.delimited import escape_formula
from worker.outbox import Database
from worker.outbox.upkeep import reported
from worker.outbox.upkeep.reported import ReportedState
from worker.outbox.views import unreported
from worker.results.codes import explain_code
from worker.stockholm import STOCKHOLM

FORMS: Final = ("csv", "jsonl")
COLUMNS: Final = (
    "part",
    "source_id",
    "feed",
    "kind",
    "customer_id",
    "state",
    "remote_id",
    "ticket",
    "error_code",
    "error_text",
    "remedy",
    "error_detail",
    "attempts",
    "created_at",
    "finalized_at",
    "file",
    "line",
    "column",
)
"""The columns are an API: added to at the end, never renamed. `error_detail` holds Vitec's own words, or ours."""

_STATES: Final = tuple(State)
_OPERATION_RECEIPT: Final = struct.Struct("<qiB")
"""Operation id, attempt, index of its state in `_STATES`."""
_REJECTION_RECEIPT: Final = struct.Struct("<q")

_Put = Callable[[Mapping[str, Any]], object]
"""Writes a row, which has a value for each of `COLUMNS`, by their names and in their order. Raises KeyError."""

_in_order = itemgetter(*COLUMNS)


@dataclass(frozen=True, slots=True)
class Written:
    """The numbers of rows that were written."""

    operations: int
    rejected: int


def write_stream(
    db: Database, stream: TextIO, *, form: str, feed: str | None = None, everything: bool = False
) -> Written:
    """Write to a stream, flush it, and only then mark the written rows as reported.

    `form` is one of `FORMS`. `everything`: reported rows and rows without a result as well, and nothing is marked.
    """
    with _collect_receipts(db, mark=not everything) as receipts:
        written = _write_rows(db, stream, form, feed, everything, receipts)
        stream.flush()
    return written


def write_file(db: Database, path: Path, *, form: str, feed: str | None = None, everything: bool = False) -> Written:
    """Write a file that appears whole or not at all; mark its rows as reported only when it is safely on the disk.

    Options as of `write_stream`. Raises OSError. A file of that name is replaced, unless there is
    nothing new.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _collect_receipts(db, mark=not everything) as receipts:
        try:
            with draft.open("w", encoding="utf-8", newline="") as stream:
                written = _write_rows(db, stream, form, feed, everything, receipts)
                stream.flush()
                os.fsync(stream.fileno())
            if written != Written(0, 0) or not path.exists():
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        # The new name must be as durable as the content.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return written


class _Receipts(NamedTuple):
    """Temporary files that name the rows which have been written, however many they are."""

    operations: IO[bytes]
    rejections: IO[bytes]


@contextmanager
def _collect_receipts(db: Database, *, mark: bool) -> Iterator[_Receipts]:
    """Collect the receipts of written rows; at the end, unless the block has raised, `mark` these rows as reported."""
    with TemporaryFile() as operations, TemporaryFile() as rejections:
        yield _Receipts(operations, rejections)
        if mark:
            states = (
                ReportedState(id_, attempt, _STATES[state])
                for id_, attempt, state in _read_receipts(operations, _OPERATION_RECEIPT)
            )
            reported.mark_operations_reported(db, states)
            reported.mark_rejections_reported(db, (id_ for (id_,) in _read_receipts(rejections, _REJECTION_RECEIPT)))


def _read_receipts(receipts: IO[bytes], layout: struct.Struct) -> Iterator[tuple[int, ...]]:
    receipts.seek(0)
    while receipt := receipts.read(layout.size):
        yield layout.unpack(receipt)


def _write_rows(
    db: Database, stream: TextIO, form: str, feed: str | None, everything: bool, receipts: _Receipts
) -> Written:
    put = _csv_writer(stream) if form == "csv" else _json_writer(stream)
    for row in unreported.unreported_operations(db, feed=feed, everything=everything):
        put(_operation_values(row))
        receipts.operations.write(_OPERATION_RECEIPT.pack(row.id, row.attempt, _STATES.index(row.state)))
    for row in unreported.unreported_rejections(db, feed=feed, everything=everything):
        put(_rejection_values(row))
        receipts.rejections.write(_REJECTION_RECEIPT.pack(row.id))
    return Written(
        operations=receipts.operations.tell() // _OPERATION_RECEIPT.size,
        rejected=receipts.rejections.tell() // _REJECTION_RECEIPT.size,
    )


def _operation_values(row: Row[Any]) -> dict[str, Any]:
    explanation = explain_code(row.error_code, row.kind)
    return {
        "part": "operation",
        "source_id": row.source_id,
        "feed": row.feed,
        "kind": row.kind,
        "customer_id": row.customer_id,
        "state": row.state.value,
        "remote_id": row.remote_id,
        "ticket": row.answer,
        "error_code": row.error_code,
        "error_text": explanation.text or None,
        "remedy": explanation.remedy or None,
        "error_detail": row.error_detail,
        "attempts": row.attempt,
        "created_at": _format_time(row.created_at),
        "finalized_at": _format_time(row.finalized_at),
        "file": row.file,
        "line": row.line,
        "column": None,
    }


def _rejection_values(row: Row[Any]) -> dict[str, Any]:
    sentences = fault_sentences(row._asdict())
    return dict.fromkeys(COLUMNS) | {
        "part": "rejected",
        "source_id": row.source_id,
        "feed": row.feed,
        "kind": row.kind,
        "customer_id": row.customer_id,
        "state": "rejected",
        "error_code": row.code,
        "error_text": join_texts(sentences),
        "remedy": join_remedies(sentences),
        "created_at": _format_time(row.created_at),
        "file": row.file,
        "line": row.line,
        "column": row.column,
    }


def _format_time(moment: datetime | None) -> str | None:
    return None if moment is None else _format_second(moment.timestamp() // 1)


# The rows of a chunk were recorded within a second or two. A number is found by a quarter of what a moment costs.
@lru_cache(maxsize=1024)
def _format_second(second: float) -> str:
    return datetime.fromtimestamp(second, STOCKHOLM).isoformat()


def _csv_writer(stream: TextIO) -> _Put:
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    return lambda row: writer.writerow([_format_cell(value) for value in _in_order(row)])


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is int:
        # As JSON has it, without its encoder: 2 µs each.
        return escape_formula(str(value))
    return escape_formula(value if isinstance(value, str) else _dump(value))


def _json_writer(stream: TextIO) -> _Put:
    return lambda row: stream.write(_dump(dict(zip(COLUMNS, _in_order(row), strict=True))) + "\n")


_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
