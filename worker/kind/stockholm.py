"""Stockholm's clock: the meaning of a CRM's time, and the possible meanings of one of Vitec's naive times."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from worker.kind.problems import BadCell

STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")

_WRITTEN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ] *(\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)? *([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_READ_BACK = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?", re.ASCII)
_HOW = "Write it as 2026-12-02 09:15 or 2026-12-02T09:15:30+01:00."
_ANOTHER = "Choose another time, or write the offset, as in 2027-03-28T02:30+01:00."
_WHICH = "Write the offset, as in 2027-10-31T02:30+01:00."


def read_time(text: str) -> datetime:
    """Read a CRM's time, aware and in Stockholm's own offset; fractions of a second are cut.

    Without an offset it is Stockholm time. Raises BadCell, also where Stockholm's clocks skip or repeat that time.
    """
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise BadCell("not_a_time", "it is not a date with a time of day", _HOW)
    *numbers, zone = written.groups()
    try:
        naive = datetime(*(int(number or 0) for number in numbers))  # type: ignore[arg-type]  # noqa: DTZ001
        moment = naive.replace(tzinfo=_zone_of(zone)).astimezone(STOCKHOLM) if zone else _in_stockholm(naive)
    except (ValueError, OverflowError):
        raise BadCell("not_a_time", "there is no such date or time of day", _HOW) from None
    offset = moment.utcoffset()
    # Before there was a standard time, Stockholm's offset had seconds, which ISO 8601 cannot write. That also keeps out
    # the years before 1753, where SQL Server's `datetime` begins, in which Vitec seems to keep its times.
    if offset is None or offset.seconds % 60:
        raise BadCell("out_of_range", "the date lies too far back", "Check the year.")
    return moment


def _zone_of(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:].removeprefix(":") or 0))
    return timezone(-size if offset[0] == "-" else size)


def _in_stockholm(naive: datetime) -> datetime:
    first, second = naive.replace(tzinfo=STOCKHOLM), naive.replace(tzinfo=STOCKHOLM, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before == after:
        return first
    # Where clocks are put forward the earlier reading has the smaller offset, where they are put back the larger one.
    if before is not None and after is not None and before < after:
        raise BadCell("no_such_time", "Stockholm's clocks skip this time when summer time begins", _ANOTHER)
    raise BadCell("ambiguous_time", "this time occurs twice in Stockholm when summer time ends", _WHICH)


def wall_clock(moment: datetime) -> datetime:
    """Give the time that a clock in Stockholm shows at an aware moment: naive, to the second."""
    return moment.astimezone(STOCKHOLM).replace(tzinfo=None, microsecond=0)


def read_back_time(text: object) -> datetime | None:
    """Read one of Vitec's naive times, with 0 to 7 fractional digits. None: it is not one."""
    parts = _READ_BACK.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        return None
    seconds, fraction = parts.groups()
    try:
        return datetime.fromisoformat(seconds).replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))
    except ValueError:
        return None


def possible_moments(naive: datetime) -> tuple[datetime, datetime]:
    """Give the earliest and the latest moment at which a clock in Stockholm may have shown this; mostly they agree."""
    # Both are UTC: two moments of one zone would be compared by what the clock shows, which is the doubt itself.
    early, late = sorted(naive.replace(tzinfo=STOCKHOLM, fold=fold).astimezone(UTC) for fold in (0, 1))
    return early, late
