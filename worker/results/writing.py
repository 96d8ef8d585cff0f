"""Writes results as CSV, JSON lines or a workbook: operations first, then rejected rows, told apart by the column `part`."""

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
from typing import IO, Any, Final, NamedTuple

from sqlalchemy import Row

from models import State
from worker.codes.language import Language
from worker.codes.registry import explain_code
from worker.codes.sentences import fault_sentences, join_remedies, join_texts
from worker.durable import sync_folder
from worker.feeds.formulas import escape_formula
from worker.mapping import RESULT_COLUMNS
from worker.outbox import Database
from worker.outbox.upkeep import reported
from worker.outbox.upkeep.reported import ReportedState
from worker.outbox.views import unreported
from worker.results.naming import CrmNames, choose_columns, make_picker
from worker.stockholm import STOCKHOLM
from worker.workbooks import write_workbook

FORMS: Final = ("csv", "csv-excel", "jsonl", "xlsx")
"""`csv-excel`: as a Swedish Excel opens it in columns, with semicolons and a byte order mark."""

COLUMNS: Final = RESULT_COLUMNS
"""The columns are an API: added to at the end, never renamed. `error_detail` holds Vitec's own words, or ours."""

TIMES: Final = ("created_at", "finalized_at")
"""Those of the columns that hold a time of Stockholm's."""

_STATES: Final = tuple(State)
_OPERATION_RECEIPT: Final = struct.Struct("<qiB")
"""Operation id, attempt, index of its state in `_STATES`."""
_REJECTION_RECEIPT: Final = struct.Struct("<q")

Put = Callable[[Mapping[str, Any]], object]
"""Writes a row, which has a value for each of `COLUMNS`, by their names and in their order. Raises KeyError."""

_in_order = itemgetter(*COLUMNS)
_PLAIN: Final = dict(zip(COLUMNS, COLUMNS, strict=True))
_BYTE_ORDER_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Written:
    """The numbers of rows that were written."""

    operations: int
    rejected: int


def write_stream(
    db: Database,
    stream: IO[Any],
    *,
    form: str,
    feed: str | None = None,
    everything: bool = False,
    language: Language = Language.ENGLISH,
) -> Written:
    """Write to a stream (of text, for xlsx of bytes), flush it, and only then mark the written rows as reported.

    `form` is one of `FORMS`. `everything`: reported rows and rows without a result as well, and nothing is marked.
    """
    with _collect_receipts(db, mark=not everything) as receipts:
        written = _write_rows(db, stream, form, feed, everything, receipts, language)
        stream.flush()
    return written


def write_file(
    db: Database,
    path: Path,
    *,
    form: str,
    feed: str | None = None,
    everything: bool = False,
    language: Language = Language.ENGLISH,
) -> Written:
    """Write a file that appears whole or not at all; mark its rows as reported only when it is safely on the disk.

    Options as of `write_stream`. Raises OSError. A file of that name is replaced, unless there is
    nothing new.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _collect_receipts(db, mark=not everything) as receipts:
        try:
            is_binary = form == "xlsx"
            with draft.open("wb") if is_binary else draft.open("w", encoding="utf-8", newline="") as stream:
                written = _write_rows(db, stream, form, feed, everything, receipts, language)
                stream.flush()
                os.fsync(stream.fileno())
            if written != Written(0, 0) or not path.exists():
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
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
    db: Database,
    stream: IO[Any],
    form: str,
    feed: str | None,
    everything: bool,
    receipts: _Receipts,
    language: Language,
) -> Written:
    with open_writer(stream, form) as put:
        for row in unreported.unreported_operations(db, feed=feed, everything=everything):
            put(operation_values(row, language))
            receipts.operations.write(_OPERATION_RECEIPT.pack(row.id, row.attempt, _STATES.index(row.state)))
        for row in unreported.unreported_rejections(db, feed=feed, everything=everything):
            put(rejection_values(row, language))
            receipts.rejections.write(_REJECTION_RECEIPT.pack(row.id))
    return Written(
        operations=receipts.operations.tell() // _OPERATION_RECEIPT.size,
        rejected=receipts.rejections.tell() // _REJECTION_RECEIPT.size,
    )


def operation_values(row: Row[Any], language: Language = Language.ENGLISH) -> dict[str, Any]:
    """Give the values of an operation by their columns."""
    explanation = explain_code(row.error_code, row.kind, language)
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


def rejection_values(row: Row[Any], language: Language = Language.ENGLISH) -> dict[str, Any]:
    """Give the values of a rejected row by their columns."""
    sentences = fault_sentences(row._asdict(), language)
    return dict.fromkeys(COLUMNS) | {
        "part": "rejected",
        "source_id": row.source_id,
        "feed": row.feed,
        "kind": row.kind,
        "customer_id": row.customer_id,
        "state": "rejected",
        "error_code": row.code,
        "error_text": join_texts(sentences, language),
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


@contextmanager
def open_writer(stream: IO[Any], form: str, names: CrmNames | None = None) -> Iterator[Put]:
    """Write results to a stream (of text, for xlsx of bytes), which is complete when the block ends."""
    columns = _PLAIN if names is None else choose_columns(names, COLUMNS)
    headings, pick = tuple(columns.values()), _in_order if names is None else make_picker(names, columns)
    if form == "jsonl":
        yield lambda row: stream.write(dump_json(dict(zip(headings, pick(row), strict=True))) + "\n")
    elif form == "xlsx":
        with write_workbook(stream, headings, title="Results") as put_cells:
            yield lambda row: put_cells([_as_workbook_value(value) for value in pick(_with_moments(row))])
    elif form == "csv-excel":
        stream.write(_BYTE_ORDER_MARK)
        writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        writer.writerow([escape_formula(heading) for heading in headings])
        yield lambda row: writer.writerow([_format_cell(value) for value in pick(_with_moments(row))])
    else:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(headings if names is None else [escape_formula(heading) for heading in headings])
        yield lambda row: writer.writerow([_format_cell(value) for value in pick(row)])


def _with_moments(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the times of a row as moments by Stockholm's clock, for a spreadsheet."""
    moments = {column: row[column] and datetime.fromisoformat(row[column]) for column in TIMES}
    return {**row, **moments}


def _as_workbook_value(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | datetime) else dump_json(value)


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is int:
        # As JSON has it, without its encoder: 2 µs each.
        return escape_formula(str(value))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return escape_formula(value if isinstance(value, str) else dump_json(value))


dump_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
