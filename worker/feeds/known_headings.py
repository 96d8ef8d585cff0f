"""The headings that this worker knows, whatever the kind of the rows."""

from functools import cache

from worker.kind import ROW_HEADINGS, fold
from worker.kinds import KINDS


def is_known_heading(text: str) -> bool:
    """Tell whether a text is a heading of any kind."""
    return fold(text) in _folded_headings()


@cache
def _folded_headings() -> frozenset[str]:
    return frozenset(ROW_HEADINGS).union(*(kind.headings.keys() | kind.naming.bare.keys() for kind in KINDS))
