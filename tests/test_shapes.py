"""The shape of an answer tells its form, and nothing that it holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.shapes import SHAPE_AT_MOST, pattern_of, shape_of

HEX = "0123456789ABCDEF" * 2


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (f"CAL{HEX}", "CAL + 32 hex"),
        (f"ADR{HEX.lower()}", "ADR + 32 hex"),
        (HEX, "32 hex"),
        ("1b4e28ba-2fa1-11d2-883f-0016d3cca427", "GUID"),
        ("OBJ11385_1395932274", "3 capitals + 5 digits + _ + 10 digits"),
        ("M31529", "1 capital + 5 digits"),
        ("a1B2c3D4e5F6", "12 letters and digits"),
        ("2026-12-01T10:00:00.1234567", "moment with 7 decimals, no offset"),
        ("2026-12-01T10:00:00Z", "moment, Z"),
        ("2026-12-01T10:00:00+01:00", "moment, offset"),
        ("Anna Andersson", "several words"),
        ("Anna", "one word"),
        ("anna@example.se", "one word"),
        ("070-1234567", "3 digits + - + 7 digits"),
        ("", "empty"),
        (" ", "blank"),
    ],
)
def test_the_pattern_of_a_text(text: str, pattern: str) -> None:
    assert pattern_of(text) == pattern


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, "null"),
        (False, "false"),
        (17, "whole number"),
        (1.5, "decimal number"),
        ([], "empty list"),
        (["a", "b", 1], "list of text (one word) or whole number"),
        ({"id": f"CAL{HEX}", "Name": None}, "object {id: text (CAL + 32 hex), Name: null}"),
        ({"modelState": {"a.b": ["x y"]}}, "object {modelState: object {a.b: list of text (several words)}}"),
        ({"meetings": [{"id": "M1"}]}, "object {meetings: list of object {id: text (1 capital + 1 digit)}}"),
        ({"Anna Andersson": 1, "anna@example.se": 2, "0701234567": 3}, "object {and 3 more}"),
        ({}, "object {}"),
    ],
)
def test_the_shape_of_a_value(value: Any, shape: str) -> None:
    assert shape_of(value) == shape


def test_a_large_answer_has_a_short_shape() -> None:
    nested: Any = "x"
    for _ in range(300):
        nested = {"a": [[nested]]}
    assert shape_of(nested) == "object {a: list of list of object {a}}"
    assert len(shape_of({f"{letter}name": {"member": "x y"} for letter in "abcdefghijklmnop"})) <= SHAPE_AT_MOST


@given(st.lists(st.text(alphabet="åäöÅÄÖ @.+", min_size=1)), st.text(alphabet="åäöÅÄÖ @", min_size=1))
def test_no_letter_of_a_text_or_strange_name_is_repeated(texts: list[str], name: str) -> None:
    shape = shape_of({name: texts, "texts": texts})
    assert shape.isascii()
    assert "@" not in shape
