"""The column of reasons in a file of rejected rows: written for people, and left out when such a file comes back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from worker.feeds.source import BadRow, OpenExport, Row

REASON_HEADING: Final = {"en": "Reason for rejection", "sv": "Orsak till avvisning"}
"""The column's heading, by language."""

REASON_HEADINGS: Final = frozenset(REASON_HEADING.values())


def leave_out_reasons(feed: OpenExport) -> OpenExport:
    """Leave the column of reasons out of an export that has one: a person has mended its rows, and sends them again."""
    kept = [at for at, heading in enumerate(feed.headings) if heading not in REASON_HEADINGS]

    def rows() -> Iterator[Row | BadRow]:
        for row in feed.rows():
            yield Row(row.line, [row.cells[at] for at in kept]) if isinstance(row, Row) else row

    headings = tuple(feed.headings[at] for at in kept)
    return replace(feed, headings=headings, rows=rows, notes=(*feed.notes, "The column of reasons was left out."))
