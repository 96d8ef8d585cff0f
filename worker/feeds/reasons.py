"""The column of reasons in a file of rejected rows: written for people, and left out when such a file comes back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from worker.feeds.source import BadRow, OpenExport, Row

REASON_HEADING: Final = {"en": "Reason for rejection", "sv": "Orsak till avvisning"}
"""The column's heading, by language."""

REASON_HEADINGS: Final = frozenset(REASON_HEADING.values())


_LEFT_OUT: Final = "The column of reasons was left out."


def without_reasons(feed: OpenExport) -> OpenExport:
    """Give an export without a column of reasons, as it is or left out."""
    return feed if REASON_HEADINGS.isdisjoint(feed.headings) else leave_out_reasons(feed)


def is_mended(feed: OpenExport) -> bool:
    """Tell whether an export holds rejected rows that a person has mended, and so is a part of another one."""
    return _LEFT_OUT in feed.notes


def leave_out_reasons(feed: OpenExport) -> OpenExport:
    """Leave the column of reasons out of an export that has one: a person has mended its rows, and sends them again."""
    kept = [at for at, heading in enumerate(feed.headings) if heading not in REASON_HEADINGS]

    def rows() -> Iterator[Row | BadRow]:
        for row in feed.rows():
            yield Row(row.line, [row.cells[at] for at in kept]) if isinstance(row, Row) else row

    headings = tuple(feed.headings[at] for at in kept)
    return replace(feed, headings=headings, rows=rows, notes=(*feed.notes, _LEFT_OUT))
