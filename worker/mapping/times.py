"""The forms in which a CRM writes times, and their reading: exactly by the form, or not at all."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from worker.kind import UnreadableCell
from worker.stockholm import STOCKHOLM

NAMED_FORMS: Final = ("iso", "unix", "unix_ms", "excel")
"""Forms with a name: 2026-12-02 09:15 and its like, seconds or milliseconds since 1970, and a spreadsheet's number of days."""

_MONTHS: Final = {
    name[:length]: number
    for names in (
        "januari februari mars april maj juni juli augusti september oktober november december",
        "january february march april may june july august september october november december",
    )
    for number, name in enumerate(names.split(), 1)
    for length in range(3, len(name) + 1)
}
_PARTS: Final = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d\d)",
    "m": r"(?P<m>\d{1,2})",
    "b": r"(?P<b>[^\W\d_]{3,9})\.?",
    "B": r"(?P<b>[^\W\d_]{3,9})\.?",
    "d": r"(?P<d>\d{1,2})",
    "a": r"[^\W\d_]{2,9}\.?",
    "A": r"[^\W\d_]{2,9}\.?",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "M": r"(?P<M>\d\d)",
    "S": r"(?P<S>\d\d)",
    "f": r"\d{1,9}",
    "z": r"(?P<z>[Zz]|[+-]\d\d:?\d\d)",
    "%": "%",
}
_ISO: Final = re.compile(
    r"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)"
    r"(?:[Tt ] *(?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,]\d{1,9})?)?(?: ?(?P<z>[Zz]|[+-]\d\d:?\d\d))?)?",
    re.ASCII,
)
_TOKEN: Final = re.compile(r"%(.)|(\s+)|([^%\s]+)|(%)", re.DOTALL)
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:[.,]\d{1,12})?", re.ASCII)
_SPREADSHEET_BEGIN: Final = datetime(1899, 12, 30)  # noqa: DTZ001 (a spreadsheet's days have no zone)
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)


class BadForm(Exception):  # noqa: N818 (a fact about a mapping)
    """A form or a zone cannot be understood. The text says why, without its full stop."""


def read_zone(name: str) -> tzinfo:
    """Read a zone's name, or an offset. Raises BadForm."""
    if offset := _OFFSET.fullmatch(name):
        return _zone_of(offset[0])
    try:
        return UTC if name.upper() in {"UTC", "Z"} else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadForm("there is no such time zone") from None


def _zone_of(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    try:
        return timezone((-1 if offset[0] == "-" else 1) * timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:])))
    except ValueError:
        raise BadForm("there is no such offset") from None


@dataclass(frozen=True, slots=True)
class TimeForm:
    """One form. `read` gives a time, a date without a time of day, or None where the text has another form."""

    text: str
    read: Callable[[str], datetime | date | None]


def read_form(text: str) -> TimeForm:
    """Understand a form: one of `NAMED_FORMS`, or text with the signs of strptime. Raises BadForm."""
    if text in {"unix", "unix_ms", "excel"}:
        return TimeForm(text, lambda content: _read_number(text, content))
    pattern = _ISO if text == "iso" else _compile_form(text)
    return TimeForm(text, lambda content: _read_match(pattern.fullmatch(content)))


def _compile_form(text: str) -> re.Pattern[str]:
    parts, signs = [], set()
    for sign, space, literal, stray in _TOKEN.findall(text):
        if stray or (sign and sign not in _PARTS):
            raise BadForm(f"%{sign} is no sign of a form; there are {' '.join('%' + name for name in _PARTS)}")
        if sign and sign != "%" and sign in signs:
            raise BadForm(f"%{sign} stands twice in it")
        signs.add(sign)
        parts.append(_PARTS[sign] if sign else r"\s+" if space else re.escape(literal))
    for names, meaning in (({"Y", "y"}, "year"), ({"m", "b", "B"}, "month"), ({"d"}, "day")):
        if len(signs & names) != 1:
            wanted = " or ".join(f"%{name}" for name in sorted(names))
            raise BadForm(f"it needs the {meaning} once, as {wanted}")
    if len(signs & {"H", "I"}) > 1 or ("I" in signs) != ("p" in signs) or ("M" in signs and not signs & {"H", "I"}):
        raise BadForm("its time of day is not clear: %H:%M, or %I:%M %p")
    return re.compile("".join(parts), re.ASCII | re.IGNORECASE if text.isascii() else re.IGNORECASE)


