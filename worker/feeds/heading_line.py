"""Finds the line of the headings, and the delimiter: both where headings that are known stand, else in the first line."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple, TextIO

from worker.feeds.content import TextSource
from worker.feeds.csv_rows import BLANKS, CsvText
from worker.feeds.known_headings import SURE, count_known
from worker.feeds.letters import describe_damage
from worker.feeds.row_sorts import is_value
from worker.feeds.source import MAX_COLUMNS, BadRow, FileRefused

_DELIMITERS: Final = ";,\t|"
_MAX_HEADING_LINE = 64 * 1024
_LINES_LOOKED_AT = 50
"""Lines among which the headings are sought: more never stand before them."""

_HINT = re.compile(rf'"?sep=([{_DELIMITERS}])"?[\s{_DELIMITERS}]*\Z', re.IGNORECASE)
"""Excel's line that names the delimiter."""

_ODD_BREAK = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_EXPORT = "Export as CSV"


@dataclass(frozen=True, slots=True)
class Layout:
    """The heading row. `width` counts the columns, unnamed ones at its end included. `lines_before`: those left out."""

    delimiter: str
    line: int
    headings: tuple[str, ...]
    width: int
    skips_blanks: bool
    lines_before: int = 0


class _Candidate(NamedTuple):
    """A line at the beginning of the file that holds anything."""

    line: int
    text: str
    """From this line on, as far as lines were looked at."""


def find_headings(source: TextSource) -> Layout:
    """Find the headings, or raise `FileRefused`."""
    candidates = _read_candidates(source.text, source.name)
    hint = _HINT.match(candidates[0].text.partition("\n")[0])
    if hint:
        candidates = candidates[1:] or candidates
    delimiters = hint[1] + _DELIMITERS if hint else _DELIMITERS
    is_heading = source.content.is_heading
    for number, candidate in enumerate(candidates):
        first_line = candidate.text.partition("\n")[0]
        scores = {
            mark: count_known(_parse(candidate, mark), is_heading) if mark in first_line else 0 for mark in delimiters
        }
        delimiter = max(scores, key=lambda mark: scores[mark])
        if scores[delimiter] >= SURE:
            return _lay_out(source, candidate, delimiter, number)
    candidate = candidates[0]
    delimiter = hint[1] if hint and hint[1] in candidate.text.partition("\n")[0] else _most_frequent(candidate)
    layout = _lay_out(source, candidate, delimiter, 0)
    if not any(map(is_heading, layout.headings)):
        _refuse_unlikely(source.name, candidates, layout)
    return layout


def _read_candidates(text: TextIO, name: str) -> list[_Candidate]:
    text.seek(0)
    lines, line = list[tuple[int, str]](), 1
    while len(lines) < _LINES_LOOKED_AT and (start := text.readline(_MAX_HEADING_LINE)):
        if start.strip(BLANKS + _DELIMITERS):
            if not lines:
                _check_first_line(name, start, line)
            if len(start) >= _MAX_HEADING_LINE:
                break
            lines.append((line, start))
        elif lines:
            lines.append((line, ""))
        line += start.endswith("\n")
    if not lines:
        raise FileRefused(name, "the file holds nothing but blanks and delimiters", "Export it again", "empty_file")
    return [
        _Candidate(line, "".join(chain([start], (text for _, text in lines[at + 1 :]))))
        for at, (line, start) in enumerate(lines)
        if start
    ]


def _check_first_line(name: str, start: str, line: int) -> None:
    columns = max(start.count(delimiter) for delimiter in _DELIMITERS) + 1
    if columns > MAX_COLUMNS * 10:
        wrong = f"more than {MAX_COLUMNS} columns"
        raise FileRefused(name, wrong, "Export fewer columns", "too_many_columns")
    if len(start) >= _MAX_HEADING_LINE or any(character < " " and character not in "\t\r\n" for character in start):
        wrong = f"line {line} is no line of headings: the file is binary, or not CSV"
        raise FileRefused(name, wrong, _EXPORT, "not_a_table")


