"""The one writer of workbooks (xlsx): rows in constant memory, texts as texts, moments as real dates, and whole or not at all."""

import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from worker.durable import sync_folder
from worker.stockholm import STOCKHOLM

MAX_TEXT: Final = 32_767
"""Characters that a cell of a workbook holds. A longer text is cut, and ends in `…`."""

MAX_SHEET_ROWS: Final = 1_048_576
"""Rows that a sheet holds, its headings included. The rows beyond go on in a further sheet, under the same headings."""

SAMPLE: Final = 100
"""Rows by which the width of the columns is chosen."""

_WIDTHS: Final = (9, 60)
_YEARS: Final = (1901, 9998)
_MAX_DIGITS: Final = 10**15
"""From here on a spreadsheet rounds whole numbers: they are written as text."""

# XML 1.0 has no room for these; a workbook writes them as _x0007_, and so a text that looks like that must be escaped, too.
_ESCAPED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_(?=x[0-9A-Fa-f]{4}_)")
_NOT_IN_TITLES: Final = re.compile(r"[\x00-\x1f:\\/?*\[\]]|^'|'$")

Put = Callable[[Sequence[Any]], object]
"""Adds a row: texts, numbers, flags, dates and moments (aware ones are shown in Stockholm's time), or None for an empty cell."""


@contextmanager
def draft_workbook(path: Path, headings: Sequence[str], *, title: str = "Export") -> Iterator[Put]:
    """Write a workbook that appears at `path` whole, when the block ends well, or not at all. Replaces a file of that name.

    Raises OSError.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as stream:
            with write_workbook(stream, headings, title=title) as put:
                yield put
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def write_workbook(stream: IO[bytes], headings: Sequence[str], *, title: str = "Export") -> Iterator[Put]:
    """Write a workbook to an open file when the block ends well; nothing if it raises. Raises OSError.

    Every text is text for a spreadsheet, too: nothing that begins with = is run, and 000123 stays as it is when the cell
    is edited. The headings are bold and stay in sight.
    """
    book = Workbook(write_only=True)
    sheets = _Sheets(book, headings, title)
    try:
        yield sheets.put
        sheets.finish()
    except BaseException:
        # Only saving removes the sheets' own temporary files.
        with TemporaryFile() as nowhere:
            sheets.finish()
            book.save(nowhere)
        raise
    # Saved elsewhere first: cut off by a full disk, openpyxl leaves its own temporary files behind.
    with TemporaryFile() as whole:
        book.save(whole)
        whole.seek(0)
        copyfileobj(whole, stream)


class _Sheets:
    """The sheets of a workbook, one after another as they get full."""

    def __init__(self, book: Workbook, headings: Sequence[str], title: str) -> None:
        self._book = book
        self._headings = headings
        self._title = _NOT_IN_TITLES.sub(" ", title)[:25].strip() or "Export"
        self._sample: list[Sequence[Any]] | None = []
        self._write: Callable[[Sequence[Any]], object] = self._sample.append
        self._rows = 1

    def put(self, row: Sequence[Any]) -> None:
        """Add a row. The first ones wait until the width of the columns is chosen."""
        if self._sample is not None and len(self._sample) == SAMPLE:
            self.finish()
        if self._rows == MAX_SHEET_ROWS:
            self._begin_sheet(())
        self._write(row)
        self._rows += 1

    def finish(self) -> None:
        """Write the rows that wait."""
        if self._sample is not None:
            sample, self._sample = self._sample, None
            self._begin_sheet(sample)
            self._rows += len(sample)

    def _begin_sheet(self, sample: Sequence[Sequence[Any]]) -> None:
        number = len(self._book.worksheets) + 1
        sheet = self._book.create_sheet(self._title if number == 1 else f"{self._title} {number}")
        sheet.freeze_panes = "A2"
        for at, heading in enumerate(self._headings):
            column = sheet.column_dimensions[get_column_letter(at + 1)]
            shown = [heading, *(str(row[at]) for row in sample if at < len(row) and row[at] is not None)]
            widest = max(len(line) for text in shown for line in text[:200].split("\n"))
            column.width = min(max(widest + 2, _WIDTHS[0]), _WIDTHS[1])
            # The empty cells below keep a typed value as it was typed.
            column.number_format = "@"
        cells = _Cells(sheet)
        sheet.append([cells.heading(heading) for heading in self._headings])
        self._rows = 1
        self._write = lambda row: sheet.append(cells.row(row))
        for row in sample:
            self._write(row)


class _Cells:
    """Makes the cells of one sheet. Each is written before the next is made, so those of one style share one object."""

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet
        self._shared: dict[str, Any] = {}

    def heading(self, text: str) -> Any:
        """Make the cell of a heading: bold."""
        cell = WriteOnlyCell(self._sheet)
        _set_text(cell, text)
        cell.font = Font(bold=True)
        return cell

    def row(self, values: Sequence[Any]) -> Generator[Any]:
        """Yield the cells of a row."""
        for value in values:
            if value is None or value == "":
                yield None
            elif isinstance(value, date) and (moment := _spreadsheet_moment(value)):
                cell = self._share(_shape_of(moment))
                cell.value = moment
                yield cell
            elif isinstance(value, int) and abs(value) < _MAX_DIGITS:
                yield value
            else:
                cell = self._share("@")
                _set_text(cell, str(value))
                yield cell

    def _share(self, number_format: str) -> Any:
        if number_format not in self._shared:
            cell = self._shared[number_format] = WriteOnlyCell(self._sheet)
            cell.number_format = number_format
        return self._shared[number_format]


def _set_text(cell: Any, text: str) -> None:
    cell.value = _ESCAPED.sub(_escape, text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…")
    # Of a text that begins with = a formula would be made, and of #N/A an error.
    cell.data_type = "s"


def _escape(character: re.Match[str]) -> str:
    return f"_x{ord(character[0]):04X}_"


def _spreadsheet_moment(value: date) -> date | None:
    """Return a date or moment as a spreadsheet can hold it; None outside the years in which its calendar is right."""
    if not _YEARS[0] <= value.year <= _YEARS[1]:
        return None
    if not isinstance(value, datetime):
        return value
    local = value if value.tzinfo is None else value.astimezone(STOCKHOLM).replace(tzinfo=None)
    return local.replace(microsecond=0)


def _shape_of(moment: date) -> str:
    if not isinstance(moment, datetime):
        return "yyyy-mm-dd"
    return "yyyy-mm-dd hh:mm:ss" if moment.second else "yyyy-mm-dd hh:mm"
