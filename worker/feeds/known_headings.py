"""The headings that this worker knows, whatever the kind of the rows."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from worker.feeds.content import HeadingTest
from worker.feeds.source import MAX_COLUMNS
from worker.kind import ROW_HEADINGS, fold
from worker.kinds import KINDS

SURE: Final = 2
"""Headings that are known in a line by which it is taken for theirs."""


def count_known(cells: Sequence[str], is_heading: HeadingTest) -> int:
    """Count the headings in a line that are known; none if they are less than half of its cells."""
    filled = [cell for cell in cells[: MAX_COLUMNS + 1] if cell.strip()]
    number = sum(map(is_heading, filled))
    return number if number * 2 >= len(filled) else 0


def is_known_heading(text: str) -> bool:
    """Tell whether a text is a heading of any kind."""
    return fold(text) in _folded_headings()


@cache
def _folded_headings() -> frozenset[str]:
    return frozenset(ROW_HEADINGS).union(*(kind.headings.keys() | kind.naming.bare.keys() for kind in KINDS))
