"""A cell that a spreadsheet would run is escaped on the way out, and comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.feeds.formulas import escape_formula, unescape_formula


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "  @", "\n=", "\u00a0+"])
def test_a_formula_gets_an_apostrophe(start: str) -> None:
    assert escape_formula(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("cell", ["", "a=1", "Möte", "'n Abend", " a", "1-2"])
def test_an_ordinary_cell_stays(cell: str) -> None:
    assert escape_formula(cell) == cell


@given(st.text(st.sampled_from("'=+-@\t\r\n a")))
def test_unescaping_is_the_opposite_of_escaping(cell: str) -> None:
    assert unescape_formula(escape_formula(cell)) == cell
