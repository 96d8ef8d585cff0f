"""The headings are recognised where they stand; a file without any is refused without a word of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.feeds.files import read, refusal, write

if TYPE_CHECKING:
    from pathlib import Path

TOKENS = "source_id;customer_id;data\nT-1;M30001;abc\n"


@pytest.mark.parametrize("hint", ["sep=;\n", "sep=;\r\n", "SEP=;\n", '"sep=;"\n', "sep=;;;\n", "\ufeffsep=;\n"])
def test_excels_line_for_the_delimiter_is_obeyed(tmp_path: Path, hint: str) -> None:
    export = read(write(tmp_path, hint + TOKENS))
    assert export.feed.heading_line == 2
    assert [row.cells for row in export.rows] == [["T-1", "M30001", "abc"]]


@pytest.mark.parametrize("hint", ["sep=\t\n", '"sep=\t"\r\n', "sep=,\n"])
def test_a_hint_is_no_order_where_it_does_not_fit(tmp_path: Path, hint: str) -> None:
    delimiter = "\t" if "\t" in hint else ";"
    export = read(write(tmp_path, hint + TOKENS.replace(";", delimiter)))
    assert export.feed.delimiter == delimiter
    assert len(export.rows) == 1


@pytest.mark.parametrize(
    "before", ["Rapport;Bokningar\nUttagen;2026-11-28\n\n", "Bokningar\n", "a,b,c,d,e,f\n", ";;;\n\nX\n"]
)
def test_lines_before_known_headings_are_left_out(tmp_path: Path, before: str) -> None:
    export = read(write(tmp_path, before + TOKENS))
    assert export.feed.heading_line == before.count("\n") + 1
    assert [row.cells for row in export.rows] == [["T-1", "M30001", "abc"]]
    assert "before the headings on line" in export.feed.notes[0]


def test_blanks_of_any_length_may_stand_before_the_headings(tmp_path: Path) -> None:
    for blanks in (" " * 5000 + "\n", "\n" * 70_000, ";;\r\n" * 3000, "\ufeff" + " \t" * 40_000 + "\n"):
        assert len(read(write(tmp_path, blanks + TOKENS)).rows) == 1


def test_own_headings_below_a_title_are_shown_their_line(tmp_path: Path) -> None:
    text = "Rapport\n\nNr;Kontor;Rubrik;Dag\n1;M1;x;y\n2;M1;y;z\n"
    assert "line 1 holds no headings; they seem to stand on line 3" in refusal(write(tmp_path, text))
    text = "x\n" * 60 + TOKENS
    assert "line 1 holds no headings; they seem to stand on line 61" in refusal(write(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "T-1,M30001,abc\nT-2,M30001,def\n",
        "A-1;M30001;HAN0123456789ABCDEF0123456789ABCDEF;Möte;2026-12-02 09:15\n",
        "Anna Svensson;anna@kontor.example;070-123 45 67\n",
        "1;2;3\n",
    ],
)
def test_a_first_row_is_not_taken_for_headings(tmp_path: Path, text: str) -> None:
    refused = refusal(write(tmp_path, text))
    assert "line 1 holds no headings, but the values of a row" in refused
    assert not any(cell in refused for cell in text.replace(",", ";").strip().split(";") if len(cell) > 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('"source_id,customer_id,data"\n"T-1,M1,abc"\n', "line 1 is one quoted cell"),
        ("source_id   customer_id   data\nT-1         M1            abc\n", "no delimiter in line 1"),
        (";".join(f"h{number}" for number in range(100_000)), "more than 200 columns"),
        ("\n\n;;\n", "nothing but blanks and delimiters"),
    ],
)
def test_other_first_lines_are_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    assert why in refusal(write(tmp_path, text))


def test_headings_may_stand_in_the_brackets_of_a_database(tmp_path: Path) -> None:
    export = read(write(tmp_path, "Titel\n[source_id];[customer_id];[data]\nT-1;M30001;abc\n"))
    assert export.feed.heading_line == 2


def test_blanks_before_quotes_belong_to_the_form(tmp_path: Path) -> None:
    export = read(write(tmp_path, 'source_id, customer_id, data\n"T-1", M1, "a, ""b"""\nT-2,  "M1", c\n'))
    assert [row.cells for row in export.rows] == [["T-1", "M1", 'a, "b"'], ["T-2", "M1", "c"]]


def test_a_blank_before_a_quote_in_the_rows_alone(tmp_path: Path) -> None:
    export = read(write(tmp_path, 'Id;B;C\n1; "a;b";c\n2;d;e\n'))
    assert [row.cells for row in export.rows] == [["1", "a;b", "c"], ["2", "d", "e"]]


def test_quotes_behind_a_blank_are_never_recorded(tmp_path: Path) -> None:
    export = read(write(tmp_path, 'Id;B\n1; "Villa" till salu\n2;Vill se "stora" rummet\n'))
    assert [row.code for row in export.bad] == ["blank_before_quote"]
    assert [row.cells for row in export.rows] == [["2", 'Vill se "stora" rummet']]


@pytest.mark.parametrize("ending", ["\x85", "\u2028", "\u2029"])
def test_line_ends_of_another_kind_show_no_cell(tmp_path: Path, ending: str) -> None:
    text = refusal(write(tmp_path, ending.join(["source_id;subject", "A-1;Hemligt", "A-2;Hemligt"])))
    assert "line ends of a kind that CSV does not have" in text
    assert "Hemligt" not in text
