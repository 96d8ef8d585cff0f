"""The shape of an answer: its form without its data, so that it may be kept for ever, shown and compared.

A shape holds classes of characters, types and plain names of members, never a value. The one part of a text that it
repeats is the letters before 32 hexadecimal digits (`CAL`): the sort of thing that Vitec's ids begin with.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

SHAPE_AT_MOST: Final = 400
"""Characters of a shape; a longer one is cut."""

_DEPTH, _NAMES, _ITEMS, _RUNS = 3, 12, 20, 6
"""Levels of nesting that are described, names of an object, items of a list, and runs of characters of one class."""

_NAME = re.compile(r"[A-Za-z][A-Za-z_.]{0,39}[0-9]{0,2}", re.ASCII)
_PREFIXED = re.compile(r"([A-Z]{0,6})(?:[0-9A-F]{32}|[0-9a-f]{32})", re.ASCII)
_GUID = re.compile(r"\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_ID_LIKE = re.compile(r"(?=.*\d)[A-Za-z0-9_-]{1,64}", re.ASCII)


def shape_of(value: Any) -> str:
    """Give the shape of a JSON value."""
    shape = _describe(value, _DEPTH)
    return shape if len(shape) <= SHAPE_AT_MOST else f"{shape[: SHAPE_AT_MOST - 1]}…"


def pattern_of(text: str) -> str:
    """Give the classes of characters of a text: `CAL + 32 hex`, `3 capitals + 8 digits`, `several words`."""
    if not text.strip():
        return "blank" if text else "empty"
    if prefixed := _PREFIXED.fullmatch(text):
        return f"{prefixed[1]} + 32 hex" if prefixed[1] else "32 hex"
    if _GUID.fullmatch(text):
        return "GUID"
    if moment := _MOMENT.fullmatch(text):
        return "".join(_describe_moment(*moment.groups()))
    if _ID_LIKE.fullmatch(text):
        runs = [(name, len(list(signs))) for name, signs in groupby(text, _class_of)]
        if len(runs) <= _RUNS:
            return " + ".join(name if name in "_-" else _count(name, number) for name, number in runs)
        return f"{len(text)} letters and digits"
    return "several words" if len(text.split()) > 1 else "one word"


def _describe(value: Any, depth: int) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return "whole number"
        case float():
            return "decimal number"
        case str():
            return f"text ({pattern_of(value)})"
        case list():
            return _describe_list(value, depth)
        case dict():
            return f"object {{{', '.join(_describe_members(value, depth))}}}"
    return "unknown"


def _describe_list(items: list[Any], depth: int) -> str:
    if not items:
        return "empty list"
    if depth <= 0:
        return "list"
    shapes = (_describe(item, depth - 1 if isinstance(item, list) else depth) for item in items[:_ITEMS])
    return f"list of {' or '.join(dict.fromkeys(shapes))}"


def _describe_members(members: dict[str, Any], depth: int) -> Iterator[str]:
    # A name that is none, such as an address, may be data.
    plain = sorted((name for name in members if _NAME.fullmatch(name)), key=str.casefold)[:_NAMES]
    for name in plain:
        yield f"{name}: {_describe(members[name], depth - 1)}" if depth > 1 else name
    if len(plain) < len(members):
        yield f"and {len(members) - len(plain)} more"


def _describe_moment(fraction: str | None, offset: str | None) -> Iterator[str]:
    yield "moment"
    if fraction:
        yield f" with {len(fraction)} decimals"
    yield {None: ", no offset", "Z": ", Z"}.get(offset, ", offset")


def _class_of(sign: str) -> str:
    if sign.isdigit():
        return "digit"
    return "capital" if sign.isupper() else "small letter" if sign.islower() else sign


def _count(name: str, number: int) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
