"""Times as Vitec's server keeps them: Swedish wall-clock time, in SQL Server's steps of 1/300 s."""

import re
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")
_STEPS_PER_SECOND: Final = 300
_FIRST_YEAR: Final = 1753  # SQL Server's datetime begins here.
_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,7}))?(Z|[+-]\d\d:\d\d)?",
)


def read_time(text: str) -> datetime | None:
    """Parse a time in a request into naive Stockholm time; None if it is not one.

    Offsets are turned into Swedish time; the seventh decimal, which .NET writes, is dropped.
    """
    matched = _ISO.fullmatch(text)
    if matched is None:
        return None
    moment, decimals, offset = matched.groups()
    try:
        time = datetime.fromisoformat(moment + (offset or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    time += timedelta(microseconds=int((decimals or "0")[:6].ljust(6, "0")))
    if time.year <= _FIRST_YEAR or time.year == MAXYEAR:
        return None
    return time.astimezone(STOCKHOLM).replace(tzinfo=None) if time.tzinfo else time


def round_as_stored(time: datetime) -> datetime:
    """Round a naive time as the database does: to the nearest 1/300 s, in whole milliseconds."""
    steps = round(time.microsecond * _STEPS_PER_SECOND / 1_000_000)
    return time.replace(microsecond=0) + timedelta(milliseconds=round(steps * 1000 / _STEPS_PER_SECOND))


def as_wall_clock(aware_time: datetime) -> datetime:
    """Turn an aware time into a naive time in Stockholm."""
    return aware_time.astimezone(STOCKHOLM).replace(tzinfo=None)


def format_time(time: datetime, digits: int) -> str:
    """Write a naive time with 0 to 7 decimals: as many as the value needs, and at least `digits`."""
    decimals = f"{time.microsecond:06}0"
    needed = max(digits, len(decimals.rstrip("0")))
    return time.strftime("%Y-%m-%dT%H:%M:%S") + (f".{decimals[:needed]}" if needed else "")


def as_utc_text(aware_time: datetime) -> str:
    """Write an aware time as the ledger does."""
    return aware_time.astimezone(UTC).isoformat(timespec="microseconds")
