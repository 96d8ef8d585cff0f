"""The reader of JSON: one object a line, its keys the headings; or one document (`json_document`)."""

from collections.abc import Iterator
from typing import Any

from worker.feeds.content import TextSource
from worker.feeds.json_document import BadDocument, open_document
from worker.feeds.json_keys import JsonKeys
from worker.feeds.json_values import CUT_OFF, ONE_OBJECT, check_text, decode_line
from worker.feeds.source import MAX_CELL, MAX_ROW, BadRow, FileRefused, OpenExport, Row

_BLANKS = " \t\r\n\ufeff\x1a"
_SURE = 2
_NO_FAULT: BadRow | None = None


def open_json(source: TextSource) -> OpenExport:
    """Read the file once to learn every key that occurs in it, so that unknown ones refuse the file as a whole."""
    first_line, parsed = next(_parse_lines(source))
    why = None
    start = _first_text(source)
    if start.startswith(("//", "/*")):
        wrong = f"line {first_line} is a comment, which JSON does not have"
        raise FileRefused(source.name, wrong, "Take the comments out", "not_json")
    if start.startswith("[") or _goes_on(source, parsed):
        try:
            return open_document(source)
        except BadDocument as error:
            why = str(error)
        except FileRefused as refused:
            if refused.code != "no_objects" or not (row := _single_row(source)):
                raise
            return row
    return _open_lines(source, why)


def _first_text(source: TextSource) -> str:
    source.text.seek(0)
    while piece := source.text.read(MAX_CELL):
        if piece := piece.lstrip(_BLANKS):
            return piece
    return ""


def _goes_on(source: TextSource, parsed: dict[str, Any] | BadRow) -> bool:
    """Tell whether the first line only begins a document, or is one as the only line of the file, and not a row."""
    if isinstance(parsed, BadRow):
        return parsed.code == "row_too_long" or parsed.reason.endswith(CUT_OFF)
    lines = _parse_lines(source)
    next(lines)
    return next(lines, None) is None and not _is_row(source, parsed)


def _is_row(source: TextSource, parsed: dict[str, Any]) -> bool:
    return sum(map(source.content.is_heading, parsed)) >= _SURE or not any(
        isinstance(value, (list, dict)) for value in parsed.values()
    )


def _single_row(source: TextSource) -> OpenExport | None:
    """Take a document that is one object, and no list, for the only row, if two of its keys are headings."""
    source.text.seek(0)
    text = source.text.read(MAX_ROW)
    parsed = decode_line(1, text.strip(_BLANKS))
    if source.text.read(1) or isinstance(parsed, BadRow) or not _is_row(source, parsed):
        return None
    line = 1 + text[: text.index("{")].count("\n")
    keys = JsonKeys(source.name)
    keys.add(line, parsed)
    row = check_text(line, parsed, text, may_be_damaged=source.may_be_damaged) or keys.row_of(
        line, parsed, keys.headings
    )
    return source.describe(
        form="json", delimiter=None, headings=keys.headings, heading_line=line, total=1, rows=lambda: iter([row])
    )


def _open_lines(source: TextSource, why: str | None) -> OpenExport:
    keys, total, objects, first_fault = JsonKeys(source.name), 0, 0, _NO_FAULT
    for line, parsed in _parse_lines(source):
        total += 1
        if isinstance(parsed, dict):
            objects += 1
            keys.add(line, parsed)
        elif first_fault is None:
            first_fault = parsed
    if not objects:
        if why or first_fault is None:
            raise FileRefused(source.name, why or "no JSON object stands in it", ONE_OBJECT, "not_json")
        wrong = f"no line of it is a JSON object that can be taken in (line {first_fault.line}: {first_fault.reason})"
        raise FileRefused(source.name, wrong, first_fault.remedy.removesuffix("."), "not_json")
    return source.describe(
        form="jsonl",
        delimiter=None,
        headings=keys.headings,
        heading_line=1,
        total=total,
        rows=lambda: _read_rows(source, keys),
    )


def _read_rows(source: TextSource, keys: JsonKeys) -> Iterator[Row | BadRow]:
    headings = keys.headings
    for line, parsed in _parse_lines(source):
        yield parsed if isinstance(parsed, BadRow) else keys.row_of(line, parsed, headings)


def _parse_lines(source: TextSource) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Yield every line that is not blank, from the beginning, as the object it holds or as the reason why it holds none."""
    text, may_be_damaged, number = source.text, source.may_be_damaged, 0
    text.seek(0)
    while piece := text.readline(MAX_ROW):
        number += 1
        too_long = not piece.endswith("\n") and len(piece) >= MAX_ROW
        while too_long and not piece.endswith("\n") and (piece := text.readline(MAX_ROW)):
            pass
        if too_long:
            reason = f"the line is longer than {MAX_ROW:,} characters"
            yield number, BadRow(number, "row_too_long", reason, f"Shorten each value to {MAX_CELL:,} characters.")
        elif stripped := piece.strip(_BLANKS):
            yield number, parse_object(number, stripped, may_be_damaged=may_be_damaged)


def parse_object(line: int, text: str, *, may_be_damaged: bool = False) -> dict[str, Any] | BadRow:
    """Read the object of JSON on a line, or say why there is none that can be taken in."""
    parsed = decode_line(line, text)
    if isinstance(parsed, BadRow):
        return parsed
    return check_text(line, parsed, text, may_be_damaged=may_be_damaged) or parsed