def _parse(candidate: _Candidate, delimiter: str, *, skips_blanks: bool = True) -> list[str]:
    """Return the cells of one line; none if they cannot be told."""
    lines = candidate.text.splitlines(keepends=True)
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=skips_blanks), [])
    except csv.Error:
        return []


def _most_frequent(candidate: _Candidate) -> str:
    outside_quotes = "".join(candidate.text.partition("\n")[0].split('"')[::2])
    return max(_DELIMITERS, key=outside_quotes.count)


def _lay_out(source: TextSource, candidate: _Candidate, delimiter: str, lines_before: int) -> Layout:
    name, line = source.name, candidate.line
    plain = _parse(candidate, delimiter, skips_blanks=False)
    skips_blanks = any(cell.startswith(" ") for cell in plain[1:])
    cells = next(CsvText(source.text, name, delimiter, skips_blanks, line).rows())[1]
    if isinstance(cells, BadRow):
        raise FileRefused(name, f"line {line} is no line of headings: {cells.reason}", _EXPORT, "not_a_table")
    if any(map(_ODD_BREAK.search, cells)):
        wrong = f"line {line} holds line ends of a kind that CSV does not have"
        raise FileRefused(name, wrong, _EXPORT, "not_a_table")
    headings = [" ".join(cell.split()) for cell in cells]
    while headings and not headings[-1].strip(BLANKS):
        headings.pop()
    if len(cells) > MAX_COLUMNS:
        wrong = f"{len(cells)} columns, more than {MAX_COLUMNS}"
        raise FileRefused(name, wrong, "Export fewer columns", "too_many_columns")
    if source.may_be_damaged and (damage := describe_damage(" ".join(headings))):
        wrong = f"wrong encoding: in the headings on line {line} {damage[1]}"
        raise FileRefused(name, wrong, "Export it again as CSV in UTF-8", "wrong_encoding")
    layout = Layout(delimiter, line, tuple(headings), len(cells), skips_blanks, lines_before)
    if "" in headings and (lines_before or any(map(source.content.is_heading, headings))):
        raise refusal_of_gap(name, layout)
    return layout


def refusal_of_gap(name: str, layout: Layout) -> FileRefused:
    """Refuse a column without a heading between others."""
    wrong = f"column {layout.headings.index('') + 1} has no heading"
    return FileRefused(name, wrong, "Give every column a heading", "column_without_heading")


def _refuse_unlikely(name: str, candidates: Sequence[_Candidate], layout: Layout) -> None:
    """Refuse a first line without a heading that is known, if it has the form of something else."""
    headings, line = layout.headings, layout.line
    first = candidates[0].text.partition("\n")[0]
    if len(headings) == 1 and first.startswith('"') and any(mark in headings[0] for mark in _DELIMITERS):
        wrong = f"line {line} is one quoted cell with all the others inside it"
        raise FileRefused(name, wrong, "Export it without quotes around each line", "whole_line_quoted")
    widths = [(candidate.line, _widest(candidate)) for candidate in candidates]
    usual, times = Counter(width for _, width in widths).most_common(1)[0]
    if times > 1 and usual > SURE and layout.width * 2 <= usual:
        start = next(number for number, width in widths if width == usual)
        wrong = f"line {line} holds no headings; they seem to stand on line {start}"
        raise FileRefused(name, wrong, "Delete the lines above them", "lines_before_headings")
    if len(headings) == 1 and re.search(r"\S {2,}\S", first):
        wrong = f"no delimiter in line {line}: the columns seem to be set by blanks"
        raise FileRefused(name, wrong, "Export as CSV, with a semicolon between the cells", "no_delimiter")
    values = sum(map(is_value, filter(None, headings)))
    if values >= SURE or values * 2 >= len(headings) - headings.count(""):
        wrong = f"line {line} holds no headings, but the values of a row"
        raise FileRefused(name, wrong, "Export it with a line of headings", "no_headings")
    if "" in headings:
        raise refusal_of_gap(name, layout)


def _widest(candidate: _Candidate) -> int:
    return max(len(_parse(candidate, delimiter)) for delimiter in _DELIMITERS)
