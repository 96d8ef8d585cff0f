"""Lists with other signs between their values than |, flags and words as offices write them."""

from typing import Any

import pytest

from worker.kind import BadCell
from worker.kind.cells import WITH_A_DIGIT, body_id, flag, listed, once_each, one_of, text

ids = once_each(listed(body_id, WITH_A_DIGIT))
colours = listed(one_of("Red", "Blue", also={"Blue": ("blå", "bl")}))


@pytest.mark.parametrize(
    "cell",
    [
        "A1|B2",
        "A1, B2",
        "A1;B2",
        "A1\nB2",
        "A1\r\nB2\r\n",
        "A1,B2,",
        "A1|B2,A1",
        " A1 ;\u00a0B2 ",
        '["A1", "B2"]',
        ["A1", "B2"],
        ["A1,B2"],
        ["A1|B2"],
        ["A1", None, "", "NULL", "B2"],
        "A1,NULL,B2",
    ],
)
def test_values_that_surely_stand_apart_are_taken(cell: Any) -> None:
    assert ids(cell) == ("A1", "B2")


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("Svensson, Anna", "several_values"),
        ("Anna Svensson, anna@kontor.example", "several_values"),
        ("A1, Anna", "several_values"),
        ("A1,#REF!", "several_values"),
        ("A1 B2", "bad_id"),
        ("Anna Svensson", "bad_id"),
        ("A1|anna@kontor.example", "bad_id"),
        ("A1\u200b|B2", "invisible_character"),
        ('["A1"', "bad_id"),
        ([["A1"]], "wrong_type"),
        (True, "wrong_type"),
        ([4711.0], "wrong_type"),
        ("1|" * 1001, "too_long"),
        ("1," * 1001, "too_long"),
    ],
)
def test_what_may_be_one_value_is_not_split(cell: Any, code: str) -> None:
    with pytest.raises(BadCell) as caught:
        ids(cell)
    assert caught.value.code == code
    if isinstance(cell, str) and " " in cell:
        assert "|" in caught.value.remedy


def test_texts_in_a_list_keep_their_commas() -> None:
    assert listed(text)("a, b|c;d") == ("a, b", "c;d")


@pytest.mark.parametrize(
    "cell", ["red, blå", "Red|BLUE", "röd|blå".replace("röd", "red"), "red;bl.", "red\nblue", ["RED", "Blå"]]
)
def test_words_are_known_in_each_of_their_forms(cell: Any) -> None:
    assert colours(cell) == ("Red", "Blue")


@pytest.mark.parametrize("cell", ["red, grön", "red blue", "red och blå"])
def test_a_word_that_is_unknown_names_the_known_ones(cell: str) -> None:
    with pytest.raises(BadCell, match="none of Red, Blue"):
        colours(cell)


@pytest.mark.parametrize(
    "cell", ["ja", "JA", "J", "y", "t", "sant", "Sann", "på", "PÅ", "on", "x", "1", "1.0", 1, True, "✓", "✔\ufe0f"]
)
def test_a_yes_is_known_in_its_forms(cell: Any) -> None:
    assert flag(cell) is True


@pytest.mark.parametrize("cell", ["nej", "Nej.", "N", "f", "falskt", "FALSK", "av", "off", "0", "0,0", 0, False])
def test_a_no_is_known_in_its_forms(cell: Any) -> None:
    assert flag(cell) is False
