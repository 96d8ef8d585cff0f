"""Damage by spreadsheets, databases and wrong encodings is seen through, or refused; never taken for a value."""

import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from worker.kind import BadCell
from worker.kind.cells import body_id, flag, moment, moment_or_day, number, one_of, path_id, source_id, text, token
from worker.kind.damage import CONTROLS, INVISIBLE, LONGEST_WORD, NO_TEXTS, UNSEEN, says_nothing
from worker.kind.ids import NO_IDS

IDS = (source_id, path_id, body_id)
READERS = (*IDS, text, flag, moment, moment_or_day, number(0), one_of("Daily"), token)


def code(read: Callable[[Any], Any], cell: Any) -> str:
    with pytest.raises(BadCell) as caught:
        read(cell)
    assert caught.value.remedy.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "cell",
    [
        "NULL",
        "null",
        "Null",
        "None",
        "nan",
        "NaN",
        "NaT",
        "NA",
        "N/A",
        "n/a",
        r"\N",
        "-",
        "--",
        "\u2013",
        "(null)",
        "<NA>",
        "undefined",
        "nil",
        " NULL\u00a0",
        '="NULL"',
        '=""',
        "\ufeff",
        "\u200b",
        " \u2060 ",
    ],
)
def test_a_word_for_nothing_says_nothing(read: Callable[[Any], Any], cell: str) -> None:
    assert read(cell) is None
    assert says_nothing(cell)


@pytest.mark.parametrize("cell", ["Noll", "Ingen", "Nan", "0", "none of them", "-1 grad", "?", "NULL-värden saknas"])
def test_a_text_that_is_no_such_word_is_kept(cell: str) -> None:
    assert text(cell) == cell
    assert not says_nothing(cell)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "error",
    [
        "#N/A",
        "#SAKNAS!",
        "#SAKNAS",
        "#VÄRDEFEL!",
        "#VA\u0308RDEFEL!",
        "#NAMN?",
        "#REFERENS!",
        "#DIVISION/0!",
        "#OGILTIGT!",
        "#REF!",
        "#VALUE!",
        "#NAME?",
        "#NUM!",
        "#NULL!",
        "#DIV/0!",
        "#SKÄRNING!",
        "#SPILL!",
        "#GETTING_DATA",
        "Err:502",
        "Fel:508",
        "########",
        ' ="#REF!" ',
        "#BERÄKNING!",
    ],
)
def test_a_spreadsheets_error_is_refused_everywhere(read: Callable[[Any], Any], error: str) -> None:
    assert code(read, error) == "spreadsheet_error"


@pytest.mark.parametrize(
    "cell", ["#1 på listan", "Bud #3", "# 4", "Fel: ringde inte", "#nyckel", "Fel:50", "√2", "A├─B"]
)
def test_a_text_that_looks_like_an_error_is_kept(cell: str) -> None:
    assert text(cell) == cell


@pytest.mark.parametrize("read", IDS)
@pytest.mark.parametrize(
    "cell",
    [
        '="000123"',
        "'000123",
        "'000123'",
        '=T("000123")',
        "\ufeff000123",
        ' = "000123"'.replace(" ", ""),
        "\u00a0000123 ",
    ],
)
def test_what_a_spreadsheet_puts_around_an_id_goes(read: Callable[[Any], Any], cell: str) -> None:
    assert read(cell) == "000123"


@pytest.mark.parametrize("read", IDS)
@pytest.mark.parametrize(
    "cell",
    [
        "1,23457E+11",
        "1.23457E+11",
        "1.23457e11",
        "1E+11",
        "2,5E-05",
        "4711.0",
        "4711,0",
        "4711.00",
        "-17.0",
        "4 711",
        "4\u00a0711",
        "4\u202f711",
        "4\u2009711",
        "4.711",
        "4,711",
        "4'711",
        "1.234.567",
        "1 234,50",
        "12-feb",
        "Mar-26",
    ],
)
def test_an_id_that_a_spreadsheet_changed_is_refused(read: Callable[[Any], Any], cell: str) -> None:
    assert code(read, cell) == "changed_by_spreadsheet"


@pytest.mark.parametrize(
    "cell", ["4711", "000123", "2026.001", "12E34", "1E5", "A.0", "DEC-17", "1-2", "10.5", "B 4 711"]
)
def test_ids_of_the_crms_own_that_look_odd_are_taken(cell: str) -> None:
    assert source_id(cell) == cell


@pytest.mark.parametrize("read", IDS)
@pytest.mark.parametrize(
    "unseen",
    ["\u200b", "\u200d", "\u00ad", "\u2060", "\u200e", "\u202e", "\u2066", "\u00a0", "\u202f", "\ufe0f", "\U000e0041"],
)
def test_an_id_with_something_invisible_is_refused(read: Callable[[Any], Any], unseen: str) -> None:
    for cell in (f"A1{unseen}B", f"A{unseen}\u200b1"):
        assert code(read, cell) == "invisible_character"
    with pytest.raises(BadCell, match=f"U\\+{ord(unseen):04X}, character 2 of 3"):
        read(f"A{unseen}1")


