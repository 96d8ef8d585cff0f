"""An order status: a PUT that sets a state, with the order's id from its row or from the ticket."""

import pytest

from tests.kinds.reading import problems, row
from worker.kind import BadCells, complete
from worker.kinds import OrderStatus


def test_vitecs_id_is_the_orders() -> None:
    body = row(OrderStatus, order_id="O1", status="delivered", comment="").body()
    assert body == {"id": "O1", "status": "Delivered"}


def test_a_parent_may_give_the_id() -> None:
    waiting = row(OrderStatus, order_id="", comment="", after="order_token:BEST-1")
    assert waiting.payload() == {"customer_id": "M30001", "status": "Delivered"}
    assert waiting.sequence_key() is None
    with pytest.raises(BadCells):
        waiting.call("1.1")


@pytest.mark.parametrize("after", [{}, {"after": "appointment:A-1"}])
def test_without_such_a_parent_the_id_is_needed(after: dict[str, str]) -> None:
    assert problems(OrderStatus, order_id="", **after) == [("order_id", "missing")]


def test_the_parents_remote_id_completes_it() -> None:
    payload = {"customer_id": "M1", "status": "Delivered"}
    completed = complete(OrderStatus, payload, "order_token", "O9", None)
    assert completed is not None
    assert completed.body() == {"id": "O9", "status": "Delivered"}
    assert completed.sequence_key() == "order/O9"


def test_an_id_that_vitec_gave_goes_back_as_it_came() -> None:
    completed = complete(OrderStatus, {"customer_id": "M1", "status": "Error"}, "order_token", "{a.b} 1", None)
    assert completed is not None
    assert completed.body()["id"] == "{a.b} 1"


@pytest.mark.parametrize(("parent", "remote_id"), [("order_token", None), ("order_token", " "), ("appointment", "O9")])
def test_a_parent_without_that_result_does_not(parent: str, remote_id: str | None) -> None:
    assert complete(OrderStatus, {"customer_id": "M1", "status": "Error"}, parent, remote_id, None) is None


def test_an_id_of_its_own_stays() -> None:
    completed = complete(
        OrderStatus, {"customer_id": "M1", "order_id": "O1", "status": "Error"}, "order_token", "O9", {}
    )
    assert completed is not None
    assert completed.payload()["order_id"] == "O1"
