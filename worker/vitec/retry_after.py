"""When Vitec says "not now": the seconds in a Retry-After header."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

AT_LEAST, AT_MOST = 1.0, 3600.0
_SECONDS = re.compile(r"[0-9]+")


class GarbageError(ValueError):
    """Neither seconds nor a date: to be treated as if it were not there."""


def retry_after(value: str, date: str | None) -> float | None:
    """Seconds to wait, clamped to 1 … 3600. None: a date, but the answer does not say when "now" is.

    A date is read against the answer's own `Date`, so that neither clock need be right. Raise GarbageError for anything else.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        # Beyond six digits it is more than the most, and need not be computed.
        return _clamped(float(text) if len(text) <= 6 else AT_MOST)
    until = _moment(text)
    try:
        now = _moment(date or "")
    except GarbageError:
        return None
    return _clamped((until - now).total_seconds())


def _clamped(seconds: float) -> float:
    return min(max(seconds, AT_LEAST), AT_MOST)


def _moment(text: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise GarbageError from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
