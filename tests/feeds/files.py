"""Files of a CRM, written for one test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from worker.feeds import BadRow, FileRefused, OpenExport, Row, open_feed

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReadExport:
    """A file read to its end."""

    feed: OpenExport
    items: list[Row | BadRow]

    @property
    def rows(self) -> list[Row]:
        """The good rows."""
        return [row for row in self.items if isinstance(row, Row)]

    @property
    def bad(self) -> list[BadRow]:
        """The bad rows."""
        return [row for row in self.items if isinstance(row, BadRow)]


def write(folder: Path, content: bytes | str, name: str = "export.csv") -> Path:
    """Write the file, text as UTF-8 without touching its line breaks."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path) -> ReadExport:
    """Read the file to its end."""
    with open_feed(path) as feed:
        return ReadExport(feed, list(feed.rows()))


def refusal(path: Path) -> str:
    """Return why the file is refused: always one line that begins with the file's name and ends with a remedy."""
    with pytest.raises(FileRefused) as caught, open_feed(path) as feed:
        list(feed.rows())
    text = str(caught.value)
    assert text.startswith(f"{path.name}: ")
    assert "\n" not in text
    assert caught.value.remedy
    assert text.endswith(f"{caught.value.remedy}.")
    return text
