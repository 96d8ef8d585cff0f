"""The faults of a mapping file, each with its line, its key and its remedy."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Key = tuple[str, ...]
"""The way to a value: `("columns", "Mäklare")`."""

_KEY_LINE = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'))*)\s*="""
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class MappingFault:
    """One thing that is wrong with a mapping: where, what, and what helps. `line` 0: of the file as a whole.

    Neither `wrong` nor `remedy` ends with a full stop.
    """

    line: int
    key: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        place = ", ".join(part for part in (f"line {self.line}" if self.line else "", self.key) if part)
        return f"{place}: {self.wrong}. {self.remedy}." if place else f"{self.wrong}. {self.remedy}."


class MappingRefused(Exception):  # noqa: N818 (a fact about a file of the person's)
    """A mapping cannot be used. `faults`, never empty, holds all that is wrong with it; the text is one line."""

    def __init__(self, name: str, faults: Sequence[MappingFault]) -> None:
        self.name = name
        self.faults = tuple(faults)
        further = f" And {len(faults) - 1} more: `vitec-sync mapping check` lists all." if len(faults) > 1 else ""
        super().__init__(f"{name}: {faults[0]}{further}")


def write_key(key: Iterable[object]) -> str:
    """Write the way to a value as TOML does."""
    return ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in map(str, key))


def line_of(lines: Mapping[Key, int], key: Sequence[object]) -> int:
    """Find the line of a value, or of the nearest thing around it that has one."""
    path = tuple(map(str, key))
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), 0)


def find_lines(text: str) -> Mapping[Key, int]:
    """Find the line of every key and table of a TOML document that can be read."""
    lines: dict[Key, int] = {}
    for line, key in _read_keys(text):
        for length in range(1, len(key) + 1):
            lines.setdefault(key[:length], line)
    return lines


def _read_keys(text: str) -> Iterator[tuple[int, Key]]:
    table: Key = ()
    for line, content in enumerate(text.splitlines(), 1):
        if content.lstrip().startswith("["):
            header = _parse_key(content)
            table = table if header is None else header
            yield line, table
        elif match := _KEY_LINE.match(content):
            key = _parse_key(f"{match[1]} = 0")
            # The members of an inline table stand on its line.
            for inner in _inner_keys(content, key or ()):
                yield line, (*table, *inner)


def _inner_keys(content: str, key: Key) -> Iterator[Key]:
    yield key
    try:
        value = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    for part in key:
        value = value.get(part, {})
    if isinstance(value, dict):
        yield from ((*key, name) for name in value)


def _parse_key(text: str) -> Key | None:
    """Read a line that holds nothing but a table's header, or a key with a number."""
    try:
        value: Any = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    key: list[str] = []
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        key.append(name)
    return tuple(key)
