"""Results are written as CSV or JSON lines: operations first, then rejected rows, told apart by `part`."""

import csv
import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from worker.feeds.delimited import escape_formula
from worker.outbox import Database
from worker.outbox.upkeep.reported import ReportedState
from worker.outbox.views import unreported
from worker.results.codes import explain_code
from worker.results.receipts import Receipts, Written

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

_STOCKHOLM = ZoneInfo("Europe/Stockholm")
_Put = Callable[[Sequence[Any]], object]
"""Writes the values of a row, in the order of `COLUMNS`."""


def write_stream(
    db: Database, stream: TextIO, *, form: str, feed: str | None = None, everything: bool = False
) -> Written:
    """Write to a stream, flush it, and only then mark what was written as told. `everything`: all, and no mark."""
    with Receipts() as receipts:
        _write(db, stream, form, feed, everything, receipts)
        stream.flush()
        return receipts.written if everything else receipts.mark(db)


def write_file(db: Database, path: Path, *, form: str, feed: str | None = None, everything: bool = False) -> Written:
    """Write a file that appears whole or not at all, and only when it is safely on the disk mark it as told.

    Raises OSError. A file of that name is replaced.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with Receipts() as receipts:
        try:
            with draft.open("w", encoding="utf-8", newline="") as stream:
                _write(db, stream, form, feed, everything, receipts)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return receipts.written if everything else receipts.mark(db)


def _sync_folder(folder: Path) -> None:
    """Make the new name as durable as the content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(db: Database, stream: TextIO, form: str, feed: str | None, everything: bool, receipts: Receipts) -> None:
    put = _csv(stream) if form == "csv" else _json_lines(stream)
    for row in unreported.unreported_operations(db, feed=feed, everything=everything):
        put(_operation(row))
        receipts.add_operation(ReportedState(row.id, row.attempt, row.state))
    for row in unreported.unreported_rejections(db, feed=feed, everything=everything):
        put(_rejected(row))
        receipts.add_rejected(row.id)


def _operation(row: Row[Any]) -> Sequence[Any]:
    why = explain_code(row.error_code)
    return (
        "operation",
        row.source_id,
        row.feed,
        row.kind,
        row.customer_id,
        row.state.value,
        row.remote_id,
        row.answer,
        row.error_code,
        why.text or None,
        why.remedy or None,
        row.error_detail,
        row.attempt,
        _told_time(row.created_at),
        _told_time(row.finalized_at),
        row.file,
        row.line,
        None,
    )


def _rejected(row: Row[Any]) -> Sequence[Any]:
    told = {
        "part": "rejected",
        "source_id": row.source_id,
        "feed": row.feed,
        "kind": row.kind,
        "customer_id": row.customer_id,
        "state": "rejected",
        "error_code": row.code,
        "error_text": row.reason,
        "remedy": row.remedy,
        "created_at": _told_time(row.created_at),
        "file": row.file,
        "line": row.line,
        "column": row.column,
    }
    return [told.get(name) for name in COLUMNS]


def _told_time(moment: datetime | None) -> str | None:
    return None if moment is None else _as_told(moment.timestamp() // 1)


# The rows of a chunk were recorded within a second or two. A number is found by a quarter of what a moment costs.
@lru_cache(maxsize=1024)
def _as_told(second: float) -> str:
    return datetime.fromtimestamp(second, _STOCKHOLM).isoformat()


def _csv(stream: TextIO) -> _Put:
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    return lambda values: writer.writerow([_cell(value) for value in values])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is int:
        # As JSON has it, without its encoder: 2 µs each.
        return escape_formula(str(value))
    return escape_formula(value if isinstance(value, str) else _dump(value))


def _json_lines(stream: TextIO) -> _Put:
    return lambda values: stream.write(_dump(dict(zip(COLUMNS, values, strict=True))) + "\n")


_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
