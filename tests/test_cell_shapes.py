"""The shape of a cell says its classes of characters and none of its words, and can be said in Swedish."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cell_shapes import cell_shape, swedish_shape

SHAPES = [
    (None, "empty"),
    ("", "empty"),
    (" \t", "blank"),
    ("000123", "6 digits"),
    ("2.12.2026", "a date with dots"),
    ("12/2/2026", "a date with slashes"),
    ("2026-12-02 9:15", "a date with hyphens, a time"),
    ("1,23457E+11", "a number with an exponent"),
    ("4711.0", "a decimal number"),
    ("-5", "a number with a sign"),
    ("#SAKNAS!", "an error of Excel"),
    ("#N/A", "an error of Excel"),
    ("Anna Alm, Bo Ek", "15 characters, a comma, a space"),
    ("'000123", "7 characters, an apostrophe first"),
    ('="000123"', "9 characters, the sign of a formula first, a quote"),
    ("A\u200b2", "3 characters, an invisible character"),
    ("a@b|c", "5 characters, a vertical bar, an at sign"),
    (True, "true or false"),
    (7, "a whole number"),
    (7.5, "a decimal number"),
    ([1, 2], "2 values in a list"),
    ({"a": 1}, "an object"),
]


@pytest.mark.parametrize(("raw", "shape"), SHAPES)
def test_a_cell_has_the_shape_of_its_class(raw: Any, shape: str) -> None:
    assert cell_shape(raw) == shape


@given(st.text(min_size=1))
def test_a_shape_repeats_nothing_of_the_cell(text: str) -> None:
    marked = f"Ångström{text}Özgür"
    assert cell_shape(marked).startswith(f"{len(marked)} characters")
    assert "ngstr" not in cell_shape(marked)


@given(st.one_of(st.text(), st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.integers(), max_size=3)))
def test_every_part_of_a_shape_has_its_swedish_words(raw: Any) -> None:
    for part in cell_shape(raw).split(", "):
        assert swedish_shape(part) != part


@pytest.mark.parametrize(("raw", "shape"), SHAPES)
def test_every_shape_is_said_in_swedish(raw: Any, shape: str) -> None:
    swedish = swedish_shape(cell_shape(raw))
    assert not re.search(r"\b(?:an? [a-z]|the |characters|digits|empty)", swedish), shape


def test_a_shape_with_a_number_keeps_it_in_swedish() -> None:
    assert swedish_shape("12 characters, a comma") == "12 tecken, ett komma"


@pytest.mark.parametrize("word", ["NULL", "None", r"\N", "-", "n/a", "<NULL>", "\u2013"])
def test_a_word_for_nothing_is_called_so(word: str) -> None:
    assert cell_shape(word) == "a word for nothing"
    assert swedish_shape("a word for nothing") == "ett ord för ingenting"


def test_one_is_singular() -> None:
    assert cell_shape("x") == "1 character"
    assert cell_shape("7") == "1 digit"
    assert cell_shape([7]) == "1 value in a list"
    assert swedish_shape("1 value in a list") == "1 värde i en lista"