@pytest.mark.parametrize("read", [source_id, text])
@pytest.mark.parametrize(
    "cell",
    ["MÃ¶te", "pÃ¥ Ã…ngsgatan", "MÃ–TE", "â€“ 5 mkr", "5 â‚¬", "MÃƒÂ¶te", "Â§ 4", "ðŸ˜€", "M√∂te", "M├Âte", "├ñger"],
)
def test_letters_encoded_twice_are_refused(read: Callable[[Any], Any], cell: str) -> None:
    assert code(read, cell) == "encoded_twice"


def test_letters_that_are_meant_are_kept() -> None:
    for cell in ("Château", "SÃO PAULO", "Âge", "Vad ska vi få…”", "Övre â", "Ægir ð", "5 € – ”ja”"):
        assert text(cell) == cell


@pytest.mark.parametrize("read", [source_id, text])
def test_a_lost_letter_is_refused(read: Callable[[Any], Any]) -> None:
    assert code(read, "M\ufffdte") == "lost_letters"


def test_decomposed_letters_are_composed() -> None:
    assert text(unicodedata.normalize("NFD", "Möte på Ängsgatan")) == "Möte på Ängsgatan"
    assert source_id("A\u030a-1") == source_id("\u212b-1") == "Å-1"
    assert text("👨\u200d👩\u200d👧 mjuk\u00adbindning") == "👨\u200d👩\u200d👧 mjuk\u00adbindning"


@pytest.mark.parametrize("read", IDS)
@pytest.mark.parametrize(
    "cell", ["source_id", "sourceId", "SOURCEID", "Id", "customer_id", "customerId", "Kund-id", "KundId"]
)
def test_a_heading_among_the_rows_is_no_id(read: Callable[[Any], Any], cell: str) -> None:
    assert code(read, cell) == "heading_again"


@pytest.mark.parametrize("read", IDS)
@pytest.mark.parametrize(
    "cell",
    ["Totalt", "TOTAL", "Summa", "Summa:", "Totalt: 2", "Delsumma", "Antal rader: 17", "Grand total", "summa 3 st"],
)
def test_the_word_for_a_sum_is_no_id(read: Callable[[Any], Any], cell: str) -> None:
    assert code(read, cell) == "totals_row"


@pytest.mark.parametrize("read", IDS)
@pytest.mark.parametrize("cell", [True, 4711.0, float("nan"), ["A"], {"a": 1}])
def test_an_id_is_no_other_value_of_json(read: Callable[[Any], Any], cell: Any) -> None:
    assert code(read, cell) == "wrong_type"


def test_an_id_is_no_yes_or_no() -> None:
    assert {code(source_id, cell) for cell in ("TRUE", "Falskt", "sant")} == {"bad_id"}


def test_a_formula_around_a_text_goes_others_stay() -> None:
    assert text('="Ring ""Anna"""') == 'Ring "Anna"'
    assert text("=2+3 är inte en formel") == "=2+3 är inte en formel"
    assert text("'70-talsvilla") == "'70-talsvilla"


def test_what_takes_no_place_is_taken_away_where_harmless() -> None:
    assert flag("j\u00ada\u200b") is True
    assert number(0)("\u200e60\u00a0") == 60
    assert one_of("Daily")("\u2060daily") == "Daily"
    assert moment("\u200e2026\u201112\u201102\u00a009:15") == "2026-12-02T09:15:00+01:00"
    assert moment_or_day("'2026\u22121\u22122") == "2026-01-02"


def test_every_character_that_takes_no_place_is_known() -> None:
    for character in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.category(character) in {"Cf", "Zl", "Zp", "Zs"} and character != " ":
            assert INVISIBLE.match(character), hex(ord(character))
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\t\n":
            assert CONTROLS.match(character), hex(ord(character))
        if unicodedata.category(character)[0] == "L":
            assert not INVISIBLE.match(character) or character in "\u115f\u1160\u3164\uffa0"
    assert not UNSEEN.search("\u00a0\u2028")


def test_words_that_are_no_values_are_short() -> None:
    assert max(map(len, NO_IDS | NO_TEXTS)) == LONGEST_WORD


@pytest.mark.parametrize("read", IDS)
@pytest.mark.parametrize("cell", ["---------", "-" * 40, "____", "?", ".", "***", "-_-"])
def test_an_id_holds_a_letter_or_a_digit(read: Callable[[Any], Any], cell: str) -> None:
    assert code(read, cell) == "bad_id"


@pytest.mark.parametrize(
    "cell", ["A\u20111", "A\u22121", "A\u20131", "\uff211", "\u2019000123", "`000123", "=000123", '=("000123")', "=A1"]
)
def test_a_second_spelling_of_an_id_is_refused(cell: str) -> None:
    assert code(source_id, cell) == "bad_id"


def test_an_id_that_became_a_day_is_refused() -> None:
    assert code(source_id, "2026-12-01 00:00:00") == "changed_by_spreadsheet"
    assert code(source_id, "2026-12-01 00:00") == "changed_by_spreadsheet"
    assert source_id("2026-12-01") == "2026-12-01"


@pytest.mark.parametrize("cell", ["Summering", "Genomsnitt", "Delsumma M30001", "Antal bokningar 2", "Totalt: 3 av 4"])
def test_a_sum_with_more_behind_it_is_no_id(cell: str) -> None:
    assert code(source_id, cell) == "totals_row"


@pytest.mark.parametrize("cell", ["'abc=", "abc,def", "<abc>", "abc=;", "abc|def", "abc&#61;"])
def test_signs_around_a_token_are_refused(cell: str) -> None:
    assert code(token, cell) == "bad_token"
