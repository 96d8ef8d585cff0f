"""Lines of CSV that are no rows, or only parts of one: found when the file is read for the first time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from worker.feeds.content import TextSource
from worker.feeds.csv_rows import CsvText, RawRow
from worker.feeds.heading_line import Layout
from worker.feeds.known_headings import SURE
from worker.feeds.letters import describe_damage
from worker.feeds.row_sorts import TotalSort, judge_total
from worker.feeds.source import BadRow, FileRefused
from worker.kind import fold

MAX_UNUSUAL = 100_000
"""A file with more of them is no table, and is refused: they are kept in memory."""

_TOTALS_BEGIN: Final = frozenset({"", "tot", "gra", "sub", "del", "sum", "ant", "cou", "(1 ", "(2 "})
_CONTINUED = "it seems to be a part of a row that a line break without quotes has cut in two"
_QUOTE = "Put cells that hold line breaks in quotes."
_UNQUOTE = "Export it without quotes around each line."
_ONE_DELIMITER = "Export headings and rows with the same delimiter."
_DELIMITERS: Final = frozenset(";,\t|")
_DIGIT = re.compile(r"\d")


@dataclass(slots=True)
class RowSurvey:
    """The rows of a file, counted, and those that are not rows as they stand.

    `unusual`: line → why the row is rejected; None if it is left out, and a note says so.
    """

    layout: Layout
    total: int = 0
    unusual: dict[int, BadRow | None] = field(default_factory=dict)
    headings_again: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    blanks_before_quotes: int = 0

    def notes(self) -> Iterator[str]:
        """Yield sentences about all that was left out."""
        if number := self.layout.lines_before:
            yield f"{_count(number, 'line')} before the headings on line {self.layout.line} {_were(number)} left out."
        if self.headings_again:
            yield f"The headings stand again on {_lines(self.headings_again)}, left out."
        if self.totals:
            yield f"A total or a count stands on {_lines(self.totals)}, left out."


def survey_rows(source: TextSource, csv_text: CsvText, layout: Layout) -> RowSurvey:
    """Read all rows once. Raises `FileRefused` if quotes do not pair up, or too many lines are no rows."""
    surveyor = _Surveyor(source, layout)
    surveyor.read(csv_text)
    return surveyor.survey


class _Surveyor:
    """Reads all rows, and judges those of an unusual form. Nearly all are usual, and cost a few comparisons."""

    def __init__(self, source: TextSource, layout: Layout) -> None:
        self.survey = RowSurvey(layout)
        self._source = source
        self._layout = layout
        self._headings = [fold(heading) for heading in layout.headings]
        blanks = f"{'' if layout.skips_blanks else ' '}\t\u00a0".replace(layout.delimiter, "")
        self._quote_kept = re.compile(f'[{blanks}]+"')
        self._blank_before_quote = re.compile(f'(?:\\A|{re.escape(layout.delimiter)}) *[{blanks}]+"')
        self._usual_first_cell = ""
        self._goes_on_at = 0
        """The line that may be the other half of the line before it."""

    def read(self, csv_text: CsvText) -> None:
        """Read the rows behind the headings."""
        width, judges_all, after_blank = self._layout.width, self._source.may_be_damaged, f"{self._layout.delimiter} "
        begins, rows, total = self._unusual_beginnings(), csv_text.rows(), 0
        odd_quotes = ('\u00a0"', "\u00a0" if self._layout.delimiter == "\t" else '\t"')
        _, _, text = row = next(rows)
        has_line_ends = text.endswith("\n")
        for next_row in rows:
            total += 1
            line, cells, text = next_row
            if (
                judges_all
                or isinstance(cells, BadRow)
                or len(cells) != width
                or after_blank in text
                or odd_quotes[0] in text
                or odd_quotes[1] in text
                or cells[0][:3].casefold() in begins
                or self._goes_on_at
            ):
                self._judge(line, cells, text, row)
            row = next_row
        if has_line_ends and text and not text.endswith(("\n", "\r")):
            reason = "the file ends within this line: it has no line end, and the lines before it have one"
            remedy = "Export the file again in full, or end its last line with a line break."
            self._reject(row[0], "cut_off", reason, remedy)
        self.survey.total = total - len(self.survey.headings_again) - len(self.survey.totals)

    def _unusual_beginnings(self) -> frozenset[str]:
        """Give the first characters of lines that may hold a total, or headings, whatever their order."""
        headings = [heading.casefold() for heading in self._layout.headings]
        return _TOTALS_BEGIN | {heading[:3] for heading in headings} | {f"\ufeff{headings[0][:2]}"}

    def _judge(self, line: int, cells: list[str] | BadRow, text: str, row_before: RawRow) -> None:
        is_next, self._goes_on_at = self._goes_on_at == line, 0
        if isinstance(cells, BadRow):
            return
        may_go_on = is_next and not self._begins_as_usual(cells)
        if self._is_headings(line, cells):
            self._leave_out(line, self.survey.headings_again)
        elif self._is_total(line, cells):
            self._leave_out(line, self.survey.totals)
        elif self._source.may_be_damaged and (damage := describe_damage(text)):
            at = next((at for at, cell in enumerate(cells) if describe_damage(cell)), len(cells))
            column = self._layout.headings[at] if at < len(self._layout.headings) else None
            remedy = "Correct it in the CRM, or export it again in UTF-8."
            self._reject(line, damage[0], damage[1], remedy, column)
        elif self._blank_before_quote.search(text) and any(map(self._quote_kept.match, cells)):
            self.survey.blanks_before_quotes += 1
            remedy = "Take the blank out: the quote must be the first character of its cell."
            self._reject(line, "blank_before_quote", "a blank stands before the quote of a cell", remedy)
        elif len(cells) == 1 < self._layout.width and (fault := _cells_inside(cells[0], self._layout)):
            self._reject(line, *fault)
        elif may_go_on or len(cells) < self._layout.width:
            self._judge_part(line, cells, text, row_before, may_go_on=may_go_on)

    def _judge_part(self, line: int, cells: list[str], text: str, row_before: RawRow, *, may_go_on: bool) -> None:
        """Reject the parts of a row that a line break has cut; a row that lacks only cells at its end is none."""
        number, width = len(cells), self._layout.width
        if row_before[0] != self._layout.line and not may_go_on:
            first_line, first_cells, _ = row_before
            first_cells = first_cells if isinstance(first_cells, list) else []
            self._usual_first_cell = first_cells[0] if len(first_cells) == width else ""
            if first_cells and _goes_on(cells, first_cells, width):
                self._reject(first_line, "broken_row", _CONTINUED, _QUOTE)
                may_go_on = True
        if may_go_on or number == 1 < width:
            self._reject(line, "broken_row", _CONTINUED, _QUOTE)
        if number == 1 < width:
            self._goes_on_at = line + text.count("\n")

    def _begins_as_usual(self, cells: list[str]) -> bool:
        """Tell whether a row's first cell looks like that of the row before the fragment: then nothing of it is cut off."""
        return len(cells) == self._layout.width and _shape(cells[0]) == _shape(self._usual_first_cell)

    def _is_headings(self, line: int, cells: list[str]) -> bool:
        """Tell whether a line repeats the headings. Raises `FileRefused` if it holds other headings: two exports in one file."""
        folded = [fold(cell) for cell in cells]
        while folded and not folded[-1]:
            folded.pop()
        if folded == self._headings:
            return True
        known_headings = sum(map(self._source.content.is_heading, filter(None, cells)))
        if known_headings < SURE or known_headings < len(folded):
            return False
        if not any(map(self._source.content.is_heading, self._layout.headings)):
            wrong = f"line {self._layout.line} holds no headings; they seem to stand on line {line}"
            raise FileRefused(self._source.name, wrong, "Delete the lines above them", "lines_before_headings")
        wrong = f"line {line} holds other headings than line {self._layout.line}: these are two exports in one file"
        raise FileRefused(self._source.name, wrong, "Import each by itself", "other_headings")

    def _is_total(self, line: int, cells: list[str]) -> bool:
        sort = judge_total(cells)
        if sort is not TotalSort.WITH_TEXTS:
            return sort is TotalSort.CERTAIN
        remedy = "Leave totals out of the export."
        self._reject(line, "totals_row", "the line holds a total, and is no row", remedy, self._layout.headings[0])
        return False

    def _leave_out(self, line: int, lines: list[int]) -> None:
        lines.append(line)
        self._note(line, None)

    def _reject(self, line: int, code: str, reason: str, remedy: str, column: str | None = None) -> None:
        if line not in self.survey.unusual:
            self._note(line, BadRow(line, code, reason, remedy, column))

    def _note(self, line: int, bad_row: BadRow | None) -> None:
        self.survey.unusual[line] = bad_row
        if len(self.survey.unusual) > MAX_UNUSUAL:
            wrong = f"more than {MAX_UNUSUAL:,} of its lines are no rows as they stand"
            raise FileRefused(self._source.name, wrong, "Look at the export, and at its encoding", "not_a_table")


