"""An order token: decoded exactly once, and answered by a ticket."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.kinds.reading import is_accepted_in_doubt, problems, row
from worker.kind import Answer, OnDoubt
from worker.kinds import OrderToken
from worker.outcome import Failed, Succeeded

TICKET: dict[str, Any] = {
    "orderId": "ORD9",
    "userId": "HAN1",
    "targetType": "House",
    "chainId": None,
    "hasExpired": False,
}


def ticket(**changed: Any) -> Answer:
    return Answer(200, json.dumps({**TICKET, **changed}).encode())


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("B2aJ%2Bq%3D%3D", "B2aJ+q=="),
        ("B2aJ+q==", "B2aJ+q=="),
        (" B2aJ%3d%3d\r\n", "B2aJ=="),
        ("B2aJ+q%3D", "B2aJ+q="),
        ("ey.J-_~%3A", "ey.J-_~:"),
    ],
)
def test_a_token_is_decoded_once_and_keeps_plus_signs(cell: str, meant: str) -> None:
    token = row(OrderToken, data=cell)
    assert token.body() == {"data": meant}
    assert OrderToken.from_payload(token.payload()).body() == {"data": meant}


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "missing"),
        ("%20", "missing"),
        ("%00a", "control_character"),
        ("a%FF", "bad_token"),
        ("a%253D", "bad_token"),
        ("a%2525", "bad_token"),
        ("100%", "bad_token"),
        ("a%3", "bad_token"),
        ("a%zz", "bad_token"),
        ("ab cd/ef==", "bad_token"),
        ("ab%20cd", "bad_token"),
        ("ab=3D=3D", "bad_token"),
        ("ab=\ncd", "bad_token"),
        ("å%3D", "bad_token"),
        ("ab\u200b%3D", "bad_token"),
        ("https://vitec.example/order?token=ab%3D", "bad_token"),
        ("token=ab%3D", "bad_token"),
        ("ab%3D&customerId=M1", "bad_token"),
        ("data", "bad_token"),
        ("1,23457E+11", "changed_by_spreadsheet"),
        ("#SAKNAS!", "spreadsheet_error"),
        ("NULL", "missing"),
        ("a" * 10_001, "too_long"),
    ],
)
def test_an_empty_or_impossible_token_is_refused(cell: str, code: str) -> None:
    assert problems(OrderToken, data=cell) == [("data", code)]


def test_a_valid_ticket_succeeds_with_its_order() -> None:
    whole = {name: value for name, value in TICKET.items() if value is not None}
    assert OrderToken.read(ticket()) == Succeeded("ORD9", answer=whole, documented=False)


def test_ticket_names_match_in_any_case() -> None:
    outcome = OrderToken.read(Answer(200, b'{"ORDERID":"O1","HasExpired":false,"extra":[[[1e999]]]}'))
    assert outcome == Succeeded("O1", answer={"orderId": "O1", "hasExpired": False}, documented=False)


@pytest.mark.parametrize("order", ["ORD9", None, ""])
def test_an_expired_token_is_final_with_or_without_its_order(order: str | None) -> None:
    outcome = OrderToken.read(ticket(hasExpired=True, orderId=order))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.answer, dict)
    assert (outcome.code, outcome.answer["hasExpired"]) == ("token_expired", True)


@pytest.mark.parametrize(
    "answer",
    [
        ticket(orderId=None),
        ticket(orderId=" "),
        ticket(orderId=7),
        ticket(orderId="a" * 201),
        ticket(hasExpired="false"),
        ticket(hasExpired=0),
        ticket(hasExpired=None),
        ticket(userId=["HAN1"]),
        ticket(targetType="\x1b[31m"),
        Answer(204, b""),
        Answer(200, b"[]"),
        ticket(hasExpired=None, orderTicketHasExpired=None),
        ticket(orderTicketHasExpired="false"),
        ticket(hasExpired="true", orderTicketHasExpired=True),
        ticket(HasExpired=False),
        Answer(200, b'{"hasExpired":true,"orderId":"ORD9","hasExpired":false}'),
        Answer(200, b'{"orderId":"ORD9"}'),
    ],
)
def test_an_answer_without_a_ticket_is_accepted_in_doubt(answer: Answer) -> None:
    assert is_accepted_in_doubt(OrderToken.read(answer))


@pytest.mark.parametrize("name", ["orderTicketHasExpired", "OrderTicketHasExpired", "ORDERTICKETHASEXPIRED"])
@pytest.mark.parametrize("unset", [{"hasExpired": None}, {}])
def test_the_samples_name_of_the_end_is_read(name: str, unset: dict[str, None]) -> None:
    good = Answer(200, json.dumps({"orderId": "O1", **unset, name: False}).encode())
    outcome = OrderToken.read(good)
    assert outcome == Succeeded("O1", answer={"orderId": "O1", "hasExpired": False}, documented=False)
    expired = OrderToken.read(Answer(200, json.dumps({"orderId": "O1", **unset, name: True}).encode()))
    assert isinstance(expired, Failed)
    assert expired.answer == {"orderId": "O1", "hasExpired": True}


@pytest.mark.parametrize(("by_table", "by_samples"), [(True, False), (False, True), (True, True)])
def test_either_name_of_the_end_ends_it(*, by_table: bool, by_samples: bool) -> None:
    outcome = OrderToken.read(ticket(hasExpired=by_table, orderTicketHasExpired=by_samples))
    assert isinstance(outcome, Failed)
    assert outcome.code == "token_expired"


def test_a_ticket_as_documented_leaves_no_trace() -> None:
    whole = {name: value for name, value in TICKET.items() if value is not None}
    for answer, documented in ((whole, True), ({**whole, "extra": 1}, False), (TICKET, False)):
        outcome = OrderToken.read(Answer(200, json.dumps(answer).encode()))
        assert outcome.documented is documented


def test_in_doubt_it_is_resent_quickly_and_briefly() -> None:
    assert (OrderToken.on_doubt, OrderToken.function_group) == (OnDoubt.RESEND, "order")
    assert OrderToken.expires_after == timedelta(hours=1)
    assert OrderToken.backoff_first is not None
    assert OrderToken.backoff_first < 10
