"""Reads a spreadsheet of OpenDocument (ods), row by row in constant memory."""

import re
from collections.abc import Iterator
from typing import Final
from zipfile import ZipFile

from worker.sheets.sheet import (
    MAX_KEPT,
    MAX_SHEET_COLUMNS,
    UNCALCULATED,
    Merged,
    Sheet,
    SheetRow,
    WorkbookFault,
    dense,
)
from worker.sheets.shown import show_elapsed, show_iso_moment, show_number, show_time_of_day
from worker.sheets.xml import read_part, read_whole

MAX_ROWS: Final = 1_048_576
MAX_MERGED: Final = 10_000
_CONTENT: Final = "content.xml"
_DURATION: Final = re.compile(r"(-?)P(?:(\d{1,6})D)?T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d*)?)S)?")
_GROUPING: Final = re.compile(r"[ \u00a0\u202f.,']+")
_BLANK: Final = re.compile(r"[ \t\r\n]+")
_ASIDE: Final = frozenset({"annotation", "frame", "shapes", "custom-shape", "g"})
"""Comments and drawings at a cell: their text is not the cell's."""


class _Names:
    """Takes the names of the sheets, whether each is hidden, and whether the file is encrypted."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, bool]] = []
        self.is_encrypted = False
        self._hidden_styles: set[str] = set()
        self._style = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if name == "table":
            style = attributes.get("table:style-name", "")
            self.sheets.append((attributes.get("table:name", ""), style in self._hidden_styles))
        elif name == "style":
            self._style = attributes.get("style:name", "")
        elif name == "table-properties" and attributes.get("table:display") == "false":
            self._hidden_styles.add(self._style)
        elif name == "encryption-data":
            self.is_encrypted = True

    def end(self, _name: str) -> None:
        """End it."""

    def text(self, _text: str) -> None:
        """Take a piece of text."""


class Ods:
    """A spreadsheet, open: `sheets` in its order."""

    def __init__(self, archive: ZipFile) -> None:
        names = _Names()
        if "META-INF/manifest.xml" in archive.namelist():
            read_whole(archive, "META-INF/manifest.xml", names)
        if names.is_encrypted:
            raise WorkbookFault(
                "the workbook is protected by a password", "Save it without a password", "encrypted_file"
            )
        read_whole(archive, _CONTENT, names)
        self._archive = archive
        self.sheets = [self._sheet(at, name, is_hidden) for at, (name, is_hidden) in enumerate(names.sheets)]

    def _sheet(self, at: int, name: str, is_hidden: bool) -> Sheet:
        merged: list[Merged] = []
        hidden_columns: list[int] = []

        def rows() -> Iterator[SheetRow]:
            content = _OdsSheet(at, merged, hidden_columns)
            for _ in read_part(self._archive, _CONTENT, content):
                for row, repeated in content.rows:
                    for number in range(row.number, min(row.number + repeated, MAX_ROWS + 1)):
                        yield row._replace(number=number)
                content.rows.clear()
                if content.is_complete:
                    return

        return Sheet(name, is_hidden, rows, merged, hidden_columns)


class _OdsSheet:
    """Takes the elements of the sheet at a position; `rows` holds those that have ended, and how often each is repeated."""

    def __init__(self, at: int, merged: list[Merged], hidden_columns: list[int]) -> None:
        self.rows: list[tuple[SheetRow, int]] = []
        self.is_complete = False
        self._skip = at
        self._merged = merged
        self._hidden_columns = hidden_columns
        merged.clear()
        hidden_columns.clear()
        self._depth = self._aside = self._hidden_groups = 0
        self._groups: list[bool] = []
        self._next_column = self._column = 0
        self._row = 1
        self._repeated_rows = 1
        self._row_is_hidden = False
        self._cells: dict[int, str] = {}
        self._attributes: dict[str, str] = {}
        self._paragraphs: list[str] = []
        self._length = 0
        self._is_reading = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if name == "table":
            self._depth += 1
            self._skip -= self._depth == 1
        if self._skip != -1 or self._depth != 1 or self.is_complete:
            return
        if self._aside or name in _ASIDE:
            self._aside += 1
        elif name in {"table-cell", "covered-table-cell"}:
            self._attributes = attributes
            self._paragraphs = []
            self._length = 0
        elif name == "table-row":
            self._repeated_rows = _count(attributes, "table:number-rows-repeated")
            self._row_is_hidden = _is_hidden(attributes)
            self._column = 0
        elif name == "table-row-group":
            self._groups.append(attributes.get("table:display") == "false")
        elif name == "table-column":
            self._add_column(attributes)
        else:
            self._start_text(name, attributes)

    def _start_text(self, name: str, attributes: dict[str, str]) -> None:
        if name == "p":
            self._paragraphs.append("")
            self._is_reading = True
        elif name == "s":
            self.text("\u00a0" * _count(attributes, "text:c"))
        elif name == "tab":
            self.text("\u00a0")
        elif name == "line-break" and self._paragraphs:
            self._paragraphs.append("")

    def end(self, name: str) -> None:
        """End it."""
        if self._skip == -1 and self._depth == 1 and not self.is_complete:
            if self._aside:
                self._aside -= 1
            elif name in {"table-cell", "covered-table-cell"}:
                self._end_cell()
            elif name == "p":
                self._is_reading = False
            elif name == "table-row":
                self._end_row()
            elif name == "table-row-group" and self._groups:
                self._groups.pop()
            elif name == "table":
                self.is_complete = True
        self._depth -= name == "table"

    def text(self, text: str) -> None:
        """Take a piece of text."""
        if self._is_reading and not self._aside and self._paragraphs and self._length < MAX_KEPT:
            self._paragraphs[-1] += text
            self._length += len(text)

    def _end_cell(self) -> None:
        attributes = self._attributes
        column, width = self._column, _count(attributes, "table:number-columns-repeated")
        self._column += width
        rows, columns = (_count(attributes, f"table:number-{of}-spanned") for of in ("rows", "columns"))
        if rows * columns > 1 and len(self._merged) < MAX_MERGED:
            self._merged.append(Merged(self._row, self._row + rows - 1, column + 1, column + columns))
        cell = _read_cell(attributes, self._paragraphs)
        if cell and not cell.isspace():
            for at in range(min(column, MAX_SHEET_COLUMNS), min(column + width, MAX_SHEET_COLUMNS + 1)):
                self._cells[at] = cell

    def _end_row(self) -> None:
        if self._cells:
            is_hidden = self._row_is_hidden or any(self._groups)
            self.rows.append((SheetRow(self._row, is_hidden, dense(self._cells)), self._repeated_rows))
            self._cells = {}
        self._row += self._repeated_rows

    def _add_column(self, attributes: dict[str, str]) -> None:
        width = _count(attributes, "table:number-columns-repeated")
        if _is_hidden(attributes):
            columns = range(self._next_column + 1, min(self._next_column + width, MAX_SHEET_COLUMNS) + 1)
            self._hidden_columns.extend(columns)
        self._next_column += width


def _is_hidden(attributes: dict[str, str]) -> bool:
    return attributes.get("table:visibility") in {"collapse", "filter"}


def _count(attributes: dict[str, str], name: str) -> int:
    number = attributes.get(name, "1")
    return max(min(int(number), MAX_ROWS), 1) if number.isdecimal() and len(number) < 12 else 1


def _read_cell(attributes: dict[str, str], paragraphs: list[str]) -> str:
    # Blanks that are to be seen are elements of their own; they came as no-break spaces.
    shown = "\n".join(_BLANK.sub(" ", text).replace("\u00a0", " ") for text in paragraphs)
    sort = attributes.get("office:value-type") or attributes.get("calcext:value-type")
    if sort is None and attributes.get("table:formula") and not shown:
        return UNCALCULATED
    if sort in {None, "string", "error"} or attributes.get("calcext:value-type") == "error":
        return attributes.get("office:string-value") or shown
    if sort == "date":
        return show_iso_moment(attributes.get("office:date-value", shown))
    if sort == "time":
        return _show_duration(attributes.get("office:time-value", ""), shown)
    if sort == "boolean":
        return "TRUE" if attributes.get("office:boolean-value") == "true" else "FALSE"
    try:
        number = float(attributes.get("office:value", ""))
    except ValueError:
        return shown
    return f"{number * 100:.15g}%" if sort == "percentage" else _show_number(number, shown)


def _show_number(number: float, shown: str) -> str:
    """Take the text that is shown where it holds the number's own digits, as 000123 and K-123 do; otherwise the digits."""
    digits = show_number(number)
    ungrouped = _GROUPING.sub("", shown)
    if not digits.isdigit() or re.sub(r"\D", "", ungrouped).lstrip("0") != digits.lstrip("0"):
        return digits
    return ungrouped if ungrouped.isdigit() else shown.strip()


def _show_duration(duration: str, shown: str) -> str:
    match = _DURATION.fullmatch(duration)
    if match is None:
        return shown
    days, hours, minutes, seconds = (float(match[at] or 0) for at in range(2, 6))
    length = days + (hours * 3600 + minutes * 60 + seconds) / 86_400
    return match[1] + (show_elapsed(length) if length >= 1 else show_time_of_day(length))
