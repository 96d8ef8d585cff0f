"""The CSV reader: semicolon, comma, tab or pipe, cells with line breaks, the physical line of each row."""

from collections.abc import Iterator
from dataclasses import replace

from worker.feeds.content import TextSource
from worker.feeds.csv_rows import SHORTEN, CsvText
from worker.feeds.formulas import unescape_formula
from worker.feeds.heading_line import Layout, find_headings
from worker.feeds.source import MAX_CELL, BadRow, FileRefused, OpenExport, Row
from worker.feeds.unusual_rows import RowSurvey, survey_rows


def open_delimited(source: TextSource) -> OpenExport:
    """Find the headings and read all rows once, so that quotes that do not pair up refuse the file as a whole."""
    layout = find_headings(source)
    csv_text = CsvText(source.text, source.name, layout.delimiter, layout.skips_blanks, layout.line)
    survey = survey_rows(source, csv_text, layout)
    if survey.blanks_before_quotes and (better := _skip_blanks(source, csv_text, survey)):
        csv_text, survey = better
    return source.describe(
        form="csv",
        delimiter=layout.delimiter,
        headings=layout.headings,
        heading_line=layout.line,
        total=survey.total,
        rows=lambda: _read_rows(csv_text, survey),
        notes=tuple(survey.notes()),
    )


def _skip_blanks(source: TextSource, csv_text: CsvText, survey: RowSurvey) -> tuple[CsvText, RowSurvey] | None:
    """Read the file with quotes allowed behind blanks; None if it cannot be read so without more faults."""
    csv_text = replace(csv_text, skips_blanks=True)
    try:
        second = survey_rows(source, csv_text, replace(survey.layout, skips_blanks=True))
    except FileRefused:
        return None
    return (csv_text, second) if len(second.unusual) < len(survey.unusual) else None


def _read_rows(csv_text: CsvText, survey: RowSurvey) -> Iterator[Row | BadRow]:
    layout, unusual = survey.layout, survey.unusual
    named, rows = len(layout.headings), csv_text.rows()
    next(rows)
    for line, cells, row_text in rows:
        if unusual and line in unusual:
            if (bad_row := unusual[line]) is not None:
                yield replace(bad_row, cells=None if isinstance(cells, BadRow) else cells)
        elif isinstance(cells, BadRow):
            yield cells
        elif len(cells) == named == layout.width and len(row_text) <= MAX_CELL:
            yield Row(line, [unescape_formula(cell) for cell in cells] if "'" in row_text else cells)
        else:
            yield _check_row(line, cells, layout)


def _check_row(line: int, cells: list[str], layout: Layout) -> Row | BadRow:
    """Accept or reject a row of an unusual width or length. Empty cells too many or too few at its end say nothing."""
    named, width = len(layout.headings), layout.width
    if any(cell.strip() for cell in cells[named:]):
        if len(cells) > width:
            reason = f"{len(cells)} cells, but {width} headings"
            return BadRow(line, "too_many_cells", reason, "Put cells that hold the delimiter in quotes.", cells=cells)
        reason = f"a cell stands in column {named + 1}, which has no heading"
        return BadRow(line, "too_many_cells", reason, "Give the column a heading, or empty it.", cells=cells)
    for heading, cell in zip(layout.headings, cells, strict=False):
        if len(cell) > MAX_CELL:
            reason = f"the cell is longer than {MAX_CELL:,} characters"
            return BadRow(line, "cell_too_long", reason, SHORTEN, heading, cells)
    lacking = [""] * (named - len(cells))
    return Row(line, [unescape_formula(cell) for cell in cells[:named]] + lacking)
