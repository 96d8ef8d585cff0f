"""Rows end where Python's own csv module ends them, at any length and with nothing kept of long ones."""

from __future__ import annotations

import csv
import io
import tempfile
import tracemalloc
from itertools import compress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.feeds.files import ReadExport, read, refusal, write
from worker.feeds import source

_cells = st.text(st.sampled_from('ab"\n\r;, å'), max_size=8)
_rows = st.lists(st.lists(_cells, min_size=3, max_size=3), min_size=1, max_size=6)


def read_text(text: str) -> ReadExport:
    with tempfile.TemporaryDirectory() as folder:
        return read(write(Path(folder), text))


@given(_rows, st.sampled_from(["\n", "\r\n"]))
def test_rows_of_the_csv_module_come_back(rows: list[list[str]], ending: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator=ending, quoting=csv.QUOTE_ALL).writerows([["A", "B", "C"], *rows])
    export = read_text(text.getvalue())
    is_filled = ["".join(row).strip() != "" for row in rows]
    assert [row.cells for row in export.rows] == list(compress(rows, is_filled))
    breaks = [sum(cell.count("\n") for cell in row) + 1 for row in rows]
    lines = [2 + sum(breaks[:at]) for at in range(len(rows))]
    assert [row.line for row in export.rows] == list(compress(lines, is_filled))


def test_a_quote_inside_an_unquoted_cell_is_an_ordinary_character() -> None:
    export = read_text('Id;B\n5" rör;b\nc;d\n')
    assert [row.cells for row in export.rows] == [['5" rör', "b"], ["c", "d"]]


@pytest.mark.parametrize("last_line", ["c;d", '"c";"d"', "c", 'c;"d'])
def test_a_last_line_without_line_break_may_be_cut(tmp_path: Path, last_line: str) -> None:
    path = write(tmp_path, f"Id;B\na;b\n{last_line}")
    if last_line.count('"') % 2:
        assert "a quote is opened and never closed" in refusal(path)
        return
    export = read(path)
    assert [row.line for row in export.bad][-1:] == [3]
    assert "c" not in [row.cells[0] for row in export.rows]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x1a", "\n\x1a", "\n;;", "\n  "])
def test_a_last_line_with_any_end_is_whole(end: str) -> None:
    assert [row.cells for row in read_text(f"Id;B\na;b{end}").rows] == [["a", "b"]]


def test_headings_may_hold_line_breaks() -> None:
    export = read_text('Id;"Namn\npå kund"\n1;2\n')
    assert export.feed.headings == ("Id", "Namn på kund")
    assert [row.line for row in export.rows] == [3]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('Id;B\n"c";"d\ne;f\n', "line 2: a quote is opened and never closed"),
        ('Id;B\n1;2\n"c\nd"x;e\n', "line 4: a quoted cell goes on after its closing quote"),
        ('Id;B\n1;a\rb;"x\n2;c\n', "line 2: a quote is opened and never closed"),
        ('Id;"B\n1;2\n', "line 1: a quote is opened and never closed"),
        ('Id;"B\nC";a\rb\n', "line 1 is no line of headings"),
        ("Id;B\n" + "1;x\n" * 5000 + '"q;x\ny;z\n', "line 5002: a quote is opened and never closed"),
    ],
)
def test_quotes_gone_wrong_anywhere_refuse_the_file(tmp_path: Path, text: str, refused: str) -> None:
    assert refused in refusal(write(tmp_path, text))


def test_a_bad_row_ends_where_its_quotes_end() -> None:
    export = read_text('Id;B;C\n1;a\rb;"x\ny""\n;z"\n2;c;d\n')
    assert [(row.line, row.code) for row in export.bad] == [(2, "stray_line_break")]
    assert [(row.line, row.cells) for row in export.rows] == [(5, ["2", "c", "d"])]


def test_a_row_of_any_length_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write('Id;Note\nA-1;ok\nA-2;"')
        for _ in range(50):
            file.write("x" * 1024 * 1020 + '""\n' + "y" * 1024)
        file.write('"\nA-3;' + "z" * 20 * 1024 * 1024 + "\nA-4;ok\n")
    tracemalloc.start()
    export = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.cells[0] for row in export.rows] == ["A-1", "A-4"]
    assert [(row.line, row.code) for row in export.bad] == [(3, "row_too_long"), (54, "row_too_long")]
    assert export.rows[1].line == 55
    assert peak < 16 * source.MAX_ROW


def test_an_open_quote_in_a_large_file_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv"
    path.write_text('Id;Note\nA-1;ok\nA-2;"' + ("x;" * 512 + "\n") * 50_000, encoding="utf-8")
    tracemalloc.start()
    refused = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "line 3: a quote is opened and never closed" in refused
    assert peak < 16 * source.MAX_ROW
