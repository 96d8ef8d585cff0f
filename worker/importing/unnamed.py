"""Rejected rows that nothing names, for want of an id or a kind: known again by their content, also when they are mended."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from worker.feeds import BadRow, OpenExport, Row
from worker.outbox import Database
from worker.outbox.intake.feed_files import RowFault
from worker.outbox.intake.rejections import unnamed_rejections

CELLS_AT_LEAST = 2
"""Filled cells by which a row is known again when it is mended: a single one may be any row's."""

COLUMN_SETS = 8
"""Different sets of bad columns that an import looks out for: each costs a hash a row."""


def hash_content(content: Any) -> str:
    """Give the SHA-256 (hex) of a value of JSON."""
    return sha256(to_json(content)).hexdigest()


def unnamed_hashes(headings: Sequence[str], cells: Sequence[Any], faults: Iterable[RowFault]) -> tuple[str, str | None]:
    """Give the hash of a row's content, and of all but its bad cells; None where the latter says too little."""
    filled = _filled(headings, cells)
    bad = {fault.column for fault in faults}
    return hash_content(filled), _rest_hash(filled, bad)


def _filled(headings: Sequence[str], cells: Sequence[Any]) -> list[tuple[str, Any]]:
    return sorted((heading, cell) for heading, cell in zip(headings, cells, strict=True) if cell not in (None, ""))


def _rest_hash(filled: Sequence[tuple[str, Any]], bad: Iterable[str | None]) -> str | None:
    good = [(heading, cell) for heading, cell in filled if heading not in bad]
    return hash_content(good) if len(good) >= CELLS_AT_LEAST else None


class MendedRows:
    """Looks out, among the rows of an export, for those that were rejected without a name before, and are mended now."""

    def __init__(self, db: Database, source: OpenExport, feed: str) -> None:
        self._source = source
        self._ids: dict[frozenset[str], dict[str, list[int]]] = {}
        self._ids_by_line: defaultdict[int, list[int]] = defaultdict(list)
        for row in unnamed_rejections(db, feed):
            bad = frozenset(fault["column"] for fault in row.faults or ())
            if bad in self._ids or len(self._ids) < COLUMN_SETS:
                self._ids.setdefault(bad, {}).setdefault(row.rest_hash, []).append(row.id)

    def rows(self) -> Iterator[Row | BadRow]:
        """Read the rows of the source, and note which of them say the same as one of those, but for its bad cells."""
        for row in self._source.rows():
            if self._ids and isinstance(row, Row):
                self._note(row)
            yield row

    def _note(self, row: Row) -> None:
        filled = _filled(self._source.own_headings or self._source.headings, row.cells)
        for bad, ids_by_hash in self._ids.items():
            if ids := ids_by_hash.get(_rest_hash(filled, bad) or ""):
                self._ids_by_line[row.line] += ids

    def ids_at(self, lines: Iterable[int | None]) -> list[int]:
        """Give the rejections of which the rows on these lines are the mended form."""
        return [id_ for line in lines if line is not None for id_ in self._ids_by_line.pop(line, ())]
