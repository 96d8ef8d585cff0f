"""The values between a reader and the import: a described feed, and its numbered rows of raw cells."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_BYTES = 4 * 1024**3
"""A larger file is no export of one office."""

MAX_COLUMNS = 200
MAX_CELL = 64 * 1024
"""Characters in a cell. The longest text Vitec could mean is far shorter."""

MAX_ROW = 1024 * 1024
"""Characters in a row. A longer one is passed over without being kept in memory."""

CHUNK = 1024 * 1024
"""Bytes read at a time while a file is copied and its encoding is sought."""

ENCODING_LABELS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
"""The codec's name in Python → its name for people."""


class FileRefused(Exception):  # noqa: N818 (a fact, as all our exceptions are)
    """The file as a whole cannot be taken in. The text is one line: the file, what is wrong, and the remedy.

    `code` names the fault in a word.
    """

    def __init__(self, name: str, wrong: str, remedy: str, code: str = "file_refused") -> None:
        super().__init__(f"{name}: {wrong}. {remedy}.")
        self.wrong = wrong
        self.remedy = remedy
        self.code = code


class Row(NamedTuple):
    """One row. `line` is the physical line where it starts; `cells` stand in the order of the feed's headings.

    A cell is text in a CSV file and any JSON value in JSON lines; None where a JSON row does not name the heading.
    """

    line: int
    cells: Sequence[Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read. `column` in the file's own words; nothing here quotes what stands in a cell."""

    line: int
    code: str
    reason: str
    remedy: str
    column: str | None = None
    cells: Sequence[str] | None = None
    """Those that it has, where they are known: as many as there are headings, or more, or fewer."""


@dataclass(frozen=True, slots=True)
class OpenExport:
    """A file that is open and has been read once to its end without a fault."""

    name: str
    form: str
    """`csv`, `jsonl`, `json`, `xlsx`, `ods` or `xls`."""
    encoding: str
    delimiter: str | None
    size: int
    sha256: str
    headings: tuple[str, ...]
    """As they stand in the file; in JSON lines all keys that occur, in the order in which they first do."""
    heading_line: int
    total: int
    """The number of rows that `rows` gives."""
    rows: Callable[[], Iterator[Row | BadRow]]
    """Reads the file from its beginning, each time it is called; one pass ends before the next begins. Blank lines are no rows."""
    own_headings: tuple[str, ...] = ()
    """The file's own words for each heading, where a mapping gave it the documented one; else there are none."""
    kind: str | None = None
    """The kind of all rows, where a mapping says it."""
    original: "OpenExport | None" = None
    """The export as it was before a mapping, where there is one."""
    notes: tuple[str, ...] = ()
    """Plain sentences for people, without the words of a cell, about parts that were left out or read in a special way."""
    hidden_rows: int = 0
    """Rows of a workbook that are hidden, and so left out: with any of them no export is a full one."""
