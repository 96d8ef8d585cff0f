"""The values between the readers of workbooks and the import: sheets, and their rows of texts as a person sees them."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

MAX_SHEET_COLUMNS: Final = 1_000
"""Columns that are kept apart. Any text beyond stands in the last of them: no export has so many."""

UNCALCULATED: Final = "\x00uncalculated"
"""Stands for a formula without a stored value: the program that wrote the file has not calculated it."""

MAX_KEPT: Final = 64 * 1024 + 1
"""Characters kept of a cell: one more than an export's cell may have, so that a longer one is rejected."""


FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors of a disk that has no room."""


class WorkbookFault(Exception):  # noqa: N818 (a fact)
    """The workbook cannot be read. The text says why; `code` names the fault in a word."""

    def __init__(self, wrong: str, remedy: str, code: str) -> None:
        super().__init__(wrong)
        self.remedy = remedy
        self.code = code


class SheetRow(NamedTuple):
    """A row with content: its number in the sheet (from 1), whether it is hidden, and its cells from column A on."""

    number: int
    is_hidden: bool
    cells: list[str]


class Merged(NamedTuple):
    """Cells that are merged into one: rows and columns, both counted from 1, the last ones included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(slots=True)
class Sheet:
    """A sheet of a workbook; all beside its name is complete when `rows` has been read to its end."""

    name: str
    is_hidden: bool
    rows: Callable[[], Iterator[SheetRow]]
    merged: list[Merged]
    hidden_columns: list[int]
    """Counted from 1."""


class WorkbookReader(Protocol):
    """A workbook of one format, open."""

    @property
    def sheets(self) -> list[Sheet]:
        """The sheets that hold cells, in the workbook's order."""


def dense(cells: dict[int, str]) -> list[str]:
    """Turn the filled cells of a row, by column from 0, into all of them up to the last."""
    row = [""] * (max(cells) + 1)
    for at, cell in cells.items():
        row[at] = cell
    return row
