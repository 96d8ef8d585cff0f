"""How one cell of a CRM's row is read: text of a table or a value of JSON goes in, a JSON-ready value comes out.

Each reader takes the raw cell, gives None where it says nothing, and raises BadCell where it cannot be meant. Values in
their usual form are read here; `damage`, `ids` and `time_faults` look at all others.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final

from worker.kind.damage import (
    CONTROLS_OR_BREAKS,
    LONGEST_TEXT,
    LONGEST_WORD,
    NO_TEXTS,
    ODD_IN_TEXT,
    mended_text,
    word_of,
)
from worker.kind.ids import LONGEST_ID, NO_IDS, PATH_ID, free_id, vitec_id
from worker.kind.problems import BadCell
from worker.kind.time_faults import YEARS, implausible_year, no_such_time, skipped_or_repeated, why_no_time
from worker.kind.tokens import token
from worker.kind.words import LARGEST_NUMBER, LONGEST_LIST, WITH_A_DIGIT, Reader, listed, number, once_each, one_of
from worker.stockholm import STOCKHOLM

__all__ = [
    "DAY_LENGTH", "LARGEST_NUMBER", "LONGEST_ID", "LONGEST_LIST", "LONGEST_TEXT", "PATH_ID", "WITH_A_DIGIT", "Cell", "Reader",
    "body_id", "day_begins", "flag", "is_plain", "listed", "moment", "moment_or_day", "number", "once_each", "one_of",
    "path_id", "read_column", "read_time", "source_id", "text", "token",
]  # fmt: skip

_PLAIN_PATH_ID = re.compile(r"(?![_-]+\Z)[A-Za-z0-9_-]{1,64}")
_PLAIN_ID = re.compile(rf"(?![_-]+\Z)[A-Za-z0-9_-]{{1,{LONGEST_ID}}}")
_TIME = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[Tt]| +(?:[Kk][Ll]\.? *)?) *"
    r"(\d{1,2})([:.])(\d\d)(?:\6(\d\d)(?:[.,]\d{1,9})?)? *([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_DAY = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_FLAGS: Final = {
    **dict.fromkeys(("true", "1", "yes", "ja", "sant", "x", "j", "y", "t", "on", "på", "sann", "✓", "✔", "☑"), True),
    **dict.fromkeys(("false", "0", "no", "nej", "falskt", "n", "f", "off", "av", "falsk", "☐"), False),
    **dict.fromkeys(("1.0", "1,0"), True),
    **dict.fromkeys(("0.0", "0,0"), False),
}


@dataclass(frozen=True, slots=True, init=False)
class Cell:
    """How a field is read, Vitec's name for it (`group.name` where it is nested) and its Swedish headings."""

    read: Reader
    name: str
    swedish: tuple[str, ...]

    def __init__(self, read: Reader, name: str, *swedish: str) -> None:
        object.__setattr__(self, "read", read)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "swedish", swedish)


def read_column(read: Reader, cells: Sequence[Any]) -> list[Any]:
    """Read the cells of a column; a text that stands in many of them is read once."""
    # Only texts: JSON's `true`, 1 and 1.0 would be taken for each other.
    if set(map(type, cells)) == {str} and len(texts := set(cells)) * 2 < len(cells):
        return list(map({cell: read(cell) for cell in texts}.__getitem__, cells))
    return list(map(read, cells))


def is_plain(text: str) -> bool:
    """Whether a text is free of control characters, line breaks and halves of characters."""
    return CONTROLS_OR_BREAKS.search(text) is None


def text(raw: Any) -> str | None:
    """Read free text; its inner line breaks are kept, as LF."""
    if type(raw) is str:
        content = raw.strip()
        length = len(content)
        if (
            (length > LONGEST_WORD or content not in NO_TEXTS)
            and length <= LONGEST_TEXT
            and not ODD_IN_TEXT.search(content)
        ):
            return content or None
    return mended_text(raw)


