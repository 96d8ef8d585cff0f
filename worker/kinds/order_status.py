"""An order status: the office that has fetched an order's ticket reports to Vitec how far the order has come."""

from types import MappingProxyType
from typing import Annotated, Final, Literal

from worker.kind import Answer, CodeText, Kind, OnDoubt, ParentResult, answers
from worker.kind.cells import Cell, body_id, one_of, text
from worker.outcome import Failed, Outcome, Succeeded

STATUSES: Final = ("Error", "OrderReceived", "Delivered", "UserInteraction", "Canceled")


class OrderStatus(Kind):
    """It sets a state: twice is once, so in doubt it is simply sent again, before any later status of the order.

    A row that comes after its `order_token` needs no order id: the ticket gives it.
    """

    kind = "order_status"
    method = "PUT"
    path = "Service/Order/Status/{customer_id}"
    on_doubt = OnDoubt.RESEND
    function_group = "order"
    handed_on = MappingProxyType({"order_id": ParentResult("order_token")})
    codes = MappingProxyType(
        {
            "status_not_set": CodeText(
                "Vitec answered false to the order's status; by that word it was not set.",
                "Check the order's id and status in the CRM and export it again.",
                "Vitec svarade false på beställningens status; enligt det ordet sattes den inte.",
                "Kontrollera beställningens id och status i CRM-systemet och exportera raden igen.",
            )
        }
    )

    order_id: Annotated[str | None, Cell(body_id, "id", "Id på beställningen")] = None
    status: Annotated[
        Literal["Error", "OrderReceived", "Delivered", "UserInteraction", "Canceled"],
        Cell(one_of(*STATUSES), "status", "Status på beställningen"),
    ]
    comment: Annotated[str | None, Cell(text, "comment", "Kommentar")] = None

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is a JSON boolean; the meaning of `false` is not published. A 204 says no less than `true`."""
        value = answers.value_of(answer)
        if value is True or (answer.status == 204 and not answer.body):
            return Succeeded(documented=value is True)
        if value is False:
            why = "Vitec answered false: by that word the status was not set"
            return Failed("status_not_set", why, documented=True)
        return answers.accepted_in_doubt("the answer is not a JSON boolean")

    def sequence_key(self) -> str | None:
        """Give the order; None while its parent has not handed it on."""
        return None if self.order_id is None else f"order/{self.order_id}"
