"""Reads a mapping file: its form, its keys and its sense, with every fault at once."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from worker.mapping.checking import find_complaints, find_questions
from worker.mapping.faults import MappingFault, MappingRefused, find_lines, line_of, write_key
from worker.mapping.model import ExportMapping

MAX_BYTES: Final = 1024 * 1024
"""A larger file is no mapping."""

_REMEDIES: Final = {
    "version": "Write version = 1",
    "kind": 'Write kind = "appointment", or a table [kind] with column = "…" and values = { "Möte" = "appointment" }',
    "columns": 'Write "Heading" = "field", or "Heading" = { appointment = "field", comeback = "field" }',
    "leave_out": 'Write leave_out = ["Heading", "Heading"]',
    "constants": 'Write field = "value"',
    "joined": 'Write field = ["Heading", "Heading"]',
    "words": 'Write a table [words.field] with "their word" = "Vitec\'s word"',
    "times": 'Write [times] with forms = ["%d.%m.%Y kl. %H:%M"] and zone = "Europe/Stockholm"',
    "flags": 'Write [flags] with yes = ["J"] and no = ["N"]',
    "lists": 'Write [lists] with separator = ","',
    "after": 'Write [after] with column = "Heading" and kind = "appointment"',
    "handed_on": 'Write meeting_id = "appointment"',
    "withdrawn": 'Write withdrawn = { column = "Heading", values = ["Avbokad"] }',
    "results": 'Write [results.columns] with remote_id = "their name"',
}
_UNKNOWN: Final = f"The keys are {', '.join(_REMEDIES)}; those without a table stand above the first [table]"
_WRONG: Final = {
    "extra_forbidden": "there is no such key",
    "missing": "it is missing",
    "string_too_short": "it is empty",
    "string_too_long": "it is too long",
    "too_short": "it holds too few",
    "literal_error": "this value is not known",
}


def read_mapping(path: Path) -> ExportMapping:
    """Read a mapping file. Raises `MappingRefused` with all that is wrong with it."""
    return parse_mapping(read_text(path), path.name)


def read_text(path: Path) -> str:
    """Read the text of a mapping file. Raises `MappingRefused`."""
    name = path.name or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "its name is not valid"
        raise MappingRefused(
            name, [MappingFault(0, "", f"the mapping cannot be read ({why})", "Check the path")]
        ) from None
    if len(content) > MAX_BYTES:
        raise MappingRefused(name, [MappingFault(0, "", "it is larger than 1 MiB, so no mapping", "Check the path")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MappingRefused(name, [MappingFault(line, "", "it is not UTF-8", "Save it as UTF-8")]) from None


def parse_mapping(text: str, name: str) -> ExportMapping:
    """Read the text of a mapping; `name` is the file's. Raises `MappingRefused` with all that is wrong with it."""
    data = _parse_toml(text, name)
    lines = find_lines(text)
    faults = list(_place(lines, find_questions(data)))
    try:
        mapping = ExportMapping.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        faults += _describe_form(errors, data, lines)
        if sound := _without(data, [_way_to(fault, data) for fault in errors]):
            faults += _place(lines, find_complaints(sound))
    else:
        faults += _place(lines, find_complaints(mapping))
        if not faults:
            return mapping
    raise MappingRefused(name, sorted(faults, key=lambda fault: fault.line))


def _without(data: Mapping[str, Any], keys: Sequence[tuple[object, ...]]) -> ExportMapping | None:
    """Give the mapping without the values that have the wrong form, so that the others are judged at the same time."""
    sound = deepcopy(dict(data))
    for key in keys:
        holder: Any = sound
        for part in key[:-1]:
            holder = holder.get(part, {}) if isinstance(holder, dict) else {}
        if key and isinstance(holder, dict):
            holder.pop(key[-1], None)
    try:
        return ExportMapping.model_validate({**sound, "version": 1})
    except ValidationError:
        return None


def _parse_toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its text tells the place, and quotes no more than a sign or a key.
        why, _, place = str(error).rpartition(" (at ")
        line = next((int(word) for word in place.replace(",", " ").split() if word.isdigit()), len(text.splitlines()))
        fault = MappingFault(
            line, "", f"this is no TOML: {why or error}", 'Write names and texts in quotes: "Börjar" = "starts_at"'
        )
        raise MappingRefused(name, [fault]) from None
    except RecursionError:
        raise MappingRefused(name, [MappingFault(0, "", "it is nested too deep", "Write it flat")]) from None


def _place(
    lines: Mapping[tuple[str, ...], int], complaints: Iterator[tuple[tuple[object, ...], str, str]]
) -> Iterator[MappingFault]:
    for key, wrong, remedy in complaints:
        yield MappingFault(line_of(lines, key), write_key(key), wrong, remedy)


def _describe_form(
    errors: Sequence[ErrorDetails], data: Mapping[str, Any], lines: Mapping[tuple[str, ...], int]
) -> Iterator[MappingFault]:
    """Describe each value that has the wrong form once, in our words."""
    faults: dict[tuple[object, ...], MappingFault] = {}
    for error in errors:
        key = _way_to(error, data)
        wrong = _WRONG.get(error["type"], "it has the wrong form")
        is_unknown = error["type"] == "extra_forbidden" and len(key) == 1
        remedy = _UNKNOWN if is_unknown else _REMEDIES.get(str(key[0]) if key else "", _UNKNOWN)
        faults.setdefault(key, MappingFault(line_of(lines, key), write_key(key), wrong, remedy))
    # Where a value may have several forms, each is held against it; the deepest fault is the one that was meant.
    yield from (
        fault for key, fault in faults.items() if not any(key == deeper[: len(key)] != deeper for deeper in faults)
    )


def _way_to(error: ErrorDetails, data: Any) -> tuple[object, ...]:
    """Give the keys that lead to a value; pydantic also names the arms of a union, which stand in no file."""
    key: list[object] = []
    for part in error["loc"]:
        if isinstance(data, dict) and part in data:
            key.append(part)
            data = data[part]
        elif error["type"] == "missing" and part == error["loc"][-1] and isinstance(data, dict):
            key.append(part)
    return tuple(key)
