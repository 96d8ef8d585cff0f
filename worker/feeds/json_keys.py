"""The keys of JSON objects as headings: spellings of the same name, such as sourceId and source_id, are one."""

import re
from collections.abc import Mapping
from typing import Any

from worker.feeds.source import MAX_COLUMNS, BadRow, FileRefused, Row

_SIGNS = re.compile(r"[\W_]")


class JsonKeys:
    """Collects the keys of all objects; `headings` are those that stand for them, in the order in which they first occur."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._keys = set[str]()
        self._heading_of_name: dict[str, str] = {}
        self._renamed: dict[str, str] = {}

    @property
    def headings(self) -> tuple[str, ...]:
        """The keys, each in the spelling that came first."""
        return tuple(self._heading_of_name.values())

    def add(self, line: int, value: Mapping[str, Any]) -> None:
        """Add the keys of an object. Raises `FileRefused` where there are too many different ones."""
        if value.keys() <= self._keys:
            return
        for key in value.keys() - self._keys if len(self._keys) > len(value) else value:
            heading = self._heading_of_name.setdefault(_SIGNS.sub("", key.casefold()) or key, key)
            if heading != key:
                self._renamed[key] = heading
        self._keys |= value.keys()
        if len(self._keys) > MAX_COLUMNS:
            wrong = f"line {line}: more than {MAX_COLUMNS} different keys"
            raise FileRefused(self._name, wrong, "Export fewer fields", "too_many_columns")

    def row_of(self, line: int, value: Mapping[str, Any], headings: tuple[str, ...]) -> Row | BadRow:
        """Return the values in the order of the headings."""
        if self._renamed and not self._renamed.keys().isdisjoint(value):
            renamed = {self._renamed.get(key, key): cell for key, cell in value.items()}
            if len(renamed) < len(value):
                reason = "a key stands twice in the object, in two spellings"
                return BadRow(line, "repeated_key", reason, "Keep one of the two.")
            value = renamed
        return Row(line, [value.get(heading) for heading in headings])
