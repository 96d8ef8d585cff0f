"""The CSV reader: comma, semicolon or tab, cells with line breaks, the physical line of each row."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from itertools import chain
from typing import TextIO

from worker.feeds.source import (
    ENCODING_LABELS,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROW,
    BadRow,
    FileRefused,
    OpenExport,
    Row,
    SniffedFile,
)

_DELIMITERS = ";,\t"
_MAX_HEADING_LINE = 64 * 1024
_SHORTEN = f"Shorten each cell to {MAX_CELL:,} characters."
# Leading apostrophes belong to the pattern, so that escaping and unescaping are exact opposites.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r]")


def escape_formula(cell: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would run: its first character, also after spaces, is = + - @, a tab or a CR."""
    return "'" + cell if _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Take away the apostrophe that `escape_formula`, or a spreadsheet, put before a formula."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


@dataclass(frozen=True, slots=True)
class _Layout:
    """The heading row. `width` counts the columns, unnamed ones at its end included."""

    delimiter: str
    line: int
    headings: tuple[str, ...]
    width: int


def open_delimited(text: TextIO, name: str, sniffed: SniffedFile) -> OpenExport:
    """Find the headings and read all rows once, so that quotes that do not pair up refuse the file as a whole."""
    layout = _find_headings(text, name)
    raw_rows = _parse_rows(text, name, layout.delimiter)
    return OpenExport(
        name=name,
        form="csv",
        encoding=ENCODING_LABELS[sniffed.encoding],
        delimiter=layout.delimiter,
        size=sniffed.size,
        sha256=sniffed.sha256,
        headings=layout.headings,
        heading_line=layout.line,
        total=sum(1 for line, _, _ in raw_rows if line > layout.line),
        rows=lambda: _read_rows(text, name, layout),
    )


def _find_headings(text: TextIO, name: str) -> _Layout:
    text.seek(0)
    line = 1
    while (start := text.readline(_MAX_HEADING_LINE)) and not start.strip(" \t\r\n;,"):
        line += start.endswith("\n")
    _check_heading_line(name, start, line)
    outside_quotes = "".join(start.split('"')[::2])
    delimiter = max(_DELIMITERS, key=outside_quotes.count)
    raw_rows = _parse_rows(text, name, delimiter)
    cells = next(cells for row_line, cells, _ in raw_rows if row_line >= line)
    if isinstance(cells, BadRow):
        raise FileRefused(name, f"line {line} is no line of headings: {cells.reason}", "Export as CSV")
    headings = [" ".join(cell.split()) for cell in cells]
    while headings and not headings[-1]:
        headings.pop()
    if len(cells) > MAX_COLUMNS:
        raise FileRefused(name, f"{len(cells)} columns, more than {MAX_COLUMNS}", "Export fewer columns")
    if "" in headings:
        raise FileRefused(name, f"column {headings.index('') + 1} has no heading", "Give every column a heading")
    return _Layout(delimiter, line, tuple(headings), len(cells))


def _check_heading_line(name: str, start: str, line: int) -> None:
    if not start:
        raise FileRefused(name, "the file is empty", "Export it again")
    if "\r" in start.rstrip("\r\n"):
        raise FileRefused(
            name, f"line {line}: lines end in a lone carriage return", "Save it with Windows or Unix line ends"
        )
    if len(start) >= _MAX_HEADING_LINE or any(character < " " and character not in "\t\r\n" for character in start):
        raise FileRefused(name, f"line {line} is no line of headings: the file is binary, or not CSV", "Export as CSV")


def _read_rows(text: TextIO, name: str, layout: _Layout) -> Iterator[Row | BadRow]:
    named = len(layout.headings)
    for line, cells, row_text in _parse_rows(text, name, layout.delimiter):
        if line <= layout.line:
            continue
        if isinstance(cells, BadRow):
            yield cells
        elif len(cells) == named == layout.width and len(row_text) <= MAX_CELL:
            yield Row(line, [unescape_formula(cell) for cell in cells] if "'" in row_text else cells)
        else:
            yield _check_row(line, cells, layout)


def _check_row(line: int, cells: list[str], layout: _Layout) -> Row | BadRow:
    """Accept or reject a row of an unusual width or length."""
    named, width = len(layout.headings), layout.width
    if len(cells) != width:
        reason = f"{len(cells)} cells, but {width} headings"
        if len(cells) > width:
            return BadRow(line, "too_many_cells", reason, "Put cells that hold the delimiter in quotes.")
        return BadRow(line, "too_few_cells", reason, "Export the row in full: it may have been cut off.")
    if any(cell.strip() for cell in cells[named:]):
        reason = f"a cell stands in column {named + 1}, which has no heading"
        return BadRow(line, "too_many_cells", reason, "Give the column a heading, or empty it.")
    for heading, cell in zip(layout.headings, cells, strict=False):
        if len(cell) > MAX_CELL:
            reason = f"the cell is longer than {MAX_CELL:,} characters"
            return BadRow(line, "cell_too_long", reason, _SHORTEN, heading)
    return Row(line, [unescape_formula(cell) for cell in cells[:named]])