def path_id(raw: Any) -> str | None:
    """Read an id that goes into the path, where some characters would change which call is made."""
    # Nearly every id comes as it should be; only the others are looked at more closely.
    if type(raw) is str and _PLAIN_PATH_ID.fullmatch(raw) and (len(raw) > LONGEST_WORD or raw not in NO_IDS):
        return raw
    return vitec_id(raw)


def body_id(raw: Any) -> str | None:
    """Read an id of Vitec's that goes into the body: it is of the same characters, as all are that Vitec gives."""
    if type(raw) is str and _PLAIN_PATH_ID.fullmatch(raw) and (len(raw) > LONGEST_WORD or raw not in NO_IDS):
        return raw
    return vitec_id(raw)


def source_id(raw: Any) -> str | None:
    """Read the CRM's own id of a row, which may hold other characters."""
    if type(raw) is str and _PLAIN_ID.fullmatch(raw) and (len(raw) > LONGEST_WORD or raw not in NO_IDS):
        return raw
    return free_id(raw)


def flag(raw: Any) -> bool | None:
    """Read a yes or no."""
    if isinstance(raw, bool):
        return raw
    content = word_of(raw)
    if content is None:
        return None
    value = _FLAGS.get(content.casefold().rstrip("."))
    if value is not None:
        return value
    raise BadCell(
        "not_a_flag", "it is neither yes nor no", "Write ja or nej (or true, false, 1, 0, x), or leave it empty."
    )


def moment(raw: Any) -> str | None:
    """Read a time; it is kept as it is sent to Vitec: whole seconds with Stockholm's own offset."""
    return _as_sent(raw if type(raw) is str else _as_written(raw))


DAY_LENGTH: Final = len("2026-12-24")


def moment_or_day(raw: Any) -> str | None:
    """Read a time, or the date of a whole day, which is kept as 2026-12-24: `day_begins` says when it begins."""
    written = raw if type(raw) is str else _as_written(raw)
    try:
        return _as_sent(written)
    except BadCell:
        day = _DAY.fullmatch(word_of(written) or "")
        if day is None:
            raise
    content = f"{day[1]}-{day[3]:0>2}-{day[4]:0>2}"
    day_begins(content)
    return content


def day_begins(text: str) -> str:
    """Give the first moment of a day, as it is sent to Vitec."""
    return _as_sent(f"{text} 00:00") or text


def _as_written(raw: Any) -> str:
    """Give a date or a time of a program's as text; an empty one where there is none."""
    if raw is None:
        return ""
    if isinstance(raw, date):
        return raw.isoformat()
    raise BadCell("wrong_type", "it is not a time", "Write it as 2026-12-02T09:15:30+01:00.")


# A calendar's times lie on quarters of an hour, so the same ones come again and again.
@lru_cache(maxsize=8192)
def _as_sent(written: str) -> str | None:
    content = written if _TIME.fullmatch(written) else word_of(written)
    if content is None:
        return None
    time = read_time(content)
    if time.year not in YEARS:
        raise implausible_year()
    return time.isoformat(timespec="seconds")


def read_time(content: str) -> datetime:
    """Read a CRM's time, aware and in Stockholm's own offset; fractions of a second are cut.

    Without an offset it is Stockholm time. Raises BadCell, also where Stockholm's clocks skip or repeat that time.
    """
    parts = _TIME.fullmatch(content)
    if parts is None:
        raise why_no_time(content)
    year, _, month, day, hour, _, minute, second, offset = parts.groups()
    try:
        zone = _zone_of(offset) if offset else STOCKHOLM
        time = datetime(*map(int, (year, month, day, hour, minute, second or 0)), tzinfo=zone).astimezone(STOCKHOLM)  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError):
        raise no_such_time() from None
    utc_offset = time.utcoffset()
    # In an hour that the clocks skip or repeat, the two readings of a time differ.
    if not offset and utc_offset != time.replace(fold=1).utcoffset():
        raise skipped_or_repeated(time)
    # Before there was a standard time, Stockholm's offset had seconds, which ISO 8601 cannot write.
    if utc_offset is None or utc_offset.seconds % 60:
        raise implausible_year()
    return time


def _zone_of(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:].removeprefix(":") or 0))
    return timezone(-size if offset[0] == "-" else size)
