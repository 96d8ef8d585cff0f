"""Keeps an import fast and its memory constant: a reading thread, Python's own settings, and the file's keys on disk."""

import gc
import sqlite3
import sys
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Final, TypeVar

T = TypeVar("T")
RowKey = tuple[str, str]
"""(kind, source_id)"""

GC_THRESHOLD = 200_000
"""New objects after which the collector looks for cycles among them: about three chunks."""

SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that computes lets another one go on."""


@contextmanager
def gc_tuning() -> Iterator[None]:
    """Set the collector and the switch interval for the whole process, and set them back. Measured with 60,000 rows of a wide CSV.

    Two imports at a time in one process would leave them changed; no caller does that.

    Rows hold no cycles, and go as soon as they are recorded. To look for cycles among them, and among all that was ever
    imported, took a third of an import's CPU: 41 µs a row, and 27 without.

    The thread that writes to the database waits for it a dozen times a chunk. By Python's own 5 ms it was so much later
    each time until the reading thread stood still, and the database did nothing meanwhile: 54 µs a row, and 44 with 1 ms.
    """
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(GC_THRESHOLD, 1_000, 1_000)
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)


class _End:
    """Marks the end of the items."""


_END: Final = _End()


def prefetch(items: Iterator[T]) -> Generator[T]:
    """Yield all items in their order, each made in a thread while the caller handles the one before: never two in advance.

    An error of `items` is raised in its place. Closing waits for the item that is being made, so that no thread reads on
    from a file that the caller is about to close.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        future = thread.submit(next, items, _END)
        while not isinstance(item := future.result(), _End):
            future = thread.submit(next, items, _END)
            yield item


class SeenKeys:
    """The keys of one file with the line on which each stood first: on disk, so that memory does not grow with the file."""

    def __init__(self) -> None:
        # The empty name is a temporary file of SQLite's own, removed when it is closed. One thread after another uses it.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -8192",
            "CREATE TABLE seen (kind, source_id, line, PRIMARY KEY (kind, source_id)) WITHOUT ROWID",
        ):
            self._database.execute(statement)

    def close(self) -> None:
        """Remove the file."""
        self._database.close()

    def add(self, keys: Sequence[tuple[RowKey, int]]) -> dict[int, int]:
        """Add keys with their lines, in the file's order; returns line → first line for those that occurred before."""
        rows = [(*key, line) for key, line in keys]
        changes_before = self._database.total_changes
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)
        self._database.execute("COMMIT")
        if self._database.total_changes - changes_before == len(rows):
            return {}
        return {line: first for key, line in keys if (first := self._first_line(key)) != line}

    def kinds(self) -> frozenset[str]:
        """The kinds that occur."""
        with closing(self._database.execute("SELECT DISTINCT kind FROM seen")) as cursor:
            return frozenset(kind for (kind,) in cursor)

    def holds(self, key: RowKey) -> bool:
        """Whether the key has been added."""
        query = "SELECT 1 FROM seen WHERE kind = ? AND source_id = ?"
        with closing(self._database.execute(query, key)) as cursor:
            return cursor.fetchone() is not None

    def _first_line(self, key: RowKey) -> int:
        query = "SELECT line FROM seen WHERE kind = ? AND source_id = ?"
        with closing(self._database.execute(query, key)) as cursor:
            line: int = cursor.fetchone()[0]
        return line
