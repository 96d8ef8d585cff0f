"""Writes exports to measure with: any number of rows of each kind, the same bytes every time."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CUSTOMERS = 12
_NOTES = (
    "Ring före",
    "Nyckel hos grannen; har hund",
    'Säger "kanske"',
    "Två rader\nmed radbrytning",
    "Pris 3,5 Mkr",
    "",
)
_TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FIRST_DAY = datetime(2026, 12, 1, 8)  # noqa: DTZ001 (a CRM's time says no zone)
_WHEN = "%Y-%m-%dT%H:%M:%S"


def write(folder: Path, kind: str, rows: int) -> Path:
    """Write an export under the kind's snake_case headings."""
    path, chance = folder / f"{kind}-{rows}.csv", random.Random(kind)
    with path.open("w", encoding="utf-8", newline="") as file:
        first = _row(kind, 1, chance)
        writer = csv.DictWriter(file, first, lineterminator="\n")
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(_row(kind, number, chance) for number in range(2, rows + 1))
    return path


def _row(kind: str, number: int, chance: random.Random) -> dict[str, str]:
    common = {"source_id": f"CRM-{number:07d}", "customer_id": f"M{30000 + chance.randrange(CUSTOMERS)}"}
    return {**common, **KINDS[kind](chance)}


def _id(prefix: str, chance: random.Random) -> str:
    return f"{prefix}{chance.getrandbits(128):032X}"


def _when(chance: random.Random) -> datetime:
    return _FIRST_DAY + timedelta(days=chance.randrange(120), minutes=15 * chance.randrange(40))


def _flag(chance: random.Random) -> str:
    return chance.choice(("true", "false"))


def _appointment(chance: random.Random) -> dict[str, str]:
    start = _when(chance)
    return {
        "user_id": _id("HAN", chance),
        "subject": f"Möte med Åsa {chance.randrange(1000)}",
        "location": f"Ängsgränd {chance.randrange(90)}",
        "starts_at": start.strftime(_WHEN),
        "ends_at": (start + timedelta(minutes=45)).strftime(_WHEN),
        "all_day_event": "false",
        "note": chance.choice(_NOTES),
        "recurrence": "false",
        "recurrence_pattern": "",
        "recurrence_interval": "",
    }


def _comeback(chance: random.Random) -> dict[str, str]:
    return {
        "contact_id": _id("ADR", chance),
        "date": _when(chance).strftime(_WHEN),
        "meeting_id": chance.choice(("", _id("CAL", chance))),
        "estate_id": f"OBJ{chance.randrange(10**5)}_{chance.randrange(10**10)}",
        "participant_user_id": _id("HAN", chance),
        "note": chance.choice(_NOTES),
    }


def _viewing_registration(chance: random.Random) -> dict[str, str]:
    return {
        "viewing_id": _id("VIS", chance),
        "time_slot_id": _id("TID", chance),
        "contact_id": _id("ADR", chance),
        "participated": "false",
        "reminder_time": chance.choice(("", "30", "60")),
        "sms_reminder": _flag(chance),
        "mail_confirmation": _flag(chance),
        "sms_confirmation": _flag(chance),
        "contact_message": chance.choice(_NOTES),
        "lead_source_id": "",
    }


def _notification(chance: random.Random) -> dict[str, str]:
    return {
        "header": "Nytt bud",
        "message": f"Märta har lagt bud på Storgatan {chance.randrange(90)}",
        "sms": _flag(chance),
        "express": "true",
        "recipients": "|".join(_id("HAN", chance) for _ in range(chance.randrange(1, 4))),
    }


def _order_token(chance: random.Random) -> dict[str, str]:
    return {"data": "".join(chance.choices(_TOKEN, k=86)) + "%3D%3D"}


KINDS: Mapping[str, Callable[[random.Random], dict[str, str]]] = {
    "appointment": _appointment,
    "comeback": _comeback,
    "viewing_registration": _viewing_registration,
    "notification": _notification,
    "order_token": _order_token,
}
