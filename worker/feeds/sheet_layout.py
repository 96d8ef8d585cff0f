"""The headings of a sheet: the row in which they stand, and the columns that have one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from worker.feeds.content import PrivateCopy
from worker.feeds.known_headings import SURE, count_known
from worker.feeds.letters import describe_damage
from worker.feeds.row_sorts import is_value
from worker.feeds.source import MAX_COLUMNS, FileRefused
from worker.sheets.sheet import SheetRow

_EXPORT: Final = "Export it again"


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """The headings and where they stand. `columns`: their positions, from 0; `lines_before`: rows above them."""

    line: int
    headings: tuple[str, ...]
    columns: tuple[int, ...]
    lines_before: int

    def cells_of(self, row: SheetRow) -> list[str]:
        """Return the cells below the headings."""
        cells, first, number = row.cells, self.columns[0], len(self.columns)
        if self.columns[-1] - first + 1 == number:
            cells = cells[first : first + number]
            return cells + [""] * (number - len(cells))
        return [cells[at] if at < len(cells) else "" for at in self.columns]

    def stray_column(self, row: SheetRow) -> int | None:
        """Return the first column of a row that has a cell and no heading."""
        first, last = self.columns[0], self.columns[-1]
        if first == 0 and len(row.cells) <= last + 1 == len(self.columns):
            return None
        headed = frozenset(self.columns)
        return next((at for at, cell in enumerate(row.cells) if cell.strip() and at not in headed), None)

    def heading_at(self, column: int) -> str | None:
        """Return the heading of a column."""
        return self.headings[self.columns.index(column)] if column in self.columns else None


def column_name(at: int) -> str:
    """Return the letters of a column: A for 0."""
    letters = ""
    at += 1
    while at:
        at, letter = divmod(at - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def find_layout(content: PrivateCopy, rows: Sequence[SheetRow]) -> SheetLayout:
    """Find the headings among the first visible rows, or raise `FileRefused`."""
    if not rows:
        raise FileRefused(content.name, "no visible row of it holds anything", _EXPORT, "empty_file")
    for number, row in enumerate(rows):
        if count_known(row.cells, content.is_heading) >= SURE:
            return _lay_out(content, row, number)
    layout = _lay_out(content, rows[0], 0)
    if not any(map(content.is_heading, layout.headings)):
        _refuse_unlikely(content, rows, layout)
    return layout


def _lay_out(content: PrivateCopy, row: SheetRow, lines_before: int) -> SheetLayout:
    headings = {at: " ".join(cell.split()) for at, cell in enumerate(row.cells) if cell.strip()}
    if len(headings) > MAX_COLUMNS:
        wrong = f"more than {MAX_COLUMNS} columns"
        raise FileRefused(content.name, wrong, "Export fewer columns", "too_many_columns")
    if not headings:
        raise FileRefused(content.name, "no visible row of it holds anything", _EXPORT, "empty_file")
    if damage := describe_damage(" ".join(headings.values())):
        wrong = f"in the headings on line {row.number} {damage[1]}"
        raise FileRefused(content.name, wrong, "Correct them in the CRM", "wrong_encoding")
    return SheetLayout(row.number, tuple(headings.values()), tuple(headings), lines_before)


def _refuse_unlikely(content: PrivateCopy, rows: Sequence[SheetRow], layout: SheetLayout) -> None:
    """Refuse a first row without a heading that is known, if it has the form of something else."""
    widths = [(row.number, sum(bool(cell.strip()) for cell in row.cells)) for row in rows]
    usual, times = Counter(width for _, width in widths).most_common(1)[0]
    if times > 1 and usual > SURE and len(layout.headings) * 2 <= usual:
        start = next(number for number, width in widths if width == usual)
        wrong = f"line {layout.line} holds no headings; they seem to stand on line {start}"
        raise FileRefused(content.name, wrong, "Delete the lines above them", "lines_before_headings")
    values = sum(map(is_value, layout.headings))
    if values >= SURE or values * 2 >= len(layout.headings):
        wrong = f"line {layout.line} holds no headings, but the values of a row"
        raise FileRefused(content.name, wrong, "Export it with a line of headings", "no_headings")
