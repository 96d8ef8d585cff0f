"""The reader of JSON lines: one object a line, its keys the headings."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from worker.feeds.source import (
    ENCODING_LABELS,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROW,
    BadRow,
    FileRefused,
    OpenExport,
    Row,
    SniffedFile,
)

_ONE_OBJECT = "Write one JSON object a line"


def open_json_lines(text: TextIO, name: str, sniffed: SniffedFile) -> OpenExport:
    """Read the file once to learn every key that occurs in it, so that unknown ones refuse the file as a whole."""
    keys: dict[str, None] = {}
    total = objects = 0
    for line, parsed in _parse_lines(text):
        total += 1
        if isinstance(parsed, dict):
            objects += 1
            keys.update(dict.fromkeys(parsed))
            if len(keys) > MAX_COLUMNS:
                raise FileRefused(name, f"line {line}: more than {MAX_COLUMNS} different keys", "Export fewer fields")
    if not objects:
        raise FileRefused(name, "no line of it is a JSON object", _ONE_OBJECT)
    headings = tuple(keys)
    return OpenExport(
        name=name,
        form="jsonl",
        encoding=ENCODING_LABELS[sniffed.encoding],
        delimiter=None,
        size=sniffed.size,
        sha256=sniffed.sha256,
        headings=headings,
        heading_line=1,
        total=total,
        rows=lambda: _read_rows(text, headings),
    )


def _read_rows(text: TextIO, headings: tuple[str, ...]) -> Iterator[Row | BadRow]:
    for line, parsed in _parse_lines(text):
        if isinstance(parsed, BadRow):
            yield parsed
        elif column := _find_oversized_key(parsed):
            reason = f"the value is longer than {MAX_CELL:,} characters"
            yield BadRow(line, "cell_too_long", reason, f"Shorten it to {MAX_CELL:,} characters.", column)
        else:
            yield Row(line, [parsed.get(heading) for heading in headings])


def _parse_lines(text: TextIO) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Yield every line that is not blank, from the beginning, as the object it holds or as the reason why it holds none."""
    text.seek(0)
    number = 0
    while piece := text.readline(MAX_ROW):
        number += 1
        too_long = not piece.endswith("\n") and len(piece) >= MAX_ROW
        while too_long and not piece.endswith("\n") and (piece := text.readline(MAX_ROW)):
            pass
        if too_long:
            reason = f"the line is longer than {MAX_ROW:,} characters"
            yield number, BadRow(number, "row_too_long", reason, f"Shorten each value to {MAX_CELL:,} characters.")
        elif piece.strip():
            yield number, parse_object(number, piece)


def parse_object(line: int, text: str) -> dict[str, Any] | BadRow:
    """Read the object of JSON on a line, or say why there is none."""
    try:
        value = _DECODER.decode(text)
        # A half of a surrogate pair is legal in JSON's escapes, and no character: no database could keep it.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return BadRow(line, "not_text", "a value holds half a character (a lone surrogate)", "Export it as UTF-8.")
    except _RepeatedKey:
        return BadRow(line, "repeated_key", "a key stands twice in the object", "Keep one of the two.")
    except (ValueError, RecursionError):
        return BadRow(line, "not_json", "the line is not valid JSON", f"{_ONE_OBJECT}.")
    if not isinstance(value, dict):
        return BadRow(line, "not_json", "the line is JSON, but not an object", f"{_ONE_OBJECT}.")
    return value


class _RepeatedKey(Exception):  # noqa: N818 (a fact)
    """A key stands twice in an object."""


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RepeatedKey
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant)


def _find_oversized_key(parsed: dict[str, Any]) -> str | None:
    """Return the first key with a text that is too long. Lists and objects are bounded by the line, and judged by the kind."""
    return next((key for key, value in parsed.items() if isinstance(value, str) and len(value) > MAX_CELL), None)