def _cells_inside(cell: str, layout: Layout) -> tuple[str, str, str] | None:
    """Say why a line with only one cell holds all the cells of a row, if it does: its quotes, or another delimiter."""
    delimiters = layout.width - 1
    if delimiters <= cell.count(layout.delimiter):
        return "whole_line_quoted", "the line is one quoted cell with all the others inside it", _UNQUOTE
    for mark in _DELIMITERS - {layout.delimiter}:
        if layout.headings and delimiters <= cell.count(mark) and delimiters > 1:
            return "other_delimiter", "another delimiter stands in the line than between the headings", _ONE_DELIMITER
    return None


def _goes_on(cells: list[str], cells_before: list[str], width: int) -> bool:
    """Tell whether the cells of a short line go on with the row before: with its other cells, or with the rest of a text.

    Such a rest, unlike the row's first cell, has blanks or no digit.
    """
    begin, usual = cells[0].strip(), cells_before[0].strip()
    if len(cells) == 1 or _shape(begin) == _shape(usual) or _share_a_number(cells[1:], cells_before[1:]):
        return len(cells) == 1
    lacks_digit = _DIGIT.search(usual) is not None and _DIGIT.search(begin) is None
    is_text = bool(begin) and (lacks_digit or (" " in begin and " " not in usual))
    return is_text or len(cells_before) + len(cells) == width + 1


def _share_a_number(cells: list[str], cells_before: list[str]) -> bool:
    """Tell whether a number, a date or an id stands under one of its shape: then both lines are rows."""
    shapes = zip(map(_shape, cells), map(_shape, cells_before), strict=False)
    return any("9" in shape and shape == shape_before for shape, shape_before in shapes)


def _shape(cell: str) -> str:
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d]+", "a", cell))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _lines(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:5]))
    return f"line {shown}" if len(lines) == 1 else f"lines {shown}" + (" and others" if len(lines) > len(shown) else "")
