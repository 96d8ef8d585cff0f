"""The same job in an SQLite file, as it ships: write-ahead log, every commit flushed."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests import databases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NOW = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 minute')"

_FILL = f"""
DELETE FROM attempts;
DELETE FROM operations;
DELETE FROM lanes;
INSERT INTO lanes (customer_id, kind, function_group, due_at)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :lanes)
SELECT 'M' || (30000 + n), 'comeback', 'crm-contact', {_NOW} FROM numbers;
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, match_key, next_attempt_at)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
SELECT 'comeback', 'M' || (30001 + n % :lanes), 'CRM-' || n,
       json_object('customer_id', 'M' || (30001 + n % :lanes), 'contact_id', 'ADR' || n,
                   'date', '2026-12-11T09:15:00+01:00', 'note', 'Ring efter lunch'),
       printf('%064d', n), 'ADR' || n || '/2026-12-11T09:15:00', {_NOW}
FROM numbers
"""


@dataclass(frozen=True, slots=True)
class SqliteBacklog:
    """A database file with the job in it, made anew for each measurement."""

    path: Path
    lanes: int = 12

    @property
    def url(self) -> str:
        """The address as a setting has it."""
        return f"sqlite:///{self.path}"

    def fill(self, rows: int) -> None:
        """Fill in `rows` waiting operations."""
        with self._opened() as connection:
            for statement in _FILL.split(";\n"):
                connection.execute(statement, {"rows": rows, "lanes": self.lanes})
            connection.commit()
            connection.execute("ANALYZE")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def count_unfinished(self) -> int:
        """Count the rows that are not finished."""
        with self._opened() as connection:
            return int(connection.execute("SELECT count(*) FROM operations WHERE finalized_at IS NULL").fetchone()[0])

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as connection:
            yield connection


def make_backlog(folder: Path, base_url: str) -> SqliteBacklog:
    """Make a migrated file that belongs to the environment at `base_url`."""
    place = SqliteBacklog(folder / "bench.sqlite3")
    databases.migrate(place.url)
    with contextlib.closing(sqlite3.connect(place.path)) as connection:
        connection.execute("INSERT INTO environments (id, base_url) VALUES (1, ?)", (base_url,))
        connection.commit()
    return place
