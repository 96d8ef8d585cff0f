"""A JSON document that holds one list of objects: read piece by piece, each object with the line on which it begins."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from json import JSONDecodeError
from typing import Any, NamedTuple, TextIO

from worker.feeds.content import TextSource
from worker.feeds.json_keys import JsonKeys
from worker.feeds.json_values import (
    CUT_OFF,
    DECODER,
    LENIENT_DECODER,
    NoJsonNumber,
    RepeatedKey,
    bad_row_of,
    check_text,
)
from worker.feeds.source import MAX_ROW, BadRow, FileRefused, OpenExport, Row

_MAX_DEPTH = 8
_BLANKS = " \t\r\n\ufeff\x1a"
_SHOWN = 8


class BadDocument(Exception):  # noqa: N818 (a fact)
    """The text is no JSON document. The text says where, and why."""


class _Element(NamedTuple):
    """An object of a list. `path`: the keys that lead to the list, joined by dots; `text`: as it stands in the file."""

    path: str
    line: int
    value: dict[str, Any] | BadRow
    text: str


def open_document(source: TextSource) -> OpenExport:
    """Read the document once to find the one list of objects in it, or raise `FileRefused` or `BadDocument`."""
    keys, counts, first_lines = JsonKeys(source.name), Counter[str](), dict[str, int]()
    last_line, share_lines = 0, False
    for path, line, value, _ in _Reader(source.text).elements():
        counts[path] += 1
        share_lines, last_line = share_lines or line == last_line, line
        first_lines.setdefault(path, line)
        if isinstance(value, dict) and len(counts) == 1:
            keys.add(line, value)
    if len(counts) != 1:
        raise _refusal_of_lists(source, list(counts))
    (path,) = counts
    return source.describe(
        form="json",
        delimiter=None,
        headings=keys.headings,
        heading_line=first_lines[path],
        total=counts[path],
        rows=lambda: _read_rows(source, path, keys, numbered=share_lines),
        notes=(
            *((f"The rows are those of the list {_printable(path)!r}.",) if path else ()),
            *(("Objects share a line, so rows are numbered by object.",) if share_lines else ()),
        ),
    )


def _read_rows(source: TextSource, wanted_path: str, keys: JsonKeys, *, numbered: bool) -> Iterator[Row | BadRow]:
    """Read the rows of the list. Where objects share a line, the object's number takes the line's place."""
    headings, number = keys.headings, 0
    for path, begin, value, text in _Reader(source.text).elements():
        if path != wanted_path:
            continue
        number += 1
        line = number if numbered else begin
        if isinstance(value, BadRow):
            yield replace(value, line=line)
        else:
            fault = check_text(line, value, text, may_be_damaged=source.may_be_damaged)
            yield fault or keys.row_of(line, value, headings)


def _refusal_of_lists(source: TextSource, paths: list[str]) -> FileRefused:
    if not paths:
        wrong, code = "no list of objects stands in the JSON", "no_objects"
        return FileRefused(source.name, wrong, "Export a list of objects, or one object a line", code)
    shown = ", ".join(repr(_printable(path)) for path in paths[:_SHOWN])
    wrong = f"more than one list of objects stands in the JSON: {shown}"
    return FileRefused(source.name, wrong, "Export each list by itself", "several_lists")


def _printable(path: str) -> str:
    return "".join(character for character in path if character.isprintable())[:60]


class _Reader:
    """Walks through a document from its beginning, and keeps no more of it than the object at hand."""

    def __init__(self, text: TextIO) -> None:
        text.seek(0)
        self._text = text
        self._buffer = ""
        self._at = 0
        self._value_text = ""
        self._line = 1
        self._counted = 0
        """Up to this place in the buffer line breaks have been counted."""

    def elements(self) -> Iterator[_Element]:
        """Yield the objects of all lists. Raises `BadDocument` where the text is no JSON."""
        yield from self._walk("", 0)
        if self._peek():
            raise self._error("more stands behind the end of the document")

    def _walk(self, path: str, depth: int) -> Iterator[_Element]:
        if depth > _MAX_DEPTH:
            raise self._error("it is nested too deeply")
        first = self._peek()
        if first == "{":
            yield from self._walk_object(path, depth)
        elif first == "[":
            yield from self._walk_list(path)
        else:
            self._take_value()

    def _walk_object(self, path: str, depth: int) -> Iterator[_Element]:
        self._at += 1
        while self._peek() != "}":
            key, _ = self._take_value()
            if not isinstance(key, str):
                raise self._error("a key is no text")
            self._expect(":")
            yield from self._walk(f"{path}.{key}" if path else key, depth + 1)
            if self._peek() != "}":
                self._expect(",")
                if self._peek() == "}":
                    raise self._error("a comma stands before a closing bracket")
        self._at += 1

    def _walk_list(self, path: str) -> Iterator[_Element]:
        self._at += 1
        holds_objects = self._peek() == "{"
        while self._peek() != "]":
            line = self._current_line()
            value, fault = self._take_value()
            if not isinstance(value, dict):
                fault = BadRow(line, "not_json", "an element of the list is no object", "Export objects only.")
            if holds_objects or isinstance(value, dict):
                yield _Element(path, line, fault or value, self._value_text)
            if self._peek() != "]":
                self._expect(",")
                if self._peek() == "]":
                    raise self._error("a comma stands before a closing bracket")
        self._at += 1

    def _take_value(self) -> tuple[Any, BadRow | None]:
        """Decode the next value, reading on until it is complete."""
        self._peek()
        while True:
            try:
                return self._decode()
            except (JSONDecodeError, EOFError) as error:
                if len(self._buffer) - self._at <= MAX_ROW and self._read_on():
                    continue
                if len(self._buffer) - self._at > MAX_ROW:
                    raise self._error(f"an object is longer than {MAX_ROW:,} characters") from None
                raise self._error_at(error) from None
            except RecursionError:
                raise self._error("it is nested too deeply") from None
            except ValueError:
                raise self._error("a number has too many digits") from None

    def _decode(self) -> tuple[Any, BadRow | None]:
        start, fault = self._at, None
        try:
            value, end = DECODER.raw_decode(self._buffer, start)
        except (RepeatedKey, NoJsonNumber) as error:
            value, end = LENIENT_DECODER.raw_decode(self._buffer, start)
            fault = bad_row_of(self._current_line(), "", error)
        if end == len(self._buffer) and not isinstance(value, (dict, list, str)) and self._read_on():
            # A number may go on in the next piece.
            return self._decode()
        self._value_text = self._buffer[self._at : self._at + end - start]
        self._at += end - start
        return value, fault

    def _peek(self) -> str:
        """Return the next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _BLANKS:
                    return self._buffer[self._at]
                self._at += 1
            if not self._read_on():
                return ""

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise self._error(f"{sign!r} is missing" if self._peek() else CUT_OFF)
        self._at += 1

    def _read_on(self) -> bool:
        piece = self._text.read(MAX_ROW)
        self._current_line()
        self._buffer = self._buffer[self._at :] + piece
        self._at = self._counted = 0
        return bool(piece)

    def _current_line(self) -> int:
        self._line += self._buffer.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _error(self, why: str) -> BadDocument:
        return BadDocument(f"line {self._current_line()}: not valid JSON: {why}")

    def _error_at(self, error: Exception) -> BadDocument:
        if isinstance(error, JSONDecodeError):
            bad_row = bad_row_of(
                1, self._buffer[self._at :], JSONDecodeError(error.msg, self._buffer[self._at :], error.pos - self._at)
            )
            self._at = error.pos
            return BadDocument(f"line {self._current_line()}: {bad_row.reason}")
        return self._error(CUT_OFF)
