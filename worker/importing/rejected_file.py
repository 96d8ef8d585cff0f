"""Writes the rejected rows of a file as a file of their own, for a person to mend and import: NAME.rejected.csv or .xlsx."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, groupby
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, NamedTuple, Self

from pydantic_core import from_json, to_json

from worker.codes.language import Language
from worker.codes.sentences import FaultSentence, fault_sentences
from worker.feeds import BadRow, OpenExport, Row
from worker.feeds.formulas import escape_formula
from worker.feeds.reasons import REASON_HEADING, without_reasons
from worker.outbox.intake.feed_files import Rejection
from worker.workbooks import draft_workbook

REJECTED: Final = ".rejected"
FORMS: Final = (".csv", ".xlsx")
_ENDINGS: Final = re.compile(
    r"(?<=.)(?:\.(?:csv|tsv|txt|jsonl?|ndjson|xlsx|xls|ods))?(?:\.(?:gz|zip))?$", re.IGNORECASE
)
_DELIMITERS: Final = frozenset(";,\t|")


class RejectedLine(NamedTuple):
    """A rejected row by its line, and its id where it has one, with the sentences about it."""

    line: int
    source_id: str | None
    reason: str


class RejectedLines:
    """Collects the rejected rows of one file, in its order: on disk, so that memory does not grow with their number.

    `add` is an `ImportListener.on_rejected`.
    """

    def __init__(self, language: Language = Language.ENGLISH) -> None:
        self._language = language
        self._file = TemporaryFile()  # noqa: SIM115 (closed with this)
        self.number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rejection: Rejection) -> None:
        """Add the next rejected row."""
        faults = [fault.as_data() for fault in rejection.faults]
        self.add_row({"line": rejection.line, "source_id": rejection.source_id, "faults": faults})

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Add a rejected row as the database has it."""
        self.number += 1
        reason = reason_of(fault_sentences(row, self._language))
        self._file.write(to_json([row["line"], row["source_id"], reason]) + b"\n")

    def __iter__(self) -> Iterator[RejectedLine]:
        """Read them all, from the first."""
        self._file.seek(0)
        return (RejectedLine(*from_json(line)) for line in self._file)


def reason_of(sentences: Sequence[FaultSentence]) -> str:
    """Say all faults of a row in one cell."""
    return " ".join(
        f"{sentence.column}: {sentence.text}. {sentence.remedy}"
        if sentence.column
        else f"{sentence.text}. {sentence.remedy}"
        for sentence in sentences
    )


def free_rejected_path(folder: Path, name: str, form: str = ".csv") -> Path:
    """Find the name for the rejected rows of a file in a folder: NAME.rejected.csv, or with a number where that is taken.

    A file that is there may be the one that a person is mending. Those of NAME.rejected.csv itself are called likewise.
    """
    return next(path for path in rejected_paths(folder, name, form) if not path.exists())


def rejected_paths(folder: Path, name: str, form: str = ".csv") -> Iterator[Path]:
    """Give the names for the rejected rows of a file in their order, taken or not."""
    stem = _ENDINGS.sub("", Path(name).name)
    base, _, number = stem.rpartition(f"{REJECTED}-")
    stem = base if base and number.isdigit() else stem.removesuffix(REJECTED)
    numbers = (f"-{number}" if number > 1 else "" for number in count(1))
    return (folder / f"{stem}{REJECTED}{at}{form}" for at in numbers)


def write_rejected(
    source: OpenExport, lines: Iterable[RejectedLine], path: Path, language: Language = Language.ENGLISH
) -> int:
    """Write the rows on these lines, in the order of the file, under its own headings and with a column of reasons.

    The source is read a second time. The file appears whole or not at all, and replaces one of its name; its ending says
    whether it is CSV or a workbook. Imported again, it says the same as the source did. Returns the number of rows.
    """
    source = without_reasons(source)
    draft = _draft_workbook if path.suffix.casefold() == ".xlsx" else _draft_csv
    number = 0
    with draft(source, path, (*source.headings, REASON_HEADING[language])) as put:
        for row, reason in _rejected_rows(source, lines):
            put(row, reason)
            number += 1
    return number


_Put = Callable[[Sequence[Any], str], object]
"""Takes the cells of a row, and the reason."""


def _rejected_rows(source: OpenExport, lines: Iterable[RejectedLine]) -> Iterator[tuple[list[Any], str]]:
    """Yield the cells of each rejected row, with the reason. A row that could not be read has those that are known."""
    remaining = groupby(lines, attrgetter("line"))
    line, waiting = _next_line(remaining)
    for row in source.rows():
        while line is not None and line < row.line:
            line, waiting = _next_line(remaining)
        if line is None:
            return
        if line == row.line:
            cells = _cells_of(row, len(source.headings))
            # Several rows of JSON may stand on one line: then the id tells which of them is meant.
            match = next((item for item in waiting if item.source_id is None or item.source_id in cells), None)
            if match is not None:
                waiting.remove(match)
                yield cells, match.reason


def _next_line(remaining: Iterator[tuple[int, Iterator[RejectedLine]]]) -> tuple[int | None, list[RejectedLine]]:
    line, items = next(remaining, (None, iter(())))
    return line, list(items)


def _cells_of(row: Row | BadRow, width: int) -> list[Any]:
    cells = [_as_text(cell) for cell in (row.cells or () if isinstance(row, BadRow) else row.cells)]
    return cells + [""] * (width - len(cells))


def _as_text(value: Any) -> str:
    """Write a value of JSON so that it is read back as the same: a list of plain values with | between them."""
    match value:
        case None:
            return ""
        case str():
            return value.strip() if value.isspace() else value
        case list() if value and all(isinstance(item, str) and "|" not in item for item in value):
            return "|".join(value)
    return to_json(value).decode()


@contextmanager
def _draft_workbook(source: OpenExport, path: Path, headings: Sequence[str]) -> Iterator[_Put]:
    with draft_workbook(path, headings, title="Rejected") as put:
        yield lambda cells, reason: put(_in_columns(cells, reason, len(source.headings)))


@contextmanager
def _draft_csv(source: OpenExport, path: Path, headings: Sequence[str]) -> Iterator[_Put]:
    delimiter = source.delimiter if source.delimiter in _DELIMITERS else ";"
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # With its mark, by which a Swedish Excel opens it with its letters and in columns.
        with draft.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream, delimiter=delimiter or ";", lineterminator="\r\n")
            writer.writerow(headings)
            width = len(source.headings)
            yield lambda cells, reason: writer.writerow(map(escape_formula, _in_columns(cells, reason, width)))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _in_columns(cells: Sequence[str], reason: str, width: int) -> list[str]:
    """Put the reason under its heading, and cells that no heading stands over behind it."""
    return [*cells[:width], reason, *cells[width:]]