RawRow = tuple[int, list[str] | BadRow, str]
"""The physical line where the row starts, its cells or the reason why it has none, and its text with its line break."""


def _parse_rows(text: TextIO, name: str, delimiter: str) -> Iterator[RawRow]:
    """Parse a text from its beginning by Python's csv module and yield every row that holds anything.

    A row longer than `MAX_ROW`, or with a cell over csv's own limit (131,072 characters), costs no more memory than
    that. Raises `FileRefused` where quotes do not pair up: from there on the ends of the rows are unknown.
    """
    text.seek(0)
    line, row_lines, blank = 1, list[str](), f"{delimiter}\r\n \t"
    while True:
        try:
            for cells in csv.reader(_read_lines(text, row_lines), delimiter=delimiter, strict=True):
                row_text = "".join(row_lines)
                if row_text.strip(blank):
                    yield line, cells, row_text
                line += len(row_lines)
                row_lines.clear()
        except csv.Error as error:
            last_line, length = _skip_row(text, name, delimiter, row_lines, line)
            if length > MAX_ROW or "".join(row_lines).strip(blank):
                yield line, _unparsed_row(line, error, length), ""
            line = last_line + 1
            row_lines.clear()
        else:
            return


class _RowTooLong(csv.Error):
    """The lines of a row are more than `MAX_ROW` characters together."""


def _read_lines(text: TextIO, row_lines: list[str]) -> Iterator[str]:
    """Yield lines and collect them in `row_lines`, which the caller empties when a row is complete."""
    length = 0
    while line := text.readline(MAX_ROW + 1):
        length = len(line) + (length if row_lines else 0)
        row_lines.append(line)
        if length > MAX_ROW:
            raise _RowTooLong
        yield line


def _unparsed_row(line: int, error: csv.Error, length: int) -> BadRow:
    if length > MAX_ROW:
        return BadRow(line, "row_too_long", f"the row is longer than {MAX_ROW:,} characters", _SHORTEN)
    if "field limit" in str(error):
        return BadRow(line, "cell_too_long", f"a cell is longer than {MAX_CELL:,} characters", _SHORTEN)
    return BadRow(
        line, "stray_line_break", "a carriage return stands outside quotes", "Put the cell in quotes, or take it out."
    )


class _CellState(Enum):
    CELL_START = auto()
    PLAIN = auto()
    QUOTED = auto()
    QUOTE_SEEN = auto()
    """In a quoted cell, after a quote: either its end, or the first half of a doubled one."""


def _skip_row(text: TextIO, name: str, delimiter: str, row_lines: list[str], line: int) -> tuple[int, int]:
    """Find the end of a row that csv has given up, in pieces; returns its last line and its length in characters.

    `row_lines`: as much of it as has been read. A quote counts only where a cell begins with it, as in RFC 4180 and csv.
    """
    state, opened_at, length = _CellState.CELL_START, line, 0
    for piece in chain(row_lines, iter(partial(text.readline, MAX_CELL), "")):
        length, at = length + len(piece), 0
        while at < len(piece):
            if piece[at] == '"' and state in {_CellState.CELL_START, _CellState.QUOTE_SEEN}:
                opened_at = line if state is _CellState.CELL_START else opened_at
                state, at = _CellState.QUOTED, at + 1
            elif state is _CellState.QUOTED:
                end = piece.find('"', at) + 1
                state, at = (_CellState.QUOTE_SEEN, end) if end else (state, len(piece))
            elif state is _CellState.QUOTE_SEEN and piece[at] != delimiter:
                if piece[at] not in "\r\n":
                    raise _refusal_of_quotes(name, line, "a quoted cell goes on after its closing quote")
                at += 1
            else:
                end = piece.find(delimiter, at) + 1
                state, at = (_CellState.CELL_START, end) if end else (_CellState.PLAIN, len(piece))
        if piece.endswith("\n"):
            if state is not _CellState.QUOTED:
                return line, length
            line += 1
    if state is _CellState.QUOTED:
        raise _refusal_of_quotes(name, opened_at, "a quote is opened and never closed")
    return line, length


def _refusal_of_quotes(name: str, line: int, wrong: str) -> FileRefused:
    remedy = "Put the cell in quotes and double each quote inside it, or take the quote out"
    return FileRefused(name, f"line {line}: {wrong}", remedy)
