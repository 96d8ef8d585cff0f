"""A declaration that cannot work is refused when its module is loaded."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import pytest

from worker.kind import Kind, ParentResult, complete
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


def test_a_method_that_the_client_does_not_send_is_refused() -> None:
    with pytest.raises(ValueError, match="'GET' is none of DELETE, PATCH, POST, PUT"):

        class Fetch(Kind):
            kind = "fetch"
            method = "GET"  # type: ignore[assignment]
            path = "Fetch/{customer_id}"


def test_a_field_without_a_place_is_refused() -> None:
    with pytest.raises(TypeError, match="Gone has no body, and no place for note"):

        class Gone(Kind):
            method = "DELETE"
            path = "Gone/{customer_id}"
            has_body = False
            note: Annotated[str | None, Cell(text, "note")] = None


def test_a_field_that_a_parent_gives_may_be_none() -> None:
    with pytest.raises(TypeError, match="order_id is handed on by a parent"):

        class Needy(Kind):
            path = "Needy/{customer_id}"
            handed_on: ClassVar[Mapping[str, ParentResult]] = {"order_id": ParentResult("order_token")}
            order_id: Annotated[str, Cell(text, "orderId")]


def test_a_post_may_have_no_body() -> None:
    class Bare(Kind):
        kind = "bare"
        function_group = "order"
        path = "Bare/{customer_id}"
        has_body = False

    call = Bare(customer_id="M1").call("1.1")
    assert (call.method, call.body) == ("POST", None)


def test_a_parent_may_give_a_member_of_its_answer() -> None:
    class Named(Kind):
        kind = "named"
        function_group = "order"
        path = "Named/{customer_id}"
        handed_on: ClassVar[Mapping[str, ParentResult]] = {"user_id": ParentResult("order_token", "orderUserId")}
        user_id: Annotated[str | None, Cell(text, "userId")] = None

    ticket = {"orderId": "O1", "orderUserId": "HAN1"}
    completed = complete(Named, {"customer_id": "M1"}, "order_token", "O1", ticket)
    assert completed is not None
    assert completed.body() == {"userId": "HAN1"}
