"""How one cell of a CRM's row is read: text of a table or a value of JSON goes in, a JSON-ready value comes out.

Each reader takes the raw cell, gives None where it says nothing, and raises BadCell where it cannot be meant.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from worker.kind.problems import BadCell
from worker.stockholm import STOCKHOLM

Reader = Callable[[Any], Any]

LONGEST_TEXT: Final = 10_000
LONGEST_ID: Final = 200
LONGEST_LIST: Final = 1_000
LARGEST_NUMBER: Final = 2**31 - 1
PATH_ID: Final = r"^[A-Za-z0-9_-]{1,64}$"

_PATH_ID = re.compile(PATH_ID)
_NUMBER = re.compile(r"[+-]?\d{1,12}", re.ASCII)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ] *(\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)? *([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_WRITE_TIME = "Write it as 2026-12-02 09:15 or 2026-12-02T09:15:30+01:00."
# Halves of surrogate pairs stand beside the control characters: JSON can bring them, and neither UTF-8 nor a database
# can take them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROLS_OR_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FLAGS: Final = {
    **dict.fromkeys(("true", "1", "yes", "ja", "sant", "x"), True),
    **dict.fromkeys(("false", "0", "no", "nej", "falskt"), False),
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
    return _CONTROLS_OR_BREAKS.search(text) is None


def _content_of(raw: Any) -> str | None:
    """Give the text without outer blanks; None where there is none. A whole number of JSON counts as its digits."""
    if isinstance(raw, str):
        return raw.strip() or None
    if raw is None:
        return None
    if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) <= 10**18:
        return str(raw)
    raise BadCell("wrong_type", "it is not a text", "Give one value, as text.")


def text(raw: Any) -> str | None:
    """Read free text; its inner line breaks are kept, as LF."""
    content = (raw.strip() or None) if type(raw) is str else _content_of(raw)
    if content is None:
        return None
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    if len(content) > LONGEST_TEXT:
        raise BadCell("too_long", f"it is longer than {LONGEST_TEXT} characters", "Shorten it.")
    if _CONTROLS.search(content):
        raise BadCell("control_character", "it holds a control character", "Remove it; check the file's encoding.")
    return content


def body_id(raw: Any) -> str | None:
    """Read an id that goes into the body, opaque."""
    content = (raw.strip() or None) if type(raw) is str else _content_of(raw)
    if content is None:
        return None
    if len(content) > LONGEST_ID:
        raise BadCell("too_long", f"the id is longer than {LONGEST_ID} characters", "Check the id.")
    if not is_plain(content):
        raise BadCell("control_character", "the id holds a line break or a control character", "Check the id.")
    return content


def path_id(raw: Any) -> str | None:
    """Read an id that goes into the path, where some characters would change which call is made."""
    # Nearly every id comes as it should be; only the others are looked at more closely.
    if type(raw) is str and _PATH_ID.fullmatch(raw):
        return raw
    content = _content_of(raw)
    if content is None or _PATH_ID.fullmatch(content):
        return content
    raise BadCell(
        "bad_id", "the id holds more than letters, digits, _ and -, or is longer than 64 characters", "Check the id."
    )


def flag(raw: Any) -> bool | None:
    """Read a yes or no."""
    if isinstance(raw, bool):
        return raw
    content = _content_of(raw)
    if content is None:
        return None
    value = _FLAGS.get(content.casefold())
    if value is not None:
        return value
    raise BadCell(
        "not_a_flag", "it is neither yes nor no", "Write ja or nej (or true, false, 1, 0, x), or leave it empty."
    )


def number(low: int, high: int = LARGEST_NUMBER) -> Reader:
    """Make the reader of a whole number from `low` to `high`."""

    def read(raw: Any) -> int | None:
        content = _content_of(int(raw) if isinstance(raw, float) and raw.is_integer() else raw)
        if content is None:
            return None
        if not _NUMBER.fullmatch(content):
            raise BadCell("not_a_number", "it is not a whole number", "Write digits only.")
        value = int(content)
        if value < low and low == 0:
            raise BadCell("out_of_range", "it is negative", "Write 0 or more.")
        if not low <= value <= high:
            raise BadCell("out_of_range", f"it is not between {low} and {high}", f"Write {low} to {high}.")
        return value

    return read


def one_of(*words: str) -> Reader:
    """Make the reader of one of Vitec's words, upper and lower case alike."""
    word_of = {word.casefold(): word for word in words}

    def read(raw: Any) -> str | None:
        content = _content_of(raw)
        if content is None:
            return None
        word = word_of.get(content.casefold())
        if word is None:
            raise BadCell("unknown_word", f"it is none of {', '.join(words)}", f"Write one of {', '.join(words)}.")
        return word

    return read


