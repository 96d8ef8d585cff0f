"""The reader of workbooks: finds the headings of the sheet that is meant, and judges its rows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from worker.feeds.content import PrivateCopy
from worker.feeds.known_headings import SURE, count_known
from worker.feeds.letters import describe_damage, may_be_damaged
from worker.feeds.ole import check_old_workbook
from worker.feeds.row_sorts import TotalSort, judge_total
from worker.feeds.sheet_layout import SheetLayout, column_name, find_layout
from worker.feeds.sheet_rows import SheetChoice, SheetRows, read_sheet
from worker.feeds.source import MAX_CELL, BadRow, FileRefused, OpenExport, Row
from worker.kind import fold
from worker.sheets.sheet import UNCALCULATED, SheetRow

MAX_LEFT_OUT: Final = 100_000
_LOOKED_AT: Final = 50
_SHORTEN: Final = f"Shorten it to {MAX_CELL:,} characters."
_CALCULATE: Final = "Open the workbook in an office program and save it: then it is calculated."
_EXPORT: Final = "Export it again"


def open_workbook(content: PrivateCopy, form: str) -> OpenExport:
    """Open a workbook: `xlsx` (also xlsm), `ods` or `xls`."""
    sheet = read_sheet(content, form)
    if not isinstance(sheet, SheetRows):
        sheet = _read_chosen(content, form, sheet)
    visible = (row for row in sheet.rows() if not row.is_hidden)
    layout = find_layout(content, list(islice(visible, _LOOKED_AT)))
    survey = _survey_sheet(content, sheet, layout)
    return OpenExport(
        name=content.name,
        form=form,
        encoding="",
        delimiter=None,
        size=content.size,
        sha256=content.sha256,
        headings=layout.headings,
        heading_line=layout.line,
        total=survey.total,
        rows=lambda: _read_rows(sheet, layout, survey),
        notes=tuple(_notes(sheet, layout, survey)),
        hidden_rows=len(survey.hidden),
    )


def _read_chosen(content: PrivateCopy, form: str, choices: Sequence[SheetChoice]) -> SheetRows:
    """Read the one sheet of several that has headings which are known, or refuse the file naming them."""
    if not choices:
        raise FileRefused(content.name, "no visible sheet of it holds anything", _EXPORT, "empty_file")
    fitting = [
        choice.name
        for choice in choices
        if any(count_known(cells, content.is_heading) >= SURE for cells in choice.rows)
    ]
    sheet = read_sheet(content, form, fitting[0]) if len(fitting) == 1 else None
    if isinstance(sheet, SheetRows):
        return sheet
    names = _quote(fitting or [choice.name for choice in choices])
    of_exports = " with headings that are known" if fitting else ""
    wrong = f"several visible sheets{of_exports}: {names}"
    raise FileRefused(content.name, wrong, "Save each as a workbook of its own, or hide the others", "several_sheets")


@dataclass(slots=True)
class _SheetSurvey:
    """The rows of a sheet, counted, and the numbers of those that are none."""

    total: int = 0
    hidden: list[int] = field(default_factory=list)
    headings_again: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)

    def left_out(self) -> frozenset[int]:
        """Return the numbers of all rows that are left out, but those that are hidden."""
        return frozenset([*self.headings_again, *self.totals])


def _survey_sheet(content: PrivateCopy, sheet: SheetRows, layout: SheetLayout) -> _SheetSurvey:
    survey, faults = _SheetSurvey(), Counter[str]()
    folded = [fold(heading) for heading in layout.headings]
    for row in sheet.rows():
        if row.is_hidden:
            survey.hidden.append(row.number)
        elif row.number <= layout.line:
            continue
        elif _repeats_headings(content, layout, folded, row):
            survey.headings_again.append(row.number)
        elif judge_total(row.cells) is TotalSort.CERTAIN:
            survey.totals.append(row.number)
        else:
            survey.total += 1
            faults["uncalculated"] += UNCALCULATED in row.cells
            faults["no_heading"] += layout.stray_column(row) is not None
        if len(survey.headings_again) + len(survey.totals) > MAX_LEFT_OUT:
            wrong = f"more than {MAX_LEFT_OUT:,} of its lines are no rows as they stand"
            raise FileRefused(content.name, wrong, "Look at the export", "not_a_table")
    if survey.total and faults["uncalculated"] == survey.total:
        wrong = "every row holds a formula that has not been calculated"
        raise FileRefused(content.name, wrong, _CALCULATE.removesuffix("."), "uncalculated_formulas")
    if survey.total and faults["no_heading"] == survey.total:
        wrong = f"every row has a cell outside the columns with headings, which stand on line {layout.line}"
        raise FileRefused(content.name, wrong, "Give every column a heading", "column_without_heading")
    return survey


def _repeats_headings(content: PrivateCopy, layout: SheetLayout, folded: Sequence[str], row: SheetRow) -> bool:
    cells = layout.cells_of(row)
    if fold(cells[0]) == folded[0] and [fold(cell) for cell in cells] == folded:
        return True
    filled = [cell for cell in cells if cell]
    if len(filled) < SURE or not content.is_heading(filled[0]) or not all(map(content.is_heading, filled)):
        return False
    wrong = f"line {row.number} holds other headings than line {layout.line}: these are two exports in one sheet"
    raise FileRefused(content.name, wrong, "Import each by itself", "other_headings")


def _read_rows(sheet: SheetRows, layout: SheetLayout, survey: _SheetSurvey) -> Iterator[Row | BadRow]:
    left_out = survey.left_out()
    merged = _MergedRows(sheet, layout)
    for row in sheet.rows():
        if row.number > layout.line and not row.is_hidden and row.number not in left_out:
            yield _judge(row, layout) or merged.judge(row) or Row(row.number, layout.cells_of(row))


def _judge(row: SheetRow, layout: SheetLayout) -> BadRow | None:
    """Reject a row with a cell that is no value, or stands where none belongs. Nearly all rows have none."""
    if UNCALCULATED in row.cells:
        column = layout.heading_at(row.cells.index(UNCALCULATED))
        reason = "the cell holds a formula that has not been calculated"
        return BadRow(row.number, "uncalculated_formula", reason, _CALCULATE, column)
    if (stray := layout.stray_column(row)) is not None:
        reason = f"a cell stands in column {column_name(stray)}, which has no heading"
        return BadRow(row.number, "too_many_cells", reason, "Give the column a heading, or empty it.")
    if max(map(len, row.cells)) > MAX_CELL:
        at = next(at for at, cell in enumerate(row.cells) if len(cell) > MAX_CELL)
        reason = f"the cell is longer than {MAX_CELL:,} characters"
        return BadRow(row.number, "cell_too_long", reason, _SHORTEN, layout.heading_at(at))
    text = "\n".join(row.cells)
    if not text.isascii() and may_be_damaged(text) and (damage := describe_damage(text)):
        at = next((at for at, cell in enumerate(row.cells) if describe_damage(cell)), -1)
        return BadRow(row.number, damage[0], damage[1], "Correct it in the CRM.", layout.heading_at(at))
    if judge_total(row.cells) is TotalSort.WITH_TEXTS:
        reason = "the line holds a total, and is no row"
        return BadRow(row.number, "totals_row", reason, "Leave totals out of the export.", layout.headings[0])
    return None


class _MergedRows:
    """Rejects rows with merged cells: the content stands in the first cell only, and the others look empty.

    The first row of cells that are merged downwards has its own content, and is good.
    """

    def __init__(self, sheet: SheetRows, layout: SheetLayout) -> None:
        last = layout.columns[-1] + 1
        self._ranges = sorted(
            cells._replace(first_row=cells.first_row + (cells.first_column == cells.last_column))
            for cells in sheet.merged
            if cells.first_column <= last and cells.last_column > layout.columns[0] and cells.last_row > layout.line
        )
        self._layout = layout
        self._next = 0
        self._open: list[tuple[int, int]] = []
        """The last rows of the ranges that have begun, and their first columns."""

    def judge(self, row: SheetRow) -> BadRow | None:
        """Judge a row; each is asked for once, in their order."""
        if not self._ranges:
            return None
        while self._next < len(self._ranges) and self._ranges[self._next].first_row <= row.number:
            cells = self._ranges[self._next]
            self._open.append((cells.last_row, cells.first_column))
            self._next += 1
        self._open = [(last_row, column) for last_row, column in self._open if last_row >= row.number]
        if not self._open:
            return None
        heading = self._layout.heading_at(self._open[0][1] - 1)
        remedy = "Unmerge the cells, and write into each what holds for its row."
        return BadRow(row.number, "merged_cells", "cells of the row are merged with others", remedy, heading)


def _notes(sheet: SheetRows, layout: SheetLayout, survey: _SheetSurvey) -> Iterator[str]:
    """Yield sentences about all that was left out, or read although it is not to be seen."""
    left_out = [
        _quote(names, sort) for names, sort in ((sheet.other_sheets, ""), (sheet.hidden_sheets, "hidden ")) if names
    ]
    if left_out:
        yield f"The sheet {_quote([sheet.name])} was read; left out: {', '.join(left_out)}."
    if layout.lines_before:
        lines, were = ("line", "was") if layout.lines_before == 1 else ("lines", "were")
        yield f"{layout.lines_before} {lines} before the headings on line {layout.line} {were} left out."
    if survey.hidden:
        number = len(survey.hidden)
        were = "hidden row was" if number == 1 else "hidden rows were"
        yield f"{number} {were} left out ({_lines(survey.hidden)}): show and save them to take them in."
    columns = [at for at in sheet.hidden_columns if at - 1 in layout.columns]
    if columns:
        names = ", ".join(column_name(at - 1) for at in columns[:10])
        yield f"Hidden columns were read like the others: {names}{' and others' if len(columns) > 10 else ''}."
    if survey.headings_again:
        yield f"The headings stand again on {_lines(survey.headings_again)}, left out."
    if survey.totals:
        yield f"A total or a count stands on {_lines(survey.totals)}, left out."


def _lines(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:5]))
    return f"line {shown}" if len(lines) == 1 else f"lines {shown}" + (" and others" if len(lines) > 5 else "")


def _quote(names: Sequence[str], sort: str = "") -> str:
    printable = ["".join(character for character in name if character.isprintable())[:60] for name in names[:8]]
    return ", ".join(f"{sort}{name!r}" for name in printable) + (" and others" if len(names) > 8 else "")


def open_old_workbook(content: PrivateCopy) -> OpenExport:
    """Open an old Office file, if it is a workbook."""
    check_old_workbook(content)
    return open_workbook(content, "xls")
