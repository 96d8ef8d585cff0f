"""An order token: a token from an order's URL is exchanged for the ticket that names the order's owner."""

from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Final

from worker.kind import Answer, CodeText, Kind, OnDoubt, answers
from worker.kind.cells import LONGEST_ID, Cell, is_plain, token
from worker.outcome import Failed, Outcome, Succeeded

_TEXTS: Final = ("orderId", "userId", "orderUserId", "targetId", "targetType", "tenantId", "chainId", "customerId")
_ENDS: Final = ("hasExpired", "orderTicketHasExpired")
"""The name of the ticket's end in the table of Vitec's page, and the one that the page's own samples read."""


class OrderToken(Kind):
    """It is itself a look-up: doing it twice is harmless, so in doubt it is simply sent again.

    Also if Vitec has accepted it: it is wanted for its answer alone, and another try may bring one that can be read.
    """

    kind = "order_token"
    path = "Service/Order/Token/{customer_id}"
    on_doubt = OnDoubt.RESEND
    function_group = "order"
    expires_after = timedelta(hours=1)
    backoff_first = 2.0
    ids_are_unique = False
    codes = MappingProxyType(
        {
            "token_expired": CodeText(
                "The order's token has expired at Vitec.",
                "Start the order anew from Vitec.",
                "Beställningens token har gått ut i Vitec.",
                "Starta beställningen på nytt från Vitec.",
            )
        }
    )

    data: Annotated[str, Cell(token, "data", "Token data", "Token data som ni fått som inparameter till beställningen")]

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is an OrderTicket. One that `hasExpired` is a final no, although it comes with 200."""
        value = answers.value_of(answer)
        ticket = _read_ticket(value)
        if ticket is None:
            return answers.accepted_in_doubt("the answer is not an OrderTicket")
        if ticket["hasExpired"]:
            return Failed("token_expired", "the token has expired", answer=ticket, documented=value == ticket)
        if not answers.is_id(ticket.get("orderId")):
            return answers.accepted_in_doubt("the OrderTicket has no orderId")
        return Succeeded(str(ticket["orderId"]), answer=ticket, documented=value == ticket)


def _read_ticket(value: object) -> dict[str, str | bool] | None:
    """Read the ticket's documented members, whatever their case; any others are left out, and one that is null is unset.

    It has expired if either name of its end says so: a ticket that contradicts itself is not to be relied on.
    """
    members = answers.members(value) or {}
    ends = [end for name in _ENDS if (end := members.get(name.casefold())) is not None]
    texts = {name: text for name in _TEXTS if (text := members.get(name.casefold())) is not None}
    if not ends or not all(isinstance(end, bool) for end in ends) or not all(map(_is_short, texts.values())):
        return None
    return {**texts, "hasExpired": any(ends)}


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_ID and is_plain(value)
