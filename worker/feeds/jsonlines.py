"""The reader of JSON lines: one object a line, its keys the headings."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, TextIO

from worker.feeds.records import open_text
from worker.feeds.sniffing import SniffedText, encoding_label
from worker.feeds.source import MAX_CELL, MAX_COLUMNS, MAX_ROW, BadRow, Feed, FileRefused, Row

_ONE_OBJECT = "Write one JSON object a line"


def open_json_lines(file: BinaryIO, name: str, seen: SniffedText) -> Feed:
    """Read the file once to learn every key that occurs in it, so that unknown ones refuse the file as a whole."""
    keys: dict[str, None] = {}
    total = objects = 0
    for line, found in _objects(open_text(file, seen.encoding)):
        total += 1
        if isinstance(found, dict):
            objects += 1
            keys.update(dict.fromkeys(found))
            if len(keys) > MAX_COLUMNS:
                raise FileRefused(name, f"line {line}: more than {MAX_COLUMNS} different keys", "Export fewer fields")
    if not objects:
        raise FileRefused(name, "no line of it is a JSON object", _ONE_OBJECT)
    headings = tuple(keys)
    return Feed(
        name=name,
        form="jsonl",
        encoding=encoding_label(seen.encoding),
        delimiter=None,
        size=seen.size,
        sha256=seen.sha256,
        headings=headings,
        heading_line=1,
        total=total,
        rows=lambda: _rows(file, seen.encoding, headings),
    )


def _rows(file: BinaryIO, encoding: str, headings: tuple[str, ...]) -> Iterator[Row | BadRow]:
    for line, found in _objects(open_text(file, encoding)):
        if isinstance(found, BadRow):
            yield found
        elif column := _oversized(found):
            why = f"the value is longer than {MAX_CELL:,} characters"
            yield BadRow(line, "cell_too_long", why, f"Shorten it to {MAX_CELL:,} characters.", column)
        else:
            yield Row(line, [found.get(heading) for heading in headings])


def _objects(text: TextIO) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Every line that is not blank, as the object it holds or as what is wrong with it."""
    number = 0
    while piece := text.readline(MAX_ROW):
        number += 1
        long = not piece.endswith("\n") and len(piece) >= MAX_ROW
        while long and not piece.endswith("\n") and (piece := text.readline(MAX_ROW)):
            pass
        if long:
            why = f"the line is longer than {MAX_ROW:,} characters"
            yield number, BadRow(number, "row_too_long", why, f"Shorten each value to {MAX_CELL:,} characters.")
        elif piece.strip():
            yield number, _object(number, piece)


def _object(line: int, text: str) -> dict[str, Any] | BadRow:
    try:
        found = _DECODER.decode(text)
        # A half of a surrogate pair is legal in JSON's escapes, and no character: no database could keep it.
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return BadRow(line, "not_text", "a value holds half a character (a lone surrogate)", "Export it as UTF-8.")
    except _RepeatedKey:
        return BadRow(line, "repeated_key", "a key stands twice in the object", "Keep one of the two.")
    except (ValueError, RecursionError):
        return BadRow(line, "not_json", "the line is not valid JSON", f"{_ONE_OBJECT}.")
    if not isinstance(found, dict):
        return BadRow(line, "not_json", "the line is JSON, but not an object", f"{_ONE_OBJECT}.")
    return found


class _RepeatedKey(Exception):  # noqa: N818
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKey
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _oversized(found: dict[str, Any]) -> str | None:
    """The first key whose text is too long. Lists and objects are bounded by the line, and judged by the kind."""
    return next((key for key, value in found.items() if isinstance(value, str) and len(value) > MAX_CELL), None)
