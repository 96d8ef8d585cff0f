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


_TWO_ROWS = "source_id;subject;note\nA-1;Visning;{}\nA-2;Visning;x\n"


@pytest.mark.parametrize(
    "note", ["rad ett\nrad två", "rad ett\n\nrad två", "rad ett\nring; hon väntar", "ett\ntvå; tre"]
)
def test_no_half_of_a_note_is_taken(tmp_path: Path, note: str) -> None:
    export = read(write(tmp_path, _TWO_ROWS.format(note)))
    assert [row.cells[0] for row in export.rows] == ["A-2"]
    assert {row.code for row in export.bad} == {"broken_row"}


def test_short_rows_with_ids_are_no_parts_of_others(tmp_path: Path) -> None:
    export = read(write(tmp_path, "source_id;subject;note\nA-1;Visning;x\nB-17;Visning\nC-3;y\n"))
    assert [row.cells[0] for row in export.rows] == ["A-1", "B-17", "C-3"]


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", " \u00a0"])
def test_quotes_behind_a_blank_are_never_taken_for_text(tmp_path: Path, blank: str) -> None:
    export = read(write(tmp_path, f'source_id;subject\nA-1;{blank}"Visning; kök" \nA-2;{blank}"Visning"\n'))
    assert all('"' not in row.cells[1] for row in export.rows)
    assert len(export.rows) + len(export.bad) == 2


def test_a_blank_and_a_quote_inside_quotes_are_text(tmp_path: Path) -> None:
    export = read(write(tmp_path, 'source_id;subject\nA-1;" ""Visning"""\nA-2;"; ""x"""\n'))
    assert [row.cells[1] for row in export.rows] == [' "Visning"', '; "x"']


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('"A-1;Visning;x"', "whole_line_quoted"),
        ("A-1,Visning,x", "other_delimiter"),
        ("A-1|Visning|x", "other_delimiter"),
    ],
)
def test_a_line_with_all_cells_in_one_says_why(tmp_path: Path, line: str, code: str) -> None:
    export = read(write(tmp_path, f"source_id;subject;note\n{line}\n{line}\n"))
    assert [row.code for row in export.bad] == [code, code]


@pytest.mark.parametrize("heads", ["customer_id;source_id;data", "data;source_id;customer_id"])
def test_headings_in_another_order_refuse_the_file(tmp_path: Path, heads: str) -> None:
    assert "line 3 holds other headings" in refusal(write(tmp_path, f"{HEAD}{heads}\n{LAST}"))


def test_a_rejected_line_keeps_its_cells(tmp_path: Path) -> None:
    export = read(write(tmp_path, "source_id;note\nA-1;x;y\nA-2;rad ett\nrad två\nA-3;MÃ¶te\n"))
    assert [row.cells for row in export.bad] == [["A-1", "x", "y"], ["A-2", "rad ett"], ["rad två"], ["A-3", "MÃ¶te"]]


def test_a_short_row_with_an_unusual_id_is_a_row(tmp_path: Path) -> None:
    rows = "3f2a;M30001;x;y\nabcd;M30001;x\nett två;M30002\n"
    export = read(write(tmp_path, f"source_id;customer_id;subject;note\n{rows}"))
    assert [row.cells[0] for row in export.rows] == ["3f2a", "abcd", "ett två"]