def listed(read_one: Reader) -> Reader:
    """Make the reader of a list: a cell with `|` between its parts, or an array of JSON. An empty one says nothing."""

    def read(raw: Any) -> tuple[Any, ...] | None:
        parts = raw if isinstance(raw, list | tuple) else (_content_of(raw) or "").split("|")
        if len(parts) > LONGEST_LIST:
            raise BadCell("too_long", f"it lists more than {LONGEST_LIST}", "Split the row.")
        return tuple(value for part in parts if (value := read_one(part)) is not None) or None

    return read


def once_each(read_list: Reader) -> Reader:
    """Make the reader of a list that holds each value once, so that no user is notified twice."""

    def read(raw: Any) -> tuple[Any, ...] | None:
        return tuple(dict.fromkeys(read_list(raw) or ())) or None

    return read


def moment(raw: Any) -> str | None:
    """Read a time; it is kept as it is sent to Vitec: whole seconds with Stockholm's own offset."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise BadCell("wrong_type", "it is not a time", "Write it as 2026-12-02T09:15:30+01:00.")
    content = raw.strip()
    return _as_sent(content) if content else None


DAY_LENGTH: Final = len("2026-12-24")


def moment_or_day(raw: Any) -> str | None:
    """Read a time, or the date of a whole day, which is kept as it stands: `day_begins` says when it begins."""
    if not isinstance(raw, str) or not (content := raw.strip()):
        return moment(raw)
    if len(content) != DAY_LENGTH or content[4] + content[7] != "--":
        return _as_sent(content)
    day_begins(content)
    return content


def day_begins(text: str) -> str:
    """Give the first moment of a day, as it is sent to Vitec."""
    return _as_sent(f"{text} 00:00")


# A calendar's times lie on quarters of an hour, so the same ones come again and again.
@lru_cache(maxsize=8192)
def _as_sent(content: str) -> str:
    return read_time(content).isoformat(timespec="seconds")


def read_time(content: str) -> datetime:
    """Read a CRM's time, aware and in Stockholm's own offset; fractions of a second are cut.

    Without an offset it is Stockholm time. Raises BadCell, also where Stockholm's clocks skip or repeat that time.
    """
    parts = _TIME.fullmatch(content)
    if parts is None:
        raise BadCell("not_a_time", "it is not a date with a time of day", _WRITE_TIME)
    *numbers, offset = parts.groups()
    try:
        zone = _zone_of(offset) if offset else STOCKHOLM
        time = datetime(*(int(number or 0) for number in numbers), tzinfo=zone).astimezone(STOCKHOLM)  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError):
        raise BadCell("not_a_time", "there is no such date or time of day", _WRITE_TIME) from None
    utc_offset = time.utcoffset()
    # In an hour that the clocks skip or repeat, the two readings of a time differ.
    if not offset and utc_offset != time.replace(fold=1).utcoffset():
        raise _skipped_or_repeated(time)
    # Before there was a standard time, Stockholm's offset had seconds, which ISO 8601 cannot write. That also keeps out
    # the years before 1753, where SQL Server's `datetime` begins, in which Vitec seems to keep its times.
    if utc_offset is None or utc_offset.seconds % 60:
        raise BadCell("out_of_range", "the date lies too far back", "Check the year.")
    return time


def _zone_of(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:].removeprefix(":") or 0))
    return timezone(-size if offset[0] == "-" else size)


def _skipped_or_repeated(time: datetime) -> BadCell:
    before, after = (time.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    # Where clocks are put forward the earlier reading has the smaller offset, where they are put back the larger one.
    if before < after:
        reason = "Stockholm's clocks skip this time when summer time begins"
        return BadCell(
            "no_such_time", reason, "Choose another time, or write the offset, as in 2027-03-28T02:30+01:00."
        )
    reason = "this time occurs twice in Stockholm when summer time ends"
    return BadCell("ambiguous_time", reason, "Write the offset, as in 2027-10-31T02:30+01:00.")


def token(raw: Any) -> str | None:
    """Read a token as it stands in a URL, percent-decoded exactly once. Plus signs belong to base64 and stay."""
    content = _content_of(raw)
    if content is None or "%" not in content:
        return text(content)
    try:
        return text(unquote(content, errors="strict"))
    except UnicodeDecodeError:
        raise BadCell(
            "bad_token", "its percent-encoding is broken", "Copy the token from the URL as it stands."
        ) from None
