"""The text of a draft: TOML with a remark behind each line, for a person to read from top to bottom."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDEST = 60


class DraftLine(NamedTuple):
    """A key with its value and a remark."""

    key: str
    value: Any
    remark: str


class DraftTable(NamedTuple):
    """A table with its lines; the one without a name stands at the top."""

    name: str
    lines: list[DraftLine]


_ABOUT = {
    "kind": "The kind of each row.",
    "columns": "Heading in the file = field. `vitec-sync columns KIND` says what each field takes.",
    "joined": "Fields that are put together of several columns.",
    "constants": "Values that are the same in every row.",
    "times": "How times are written; %d day, %m month, %Y year, %H hour, %M minute.",
    "flags": "The words for yes and no, beside ja, nej, true, false, 1, 0, x.",
    "lists": "Cells that hold several values.",
    "after": "The row that another one comes after: it is sent once that one has succeeded.",
    "handed_on": "Fields that are filled by the id that the row before got at Vitec.",
    "withdrawn": "Rows that the CRM has taken back.",
}


def write(names: tuple[str, str], unwanted: Sequence[tuple[str, str]], sections: Iterable[DraftTable]) -> list[str]:
    """Write the lines of the file. `names`: its own and the export's; `unwanted`: headings that are left out, with the reason."""
    mapping_name, name = map(_printable, names)
    lines = [
        f"# A mapping for exports such as {name}, drafted by `vitec-sync mapping suggest`.",
        "# Read it from top to bottom, correct what is wrong, and write an answer in the place of each TODO. Then try it:",
        f"#   vitec-sync mapping check {mapping_name} {name}",
        f"#   vitec-sync import --mapping {mapping_name} --dry-run {name}",
        "",
        "version = 1",
    ]
    ordered = sorted(sections, key=lambda section: bool(section.name))
    for section in [section for section in ordered if not section.name]:
        lines += _write_lines(section.lines)
    lines += _write_unwanted(unwanted)
    for section in [section for section in ordered if section.name]:
        lines += ["", f"# {_ABOUT[section.name]}" if section.name in _ABOUT else "# The CRM's words = Vitec's."]
        lines += [f"[{section.name}]", *_write_lines(section.lines)]
    return lines


def _write_unwanted(unwanted: Sequence[tuple[str, str]]) -> Iterator[str]:
    if unwanted:
        yield ""
        yield "# Columns that are left out. To send one, take it out here and give it a field under [columns]."
        yield "leave_out = ["
        yield from _with_remarks([(f"  {_quote(heading)},", reason) for heading, reason in unwanted])
        yield "]"


def _write_lines(lines: Iterable[DraftLine]) -> Iterator[str]:
    yield from _with_remarks([(f"{_write_key(line.key)} = {_write_value(line.value)}", line.remark) for line in lines])


def _with_remarks(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Set the remarks below each other behind the lines; that of a long line stands above it."""
    width = max((len(text) for text, _ in pairs if len(text) <= _WIDEST), default=0)
    for text, remark in pairs:
        if not remark:
            yield text
        elif len(text) > _WIDEST:
            yield from (f"# {_printable(remark)}", text)
        else:
            yield f"{text.ljust(width)}  # {_printable(remark)}"


def _write_key(key: str) -> str:
    return key if _BARE.fullmatch(key) and key.islower() else _quote(key)


def _write_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_write_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_write_key(name)} = {_write_value(inner)}' for name, inner in value.items())} }}"
    return _quote(str(value))


def _quote(text: str) -> str:
    """Write a text as TOML's basic string: JSON's escapes, and one more sign that TOML does not take as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:300]
