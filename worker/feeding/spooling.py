"""Rows of a query are kept in a private file until they are taken in, so that memory does not grow with their number."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from worker.feeds import BadRow, OpenExport, Row
from worker.feeds.source import MAX_BYTES, MAX_CELL, MAX_ROW

_SHORTEN = f"Shorten each value to {MAX_CELL:,} characters."


class UnfitValue(Exception):  # noqa: N818 (a fact)
    """A value has no form as a cell. The text says why."""


class TooLarge(Exception):  # noqa: N818 (a fact)
    """The rows are more than an export may hold."""


class Spool:
    """Holds rows of cells in a file without a name, readable by this process alone."""

    def __init__(self, name: str, headings: Sequence[str]) -> None:
        self._name, self._headings = name, tuple(headings)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the spool)
        self._digest = hashlib.sha256(json.dumps(self._headings).encode())
        self._size = 0
        self.total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, values: Sequence[Any]) -> None:
        """Keep a row of values, as the driver gave them. Raises `TooLarge`, and OSError where the disk is full."""
        line = self._write_row(values)
        self._file.write(line)
        self._digest.update(line)
        self._size += len(line)
        self.total += 1
        if self._size > MAX_BYTES:
            raise TooLarge

    def open_export(self) -> OpenExport:
        """Give the rows as an export. It can be read for as long as the spool is open."""
        self._file.flush()
        return OpenExport(
            name=self._name,
            form="query",
            encoding="UTF-8",
            delimiter=None,
            size=self._size,
            sha256=self._digest.hexdigest(),
            headings=self._headings,
            heading_line=0,
            total=self.total,
            rows=self._read_rows,
        )

    def _write_row(self, values: Sequence[Any]) -> bytes:
        cells: list[Any] = []
        for heading, value in zip(self._headings, values, strict=True):
            try:
                cell = as_cell(value)
                if isinstance(cell, str) and len(cell) > MAX_CELL:
                    reason = f"the value is longer than {MAX_CELL:,} characters"
                    return _encode({"code": "cell_too_long", "reason": reason, "remedy": _SHORTEN, "column": heading})
                cells.append(cell)
            except UnfitValue as unfit:
                remedy = "Give it as text in the query (CAST)."
                return _encode({"code": "not_text", "reason": str(unfit), "remedy": remedy, "column": heading})
        line = _encode(cells)
        if len(line) > MAX_ROW:
            reason = f"the row is longer than {MAX_ROW:,} characters"
            return _encode({"code": "row_too_long", "reason": reason, "remedy": _SHORTEN, "column": None})
        return line

    def _read_rows(self) -> Iterator[Row | BadRow]:
        self._file.seek(0)
        for number, line in enumerate(self._file, 1):
            content = json.loads(line)
            yield BadRow(number, **content) if isinstance(content, dict) else Row(number, content)


def _encode(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def as_cell(value: Any) -> Any:
    """Give a driver's value as the JSON value that a cell is. Raises `UnfitValue`."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return _check_text(value)
        case float():
            return _float_cell(value)
        case Decimal():
            return _decimal_cell(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return _text_of(bytes(value))
        case UUID():
            return str(value)
        case Mapping():
            return {str(key): as_cell(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [as_cell(item) for item in value]
        case _:
            return _check_text(str(value))


def _check_text(text: str) -> str:
    if not text.isascii() or "\0" in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UnfitValue("the value holds half a character (a lone surrogate)") from None
        if "\0" in text:
            raise UnfitValue("the value holds a zero character")
    return text


def _float_cell(value: float) -> float | str:
    # JSON has no word for these; as text the cell's own rule judges them.
    return value if value - value == 0 else str(value)


def _decimal_cell(value: Decimal) -> int | str:
    if not value.is_finite():
        return str(value)
    # As text, since a float would round: an id that is kept as NUMERIC is 4711, not 4711.0.
    return int(value) if value == value.to_integral_value() and value.adjusted() < 30 else f"{value:f}"


def _text_of(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise UnfitValue("the value is bytes, not text") from None
    if not text.isprintable():
        raise UnfitValue("the value is bytes, not text")
    return text
