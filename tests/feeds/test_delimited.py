"""Cells of a CSV file come out as they were meant, each row with the line on which it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.feeds.files import read, refusal, write
from worker.feeds import source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_heading_line(tmp_path: Path, delimiter: str) -> None:
    text = f'"Namn; stad, land"{delimiter}B{delimiter}C\n1{delimiter}2{delimiter}3\n'
    export = read(write(tmp_path, text))
    assert export.feed.delimiter == delimiter
    assert export.feed.headings == ("Namn; stad, land", "B", "C")


def test_cells_may_hold_delimiters_doubled_quotes_and_line_breaks(tmp_path: Path) -> None:
    export = read(write(tmp_path, 'Id;Note\r\n1;"a;b ""c""\r\nd"\r\n2;e\r\n'))
    assert [(row.line, row.cells) for row in export.rows] == [(2, ["1", 'a;b "c"\r\nd']), (4, ["2", "e"])]


def test_rows_without_any_content_are_no_rows(tmp_path: Path) -> None:
    export = read(write(tmp_path, "\n\nId;B\n\n1;2\n;\n  ; \n\n3;4\n\n"))
    assert [(row.line, row.cells) for row in export.rows] == [(5, ["1", "2"]), (9, ["3", "4"])]
    assert (export.feed.heading_line, export.feed.total) == (3, 2)


def test_too_many_or_too_few_cells_make_a_row_bad(tmp_path: Path) -> None:
    export = read(write(tmp_path, "Id;B\n1;2;3\n5;6\n\n4\n\n7;8\n"))
    assert [(row.line, row.code) for row in export.bad] == [
        (2, "too_many_cells"),
        (3, "broken_row"),
        (5, "broken_row"),
    ]
    assert [row.line for row in export.rows] == [7]


def test_empty_columns_without_a_heading_may_stand_at_the_end(tmp_path: Path) -> None:
    export = read(write(tmp_path, "Id;B;;\n1;2;;\n3;4;x;\n"))
    assert export.feed.headings == ("Id", "B")
    assert [row.cells for row in export.rows] == [["1", "2"]]
    assert [(row.line, row.code) for row in export.bad] == [(3, "too_many_cells")]


def test_a_cell_too_long_is_named_by_its_column(tmp_path: Path) -> None:
    long = "x" * (source.MAX_CELL + 1)
    longer = "x" * 200_000
    export = read(write(tmp_path, f"Id;Note\n1;{long}\n2;{long[1:]}\n3;{longer}\n4;ok\n"))
    assert [(row.line, row.code, row.column) for row in export.bad] == [
        (2, "cell_too_long", "Note"),
        (4, "cell_too_long", None),
    ]
    assert [row.cells[0] for row in export.rows] == ["2", "4"]


def test_a_stray_carriage_return_makes_only_its_own_row_bad(tmp_path: Path) -> None:
    export = read(write(tmp_path, b"Id;B\n1;a\rb\n2;c\n"))
    assert [(row.line, row.code) for row in export.bad] == [(2, "stray_line_break")]
    assert [row.cells for row in export.rows] == [["2", "c"]]


def test_an_apostrophe_before_a_formula_is_taken_away_again(tmp_path: Path) -> None:
    export = read(write(tmp_path, "Id;B\n1;'=1+1\n2;'n Abend\n"))
    assert [row.cells[1] for row in export.rows] == ["=1+1", "'n Abend"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Id;;C\n1;2;3\n", "column 2 has no heading"),
        (";".join(f"h{n}" for n in range(201)) + "\n", "201 columns, more than 200"),
        ("x" * 70_000, "no line of headings"),
    ],
)
def test_headings_that_cannot_be_are_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refusal(write(tmp_path, text))


def test_the_rows_can_be_read_twice(tmp_path: Path) -> None:
    from worker.feeds import open_feed

    with open_feed(write(tmp_path, "Id;B\n1;2\n3;4\n")) as feed:
        assert list(feed.rows()) == list(feed.rows())
        assert feed.total == 2
