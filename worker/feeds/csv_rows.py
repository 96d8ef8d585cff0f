"""Rows of CSV, parsed by Python's csv module: each with its physical line, and nothing kept of one that is too long."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property, partial
from itertools import chain
from typing import TextIO

from worker.feeds.source import MAX_CELL, MAX_ROW, BadRow, FileRefused

SHORTEN = f"Shorten each cell to {MAX_CELL:,} characters."
_INVISIBLE = " \t\r\n\x1a\xa0\u200b\ufeff"
BLANKS = _INVISIBLE + '"'
"""Characters that say nothing. A row of these and of delimiters is blank, unless quotes make a cell of them."""

RawRow = tuple[int, list[str] | BadRow, str]
"""The physical line where the row starts, its cells or the reason why it has none, and its text with its line break."""


class _CellState(Enum):
    CELL_START = auto()
    PLAIN = auto()
    QUOTED = auto()
    QUOTE_SEEN = auto()
    """In a quoted cell, after a quote: either its end, or the first half of a doubled one."""


_QUOTED_TEXT = re.compile(r'(?:[^"]++|"")*+')


@dataclass(frozen=True)
class CsvText:
    """A text of CSV and the way to read it. `skips_blanks`: blanks before a cell do not count, so that a quote may follow them."""

    text: TextIO
    name: str
    delimiter: str
    skips_blanks: bool = False
    first_line: int = 1

    def rows(self) -> Iterator[RawRow]:
        """Parse the text from the first line on and yield every row that holds anything.

        A row longer than `MAX_ROW`, or with a cell over csv's own limit (131,072 characters), costs no more memory than
        that. Raises `FileRefused` where quotes do not pair up: from there on the ends of the rows are unknown.
        """
        line, row_lines, blanks = self._seek(), list[str](), BLANKS + self.delimiter
        while True:
            try:
                lines = _read_lines(self.text, row_lines)
                for cells in csv.reader(
                    lines, delimiter=self.delimiter, skipinitialspace=self.skips_blanks, strict=True
                ):
                    row_text = "".join(row_lines)
                    if (
                        row_text[0] not in blanks
                        or row_text.strip(blanks)
                        or any(cell.strip(_INVISIBLE) for cell in cells)
                    ):
                        yield line, cells, row_text
                    line += len(row_lines)
                    row_lines.clear()
            except csv.Error as error:
                last_line, length = self._skip_row(row_lines, line)
                if length > MAX_ROW or "".join(row_lines).strip(blanks):
                    yield line, _unparsed_row(line, error, length), ""
                line = last_line + 1
                row_lines.clear()
            else:
                return

    def _seek(self) -> int:
        self.text.seek(0)
        for _ in range(1, self.first_line):
            self.text.readline()
        return self.first_line

    @cached_property
    def _whole_cells(self) -> re.Pattern[str]:
        """Match any number of cells, each with the delimiter behind it."""
        plain = rf'[^"{re.escape(self.delimiter)}\n][^{re.escape(self.delimiter)}\n]*+'
        blanks = " *+" if self.skips_blanks else ""
        return re.compile(rf'(?:{blanks}(?:{plain}|"(?:[^"]++|"")*+")?+{re.escape(self.delimiter)})*+')

    def _skip_row(self, row_lines: list[str], line: int) -> tuple[int, int]:
        """Find the end of a row that csv has given up, in pieces; returns its last line and its length in characters.

        `row_lines`: as much of it as has been read. A quote counts only where a cell begins with it, as in RFC 4180 and csv.
        """
        state, opened_at, length = _CellState.CELL_START, line, 0
        for piece in chain(row_lines, iter(partial(self.text.readline, MAX_CELL), "")):
            length, at = length + len(piece), 0
            while at < len(piece):
                if state is _CellState.QUOTED:
                    at = _end_of(_QUOTED_TEXT, piece, at) + 1
                    state = _CellState.QUOTE_SEEN if at <= len(piece) else state
                elif state is _CellState.CELL_START:
                    at = self._end_of_cells(piece, at)
                    opened_at = line
                    is_quoted = piece.startswith('"', at)
                    # At the end of a piece, no cell has begun yet.
                    state = _CellState.QUOTED if is_quoted else _CellState.PLAIN if at < len(piece) else state
                    at += is_quoted
                elif state is _CellState.QUOTE_SEEN and piece[at] != self.delimiter:
                    state = self._after_quote(piece[at], line)
                    at += 1
                else:
                    end = piece.find(self.delimiter, at) + 1
                    state, at = (_CellState.CELL_START, end) if end else (_CellState.PLAIN, len(piece))
            if piece.endswith("\n"):
                if state is not _CellState.QUOTED:
                    return line, length
                line += 1
        if state is _CellState.QUOTED:
            raise refusal_of_quotes(self.name, opened_at, "a quote is opened and never closed")
        return line, length

    def _end_of_cells(self, piece: str, at: int) -> int:
        """Return where the first cell begins that does not end within the piece."""
        at = _end_of(self._whole_cells, piece, at)
        while self.skips_blanks and piece.startswith(" ", at):
            at += 1
        return at

    def _after_quote(self, character: str, line: int) -> _CellState:
        if character == '"':
            return _CellState.QUOTED
        if character in "\r\n":
            return _CellState.QUOTE_SEEN
        raise refusal_of_quotes(self.name, line, "a quoted cell goes on after its closing quote")


def _end_of(pattern: re.Pattern[str], piece: str, at: int) -> int:
    match = pattern.match(piece, at)
    return match.end() if match else at


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
        return BadRow(line, "row_too_long", f"the row is longer than {MAX_ROW:,} characters", SHORTEN)
    if "field limit" in str(error):
        return BadRow(line, "cell_too_long", f"a cell is longer than {MAX_CELL:,} characters", SHORTEN)
    return BadRow(
        line, "stray_line_break", "a carriage return stands outside quotes", "Put the cell in quotes, or take it out."
    )


def refusal_of_quotes(name: str, line: int, wrong: str) -> FileRefused:
    """Refuse a file with quotes that do not pair up."""
    remedy = "Put the cell in quotes and double each quote inside it, or take the quote out"
    return FileRefused(name, f"line {line}: {wrong}", remedy, "open_quote")
