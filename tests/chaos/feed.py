"""Rows as a CRM would export them, different from each other wherever a look-up could confuse them.

Those of a round belong together: a contact is taken off a list and registered anew, an order is fetched and gets two states.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = (
    "appointment",
    "comeback",
    "viewing_cancellation",
    "viewing_registration",
    "notification",
    "order_token",
    "order_status",
)
ROUND = (*KINDS, "order_status")
"""The kinds of the rows of a round, in their order."""


def fields(kind: str, number: int, word: str = "prov") -> dict[str, Any]:
    """Make the kind's fields; `word` stands in every text that a person could have written."""
    match kind:
        case "appointment":
            return {
                "user_id": f"HAN{number}",
                "subject": f"{word} subject",
                "location": f"{word} location",
                "starts_at": "2027-03-01T09:00:00+01:00",
                "ends_at": "2027-03-01T10:00:00+01:00",
            }
        case "comeback":
            return {"contact_id": f"ADR{number}", "date": "2027-03-02T09:15:00+01:00", "note": f"{word} note"}
        case "viewing_registration":
            ids = {"viewing_id": f"VIS{number}", "time_slot_id": f"SLOT{number}", "contact_id": f"ADR{number}"}
            return {**ids, "contact_message": f"{word} message"}
        case "notification":
            return {"recipients": f"HAN{number}", "header": f"{word} header", "message": f"{word} message"}
        case "viewing_cancellation":
            # From such a time slot a contact may be removed who is not there.
            return {"viewing_id": f"VIS{number}", "time_slot_id": f"LENIENT{number}", "contact_id": f"ADR{number}"}
        case "order_status":
            return {"order_id": f"ORD{number}", "status": "OrderReceived", "comment": f"{word} comment"}
        case _:
            return {"data": f"{word}{number}=="}


def rows(count: int, *, customers: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Make so many rows, of all kinds and customers in turn."""
    for number in range(start, start + count):
        place, kind = number % len(ROUND), ROUND[number % len(ROUND)]
        customer_id = f"M{30_000 + number // len(ROUND) % customers}"
        row = {"kind": kind, "source_id": f"CRM-{number}", "customer_id": customer_id, **fields(kind, number)}
        if kind == "viewing_registration" and number > start:
            cancelled = fields("viewing_cancellation", number - 1)
            row |= cancelled
        token = number - place + ROUND.index("order_token")
        if kind == "order_status" and token >= start:
            del row["order_id"]
            row |= {
                "after": f"order_token:CRM-{token}",
                "status": "Delivered" if place == len(KINDS) else row["status"],
            }
        yield row


def write_export(path: Path, count: int, *, customers: int = 12, start: int = 0) -> Path:
    """Write an export with so many rows, as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(count, customers=customers, start=start))
    return path
