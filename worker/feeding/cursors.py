"""The cursor of a query: the newest value of a column that only grows, kept as JSON from one run to the next. Pure."""

import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

AHEAD = timedelta(days=1)
"""A time further in the future is a slip in the CRM: as a cursor it would hide all that comes before it."""

_TIME_AS_TEXT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")


class CursorUnfit(Exception):  # noqa: N818 (a fact)
    """The column cannot be a cursor. The text says why."""


_READERS: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "bytes": bytes.fromhex,
}


def write_cursor(value: Any) -> str | None:
    """Write a value for the feed's row; None stays None. Raises `CursorUnfit` for a type that does not grow."""
    if value is None:
        return None
    type_ = type(value).__name__
    if type_ not in _READERS:
        raise CursorUnfit(f"its values are of the type {type_}, which has no order: take a number or a time")
    text = value.isoformat() if isinstance(value, date) else value.hex() if isinstance(value, bytes) else str(value)
    return json.dumps({"type": type_, "value": text})


def read_cursor(text: str | None) -> Any:
    """Read a value that `write_cursor` wrote."""
    if text is None:
        return None
    kept = json.loads(text)
    return _READERS[kept["type"]](kept["value"])


def step_back(value: Any, overlap: float) -> Any:
    """Give the value from which to read: some seconds or numbers behind the cursor, for rows that were committed late."""
    match value:
        case datetime():
            return value - timedelta(seconds=overlap)
        case date():
            return value - timedelta(days=1) if overlap else value
        case int() | float():
            return value - type(value)(overlap)
        case Decimal():
            return value - Decimal(overlap)
        case str() if _TIME_AS_TEXT.match(value):
            # As its database compares texts, the form must stay as it is.
            earlier = datetime.fromisoformat(value[:19]) - timedelta(seconds=overlap)
            return earlier.isoformat(sep=value[10]) + value[19:]
        case _:
            return value


def newer_of(cursor: Any, value: Any, present: datetime) -> Any:
    """Give the newer of two values; a time that lies far ahead, and None, count for nothing. Raises `CursorUnfit`."""
    if isinstance(value, memoryview | bytearray):
        value = bytes(value)
    if value is None or _lies_ahead(value, present):
        return cursor
    if cursor is None:
        return value
    try:
        return max(cursor, value)
    except TypeError:
        raise CursorUnfit("its values cannot be compared with each other: they are of several types") from None


def _lies_ahead(value: Any, present: datetime) -> bool:
    limit = present + AHEAD
    match value:
        case datetime():
            return value > (limit if value.tzinfo else limit.replace(tzinfo=None))
        case date():
            return value > limit.date()
        case str() if _TIME_AS_TEXT.match(value):
            return value[:19].replace("T", " ") > f"{limit:%Y-%m-%d %H:%M:%S}"
        case _:
            return False
