"""A declaration that cannot work is refused when its module is loaded."""

from typing import Annotated

import pytest

from worker.kind import Kind
from worker.kind.cells import Cell, text


def test_a_field_without_a_cell_is_a_declaration_error() -> None:
    with pytest.raises(TypeError, match=r"Bare\.note says no Cell"):

        class Bare(Kind):
            path = "Bare/{customer_id}"
            note: str


def test_a_heading_of_every_row_cannot_be_a_fields() -> None:
    with pytest.raises(ValueError, match="belong to every row: id"):

        class Greedy(Kind):
            path = "Greedy/{customer_id}"
            user_id: Annotated[str, Cell(text, "userId", "Id")]


def test_two_fields_cannot_share_a_heading() -> None:
    with pytest.raises(ValueError, match="means both"):

        class Double(Kind):
            path = "Double/{customer_id}"
            first: Annotated[str, Cell(text, "first", "Anteckning")]
            second: Annotated[str, Cell(text, "second", "Anteckning:")]
