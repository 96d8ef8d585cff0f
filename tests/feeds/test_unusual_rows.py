"""Lines that are no rows are left out with a note, or rejected; never taken for rows, and never half of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.feeds.files import read, refusal, write
from worker.feeds import unusual_rows

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "source_id;customer_id;data\nT-1;M30001;abc\n"
LAST = "T-9;M30001;xyz\n"


@pytest.mark.parametrize(
    "line", ["source_id;customer_id;data", "\ufeffsource_id;Customer_Id;data;", '"source_id";"customer_id";"data"']
)
def test_headings_that_come_again_are_left_out(tmp_path: Path, line: str) -> None:
    export = read(write(tmp_path, f"{HEAD}{line}\n{LAST}"))
    assert [row.cells[0] for row in export.rows] == ["T-1", "T-9"]
    assert export.feed.total == 2
    assert export.feed.notes == ("The headings stand again on line 3, left out.",)


def test_other_headings_in_the_middle_refuse_the_file(tmp_path: Path) -> None:
    text = f"{HEAD}source_id;customer_id;header;message;recipients\nN-1;M1;a;b;c\n"
    assert "line 3 holds other headings than line 1" in refusal(write(tmp_path, text))


@pytest.mark.parametrize(
    "line", ["Totalt;1;1", "Totalt antal: 2;;", "Summa", ";;Total 2", "(2 rows affected)", "2 rader", "SUM;12,5;"]
)
def test_totals_are_left_out_and_noted(tmp_path: Path, line: str) -> None:
    export = read(write(tmp_path, f"{HEAD}{LAST}{line}\n"))
    assert [row.cells[0] for row in export.rows] == ["T-1", "T-9"]
    assert export.bad == []
    assert export.feed.notes == ("A total or a count stands on line 4, left out.",)


def test_a_total_with_other_words_is_rejected(tmp_path: Path) -> None:
    assert [row.code for row in read(write(tmp_path, f"{HEAD}Totalt;Kontoret;1\n")).bad] == ["totals_row"]


@pytest.mark.parametrize("cell", ["SUM-001", "TOT1", "Total renovering", "Antalet"])
def test_an_ordinary_cell_is_no_total(tmp_path: Path, cell: str) -> None:
    export = read(write(tmp_path, f"{HEAD}{cell};M30001;x\n"))
    assert export.rows[-1].cells[0] == cell


@pytest.mark.parametrize("blank", ['"";"";""', ";;", " ;\t;\u00a0", '" ";"";', "\u200b;;", ";;;;;"])
def test_blank_rows_say_nothing(tmp_path: Path, blank: str) -> None:
    export = read(write(tmp_path, f"{HEAD}{blank}\n{LAST}{blank}\n"))
    assert [row.line for row in export.rows] == [2, 4]
    assert export.bad == []
    assert export.feed.total == 2


def test_empty_cells_at_a_lines_end_are_form(tmp_path: Path) -> None:
    export = read(write(tmp_path, "a;b;c;d;e\n1;2;3\n\n1;2;3;4;5;;\n\n1;2;3;4\n"))
    assert [row.cells for row in export.rows] == [["1", "2", "3", "", ""], list("12345"), ["1", "2", "3", "4", ""]]
    assert [row.line for row in read(write(tmp_path, "a;b;c;\n1;2;3\n1;2;3;\n1;2;3;;;\n")).rows] == [2, 3, 4]


@pytest.mark.parametrize(
    ("lines", "rejected"),
    [
        ("T-2;M30001;half\nof it\nT-3;M30001;x\n", [3, 4]),
        ("T-2;M30001;half\nof\nit\nT-3;M30001;x\n", [3, 4, 5]),
        ("T-2;M30\n001;whole\nT-3;M30001;x\n", [3, 4]),
        ("T\n-2;M30001;whole\nT-3;M30001;x\n", [2, 3, 4]),
    ],
)
def test_all_parts_of_a_row_cut_in_two_are_rejected(tmp_path: Path, lines: str, rejected: list[int]) -> None:
    export = read(write(tmp_path, HEAD + lines))
    assert [row.line for row in export.bad] == rejected
    assert {row.code for row in export.bad} == {"broken_row"}
    assert export.rows[-1].cells == ["T-3", "M30001", "x"]


def test_too_many_lines_that_are_no_rows_refuse_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unusual_rows, "MAX_UNUSUAL", 10)
    assert "more than 10 of its lines are no rows" in refusal(write(tmp_path, HEAD + "x\n" * 20))
