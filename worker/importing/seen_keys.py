"""Which keys a file has named already: kept on disk, so that memory does not grow with the file."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Self

RowKey = tuple[str, str]
"""(kind, source_id)"""


class SeenKeys:
    """The keys of one file with the line on which each stood first."""

    def __init__(self) -> None:
        # The empty name is a temporary file of SQLite's own, which goes when it is closed. One thread after another uses it.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -8192",
            "CREATE TABLE seen (kind, source_id, line, PRIMARY KEY (kind, source_id)) WITHOUT ROWID",
        ):
            self._database.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def repeated(self, keys: Sequence[tuple[RowKey, int]]) -> dict[int, int]:
        """Note keys with their lines, in the file's order; returns line → first line for those named before."""
        rows = [(*key, line) for key, line in keys]
        before = self._database.total_changes
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)
        self._database.execute("COMMIT")
        if self._database.total_changes - before == len(rows):
            return {}
        return {line: first for key, line in keys if (first := self._first(key)) != line}

    def _first(self, key: RowKey) -> int:
        query = "SELECT line FROM seen WHERE kind = ? AND source_id = ?"
        with closing(self._database.execute(query, key)) as found:
            line: int = found.fetchone()[0]
        return line
