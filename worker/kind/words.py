"""Readers of few values: whole numbers, Vitec's words, and lists of them or of ids."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from worker.kind.damage import content_of, word_of
from worker.kind.problems import BadCell

Reader = Callable[[Any], Any]

LONGEST_LIST: Final = 1_000
LARGEST_NUMBER: Final = 2**31 - 1

_NUMBER = re.compile(r"([+-]?\d{1,12})(?:[.,]0{1,2})?", re.ASCII)
_BETWEEN = re.compile(r"[|,;\n\r]")
_BLANK_OR_SIGN = re.compile(r"[\s|,;]")
_SEPARATE: Final = "Separate the values by |, as in A1|B2."


def number(low: int, high: int = LARGEST_NUMBER) -> Reader:
    """Make the reader of a whole number from `low` to `high`."""

    def read(raw: Any) -> int | None:
        content = word_of(int(raw) if isinstance(raw, float) and raw.is_integer() else raw)
        if content is None:
            return None
        digits = _NUMBER.fullmatch(content)
        if not digits:
            raise BadCell("not_a_number", "it is not a whole number", "Write digits only.")
        value = int(digits[1])
        if value < low and low == 0:
            raise BadCell("out_of_range", "it is negative", "Write 0 or more.")
        if not low <= value <= high:
            raise BadCell("out_of_range", f"it is not between {low} and {high}", f"Write {low} to {high}.")
        return value

    return read


def one_of(*words: str, also: Mapping[str, Iterable[str]] = MappingProxyType({})) -> Reader:
    """Make the reader of one of Vitec's words, upper and lower case alike. `also`: such a word → other words for it."""
    word_by_form = {form.casefold(): word for word in words for form in (word, *also.get(word, ()))}

    def read(raw: Any) -> str | None:
        content = word_of(raw)
        if content is None:
            return None
        word = word_by_form.get(content.casefold().rstrip("."))
        if word is None:
            raise BadCell("unknown_word", f"it is none of {', '.join(words)}", f"Write one of {', '.join(words)}.")
        return word

    return read


WITH_A_DIGIT: Final = r".*\d.*"
"""Ids that Vitec gives have digits; the names of people have none."""


def listed(read_one: Reader, sure: str = ".*") -> Reader:
    """Make the reader of a list: a cell with `|` between its parts, or an array of JSON. An empty one says nothing.

    A comma, a semicolon or a line break stands between parts, too, where the value of a part can hold none and each part
    is `sure`: matches this pattern, so that a name is never taken for two ids.
    """
    is_sure = re.compile(sure).fullmatch

    def read(raw: Any) -> tuple[Any, ...] | None:
        parts = raw if isinstance(raw, list | tuple) else _parts_of(raw)
        values = tuple(value for part in parts for value in _read_part(read_one, part, is_sure))
        if max(len(parts), len(values)) > LONGEST_LIST:
            raise BadCell("too_long", f"it lists more than {LONGEST_LIST}", "Split the row.")
        return tuple(value for value in values if value is not None) or None

    return read


def _parts_of(raw: Any) -> Sequence[Any]:
    content = content_of(raw) or ""
    if content.startswith("["):
        try:
            parts = json.loads(content)
        except (ValueError, RecursionError):
            parts = None
        if isinstance(parts, list):
            return parts
    return content.split("|")


def _read_part(read_one: Reader, part: Any, is_sure: Callable[[str], Any]) -> list[Any]:
    """Give the value of a part, or those that it surely holds with another sign between them."""
    try:
        return [read_one(part)]
    except BadCell as bad:
        if not isinstance(part, str) or not _BLANK_OR_SIGN.search(part.strip()):
            raise
        if not _BETWEEN.search(part):
            raise BadCell(bad.code, bad.reason, f"{bad.remedy} {_SEPARATE}") from None
    return [_read_piece(read_one, piece, is_sure) for piece in map(str.strip, _BETWEEN.split(part)) if piece]


def _read_piece(read_one: Reader, piece: str, is_sure: Callable[[str], Any]) -> Any:
    try:
        value = read_one(piece)
    except BadCell as bad:
        reason = f"it lists several values, and of one of them {bad.reason}"
        raise BadCell("several_values", reason, f"{bad.remedy} {_SEPARATE}") from None
    if value is not None and not is_sure(piece):
        raise BadCell("several_values", "it is several values, or one with such a sign in it", _SEPARATE)
    return value


def once_each(read_list: Reader) -> Reader:
    """Make the reader of a list that holds each value once, so that no user is notified twice."""

    def read(raw: Any) -> tuple[Any, ...] | None:
        return tuple(dict.fromkeys(read_list(raw) or ())) or None

    return read
