"""Times as Vitec reads them back: mostly Stockholm's clock without an offset, and never taken for more than they show."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.stockholm import STOCKHOLM

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,40}))?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)

REAL_YEARS = range(1980, 9000)
"""Outside lie the times that programs write where they have none: of the years 1, 1753, 1900, 1970 and 9999."""


@dataclass(frozen=True, slots=True)
class ReadBackTime:
    """One time of Vitec's: by the clock in Stockholm, and by the digits alone, which differ only where it has an offset."""

    at: datetime
    digits: datetime
    earliest: datetime
    """The earliest moment (UTC) that may be meant; later than that only in the hour that occurs twice a year."""
    latest: datetime

    @property
    def is_placeholder(self) -> bool:
        """Whether it is what programs write where they know no time."""
        return self.digits.year not in REAL_YEARS


def read_back_time(text: object) -> ReadBackTime | None:
    """Read one of Vitec's times, with any number of decimals, and with an offset or without one. None: it is not one."""
    parts = _TIME.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        return None
    date, clock, fraction, offset = parts.groups()
    try:
        digits = datetime.fromisoformat(f"{date}T{clock}").replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))
        if offset is None:
            return ReadBackTime(digits, digits, *possible_moments(digits))
        # Python reads no small z.
        moment = datetime.fromisoformat(f"{digits.isoformat()}{offset.upper()}").astimezone(UTC)
        return ReadBackTime(moment.astimezone(STOCKHOLM).replace(tzinfo=None), digits, moment, moment)
    except (ValueError, OverflowError):
        return None


def possible_moments(naive: datetime) -> tuple[datetime, datetime]:
    """Give the earliest and the latest moment at which a clock in Stockholm may have shown this; mostly they agree."""
    # Both are UTC: two moments of one zone would be compared by what the clock shows, which is the doubt itself.
    early, late = sorted(naive.replace(tzinfo=STOCKHOLM, fold=fold).astimezone(UTC) for fold in (0, 1))
    return early, late


def possible_times(sent: datetime) -> frozenset[datetime]:
    """Give the times that a program may make of one that was sent with an offset: as it is, cut, rounded, or told in UTC.

    Cut to the minute, the hour or the day, rounded to the minute; each also with the offset taken off.
    """
    at = sent.replace(tzinfo=None)
    times = set()
    for whole in (at, at - (sent.utcoffset() or timedelta(0))):
        minute = whole.replace(second=0)
        rounded = minute + timedelta(minutes=1) if whole.second >= 30 else minute
        hour = minute.replace(minute=0)
        times |= {whole, minute, rounded, hour, hour.replace(hour=0)}
    return frozenset(times)
