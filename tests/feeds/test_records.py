"""Records are cut where Python's own csv module would end them, at any length and with nothing kept of long ones."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.feeds.files import read, refusal, written
from worker.feeds import records, source
from worker.feeds.records import QuoteError

if TYPE_CHECKING:
    from pathlib import Path

_cells = st.text(st.sampled_from('ab"\n\r;, å'), max_size=8)
_rows = st.lists(st.lists(_cells, min_size=2, max_size=4), min_size=1, max_size=6)


def _cut(text: str, delimiter: str = ";") -> list[tuple[int, str | None]]:
    lines = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="\n")
    return [record for some in records.records(lines, delimiter) for record in some]


@given(_rows, st.sampled_from(["\n", "\r\n"]))
def test_what_the_csv_module_writes_is_cut_into_its_rows(rows: list[list[str]], ending: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    found = _cut(text.getvalue())
    parsed = [next(csv.reader([record], delimiter=";")) for _, record in found if record is not None]
    assert parsed == rows
    starts = [line for line, _ in found]
    breaks = [sum(cell.count("\n") for cell in row) + 1 for row in rows]
    assert starts == [1 + sum(breaks[:at]) for at in range(len(rows))]


@given(_rows, st.integers(1, 5))
def test_it_does_not_matter_in_which_pieces_a_text_is_read(rows: list[list[str]], size: int) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    whole = _cut(text.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "PIECE", size)
        assert _cut(text.getvalue()) == whole


def test_a_quote_inside_an_unquoted_cell_is_an_ordinary_character() -> None:
    assert _cut('5" rör;b\nc;d\n') == [(1, '5" rör;b\n'), (2, "c;d\n")]


def test_a_last_line_without_its_line_break_is_a_record() -> None:
    assert _cut('a;b\n"c";"d"') == [(1, "a;b\n"), (2, '"c";"d"')]


def test_a_quote_that_is_never_closed_is_found_where_it_was_opened() -> None:
    with pytest.raises(QuoteError, match="never closed") as caught:
        _cut('a;b\n"c";"d\ne;f\n')
    assert caught.value.line == 2


def test_a_cell_that_goes_on_after_its_quotes_is_found() -> None:
    with pytest.raises(QuoteError, match="goes on") as caught:
        _cut('a;b\n"c\nd"x;e\n')
    assert caught.value.line == 3


def test_quotes_gone_wrong_anywhere_refuse_the_file(tmp_path: Path) -> None:
    rows = "".join(f"{number};x\n" for number in range(5000))
    assert "line 5002: a quote is opened and never closed" in refusal(written(tmp_path, f'Id;B\n{rows}"q;x\ny;z\n'))


def test_a_cell_of_any_length_is_one_bad_row_and_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write('Id;Note\nA-1;ok\nA-2;"')
        for _ in range(50):
            file.write("x" * 1024 * 1020 + '""\n' + "y" * 1024)
        file.write('"\nA-3;' + "z" * 20 * 1024 * 1024 + "\nA-4;ok\n")
    tracemalloc.start()
    done = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.cells[0] for row in done.rows] == ["A-1", "A-4"]
    assert [(row.line, row.code) for row in done.bad] == [(3, "row_too_long"), (54, "row_too_long")]
    assert done.rows[1].line == 55
    assert peak < 16 * source.MAX_ROW
