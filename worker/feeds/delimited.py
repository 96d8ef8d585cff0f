"""The CSV reader: comma, semicolon or tab, cells with line breaks, the physical line of each row."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from worker.feeds.formulas import unescape_formula
from worker.feeds.records import PIECE, QuoteError, Record, open_text, records
from worker.feeds.sniffing import SniffedText, encoding_label
from worker.feeds.source import MAX_CELL, MAX_COLUMNS, MAX_ROW, BadRow, Feed, FileRefused, Row

_DELIMITERS = ";,\t"
_TOO_LONG = f"Shorten each cell to {MAX_CELL:,} characters."


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the heading line says. `width` counts the columns, unnamed ones at its end included."""

    delimiter: str
    line: int
    headings: tuple[str, ...]
    width: int


def open_delimited(file: BinaryIO, name: str, seen: SniffedText) -> Feed:
    """Find the headings and walk through all records once, so that quotes gone wrong refuse the file as a whole."""
    try:
        shape = _shape(file, name, seen.encoding)
        total = sum(len(some) for some in _read(file, seen.encoding, shape))
    except QuoteError as error:
        raise FileRefused(
            name,
            f"line {error.line}: {error.wrong}",
            "Put the cell in quotes and double each quote inside it, or take the quote out",
        ) from None
    return Feed(
        name=name,
        form="csv",
        encoding=encoding_label(seen.encoding),
        delimiter=shape.delimiter,
        size=seen.size,
        sha256=seen.sha256,
        headings=shape.headings,
        heading_line=shape.line,
        total=total,
        rows=lambda: _rows(file, seen.encoding, shape),
    )


def _shape(file: BinaryIO, name: str, encoding: str) -> _Shape:
    text = open_text(file, encoding)
    line = 1
    while (start := text.readline(PIECE)) and not start.strip(" \t\r\n;,"):
        line += 1
    _check_heading_line(name, start, line)
    delimiter = max(_DELIMITERS, key=_outside_quotes(start).count)
    found = (record for some in records(open_text(file, encoding), delimiter) for record in some)
    first = next(record_text for at, record_text in found if at >= line)
    cells = next(csv.reader([first or ""], delimiter=delimiter))
    headings = [" ".join(cell.split()) for cell in cells]
    while headings and not headings[-1]:
        headings.pop()
    if len(cells) > MAX_COLUMNS:
        raise FileRefused(name, f"{len(cells)} columns, more than {MAX_COLUMNS}", "Export fewer columns")
    if "" in headings:
        raise FileRefused(name, f"column {headings.index('') + 1} has no heading", "Give every column a heading")
    return _Shape(delimiter, line, tuple(headings), len(cells))


def _check_heading_line(name: str, start: str, line: int) -> None:
    if not start:
        raise FileRefused(name, "the file is empty", "Export it again")
    if "\r" in start.rstrip("\r\n"):
        raise FileRefused(
            name, f"line {line}: lines end in a lone carriage return", "Save it with Windows or Unix line ends"
        )
    if len(start) >= PIECE or any(character < " " and character not in "\t\r\n" for character in start):
        raise FileRefused(name, f"line {line} is no line of headings: the file is binary, or not CSV", "Export as CSV")


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _read(file: BinaryIO, encoding: str, shape: _Shape) -> Iterator[list[Record]]:
    """All records below the headings that hold anything."""
    nothing = f"{shape.delimiter}\r\n \t"
    for some in records(open_text(file, encoding), shape.delimiter):
        yield [(line, text) for line, text in some if line > shape.line and (text is None or text.strip(nothing))]


def _rows(file: BinaryIO, encoding: str, shape: _Shape) -> Iterator[Row | BadRow]:
    for some in _read(file, encoding, shape):
        yield from _at_once(some, shape) or (_row(line, text, shape) for line, text in some)


def _at_once(some: list[Record], shape: _Shape) -> list[Row] | None:
    """Records in which all is as it should be, as nearly everywhere. None: look at each of them."""
    texts = [text for _, text in some if text is not None and len(text) <= MAX_CELL]
    if len(texts) < len(some) or shape.width > len(shape.headings):
        return None
    try:
        rows = list(csv.reader(texts, delimiter=shape.delimiter, strict=True))
    except csv.Error:
        return None
    if len(rows) < len(some) or any(len(cells) != shape.width for cells in rows):
        return None
    return [
        Row(line, [unescape_formula(cell) for cell in cells] if "'" in text else cells)
        for (line, _), text, cells in zip(some, texts, rows, strict=True)
    ]


def _row(line: int, text: str | None, shape: _Shape) -> Row | BadRow:
    if text is None:
        return BadRow(line, "row_too_long", f"the row is longer than {MAX_ROW:,} characters", _TOO_LONG)
    # The parser is given one whole record, so that whatever it refuses ends with that record.
    try:
        cells = next(csv.reader([text], delimiter=shape.delimiter, strict=True))
    except csv.Error as error:
        return _unparsed(line, error)
    return _checked(line, cells, shape, text)


def _unparsed(line: int, error: csv.Error) -> BadRow:
    if "field limit" in str(error):
        return BadRow(line, "cell_too_long", f"a cell is longer than {MAX_CELL:,} characters", _TOO_LONG)
    return BadRow(
        line, "stray_line_break", "a carriage return stands outside quotes", "Put the cell in quotes, or take it out."
    )


def _checked(line: int, cells: list[str], shape: _Shape, text: str) -> Row | BadRow:
    if len(cells) != shape.width:
        return _wrong_width(line, len(cells), shape.width)
    named = len(shape.headings)
    if len(cells) > named:
        if any(cell.strip() for cell in cells[named:]):
            why = f"a cell stands in column {named + 1}, which has no heading"
            return BadRow(line, "too_many_cells", why, "Give the column a heading, or empty it.")
        cells = cells[:named]
    if len(text) > MAX_CELL and max(map(len, cells), default=0) > MAX_CELL:
        column = next(heading for heading, cell in zip(shape.headings, cells, strict=True) if len(cell) > MAX_CELL)
        return BadRow(line, "cell_too_long", f"the cell is longer than {MAX_CELL:,} characters", _TOO_LONG, column)
    return Row(line, [unescape_formula(cell) for cell in cells] if "'" in text else cells)


def _wrong_width(line: int, found: int, wanted: int) -> BadRow:
    reason = f"{found} cells, but {wanted} headings"
    if found > wanted:
        return BadRow(line, "too_many_cells", reason, "Put cells that hold the delimiter in quotes.")
    return BadRow(line, "too_few_cells", reason, "Export the row in full: it may have been cut off.")