def _read_match(match: re.Match[str] | None) -> datetime | date | None:
    if match is None:
        return None
    parts: dict[str, str | None] = match.groupdict()
    try:
        year = int(parts.get("Y") or f"20{parts.get('y')}")
        month = int(parts["m"] or 0) if "m" in parts else _MONTHS[str(parts["b"]).casefold()]
        day = date(year, month, int(parts["d"] or 0))
        hour = parts.get("H") or parts.get("I")
        if hour is None:
            return day
        zone = _zone_of(offset) if (offset := parts.get("z")) else None
        clock = (_hour_of(int(hour), parts.get("p")), int(parts.get("M") or 0), int(parts.get("S") or 0))
        return datetime(year, month, day.day, *clock, tzinfo=zone)
    except (ValueError, KeyError, BadForm):
        return None


def _hour_of(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError
    return hour % 12 + (12 if half in "Pp" else 0)


def _read_number(name: str, content: str) -> datetime | None:
    if not _NUMBER.fullmatch(content):
        return None
    number = float(content.replace(",", "."))
    try:
        if name == "excel":
            return _SPREADSHEET_BEGIN + timedelta(seconds=round(number * 86400))
        return datetime.fromtimestamp(number / (1000 if name == "unix_ms" else 1), UTC)
    except (ValueError, OverflowError, OSError):
        return None


Converter = Callable[[Any], Any]
"""Turns a raw cell into one that the kind's own reader understands, or into an `UnreadableCell`."""


def time_converter(forms: Sequence[str], zone_name: str) -> Converter:
    """Make the converter of times. Raises BadForm.

    A text without a digit is left to the kind's reader: it is no time, but may be a word for nothing.
    """
    readers = tuple(map(read_form, forms or ("iso",)))
    zone = read_zone(zone_name)

    @lru_cache(maxsize=8192)
    def convert_text(content: str) -> str | UnreadableCell:
        readings = {str(reading): reading for form in readers if (reading := form.read(content)) is not None}
        if len(readings) > 1:
            reason = "the mapping's forms read it as two different times"
            return UnreadableCell("ambiguous_time", reason, "Keep one of the forms in [times].", content)
        if not readings:
            reason = "it is not a time in a form of the mapping"
            return UnreadableCell("not_a_time", reason, "Correct it, or add its form to [times].", content)
        return _write_time(readings.popitem()[1], zone)

    def convert(raw: Any) -> Any:
        content = str(raw) if type(raw) in {int, float} else raw
        if not isinstance(content, str) or not any(map(str.isdigit, content)):
            return raw
        return convert_text(" ".join(content.split()))

    return convert


def _write_time(reading: datetime | date, zone: tzinfo) -> str | UnreadableCell:
    """Write a time for the kind's reader, which takes one without an offset for Stockholm's."""
    if not isinstance(reading, datetime):
        return reading.isoformat()
    if reading.tzinfo is None and zone is not STOCKHOLM:
        reading = reading.replace(tzinfo=zone)
        if reading.utcoffset() != reading.replace(fold=1).utcoffset():
            reason = "the clocks of the mapping's zone skip or repeat this time"
            return UnreadableCell(
                "ambiguous_time", reason, "Write it with its offset, or choose another time.", str(reading)
            )
    try:
        return reading.isoformat(timespec="seconds") if reading.tzinfo is None else _as_stockholm(reading)
    except (ValueError, OverflowError):
        return UnreadableCell("out_of_range", "the date lies too far away", "Check the year.", str(reading))


def _as_stockholm(reading: datetime) -> str:
    text = reading.astimezone(STOCKHOLM).isoformat(timespec="seconds")
    # Before there was a standard time, offsets had seconds, which no reader takes.
    return text if len(text) == len("2026-12-02T09:15:00+01:00") else f"{reading:%Y-%m-%dT%H:%M:%S}Z"
