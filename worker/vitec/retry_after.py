"""The seconds in a Retry-After header, with which Vitec says "not now"."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST_DELAY, LONGEST_DELAY = 1.0, 3600.0
_SECONDS = re.compile(r"[0-9]+")


class GarbageError(ValueError):
    """Neither seconds nor a date: to be treated as if it were not there."""


def retry_after(value: str, date: str | None) -> float | None:
    """Give the seconds to wait, clamped to 1 … 3600. None: a date, but the answer does not say when "now" is.

    A date is read against the answer's own `Date`, so that neither clock need be right. Raise GarbageError for anything else.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        # Beyond six digits it is more than the most, and need not be computed.
        return _clamp(float(text) if len(text) <= 6 else LONGEST_DELAY)
    until = _parse_date(text)
    try:
        answered_at = _parse_date(date or "")
    except GarbageError:
        return None
    return _clamp((until - answered_at).total_seconds())


def _clamp(seconds: float) -> float:
    return min(max(seconds, SHORTEST_DELAY), LONGEST_DELAY)


def _parse_date(text: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise GarbageError from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
