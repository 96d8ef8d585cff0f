"""Exports for the tests: as small as can be, and imported with every call of the listener remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from models import FeedFile, Operation, RejectedRow
from worker.importing import ImportListener, ImportSummary, import_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sqlalchemy import Row

    from worker.outbox import Database
    from worker.outbox.intake.feed_files import Rejection

HEADINGS = ("source_id", "customer_id", "contact_id", "date", "note")


def comeback(source_id: str, note: str = "", customer_id: str = "M30001", date: str = "2026-12-10 09:00") -> list[str]:
    """One good row under `HEADINGS`."""
    return [source_id, customer_id, "ADR0001", date, note]


def export(
    folder: Path, rows: Iterable[Sequence[str]], headings: Sequence[str] = HEADINGS, name: str = "export.csv"
) -> Path:
    """Write a CSV file with semicolons."""
    path = folder / name
    path.write_text("".join(";".join(row) + "\n" for row in (headings, *rows)), encoding="utf-8")
    return path


def in_chunks_of(rows: int) -> dict[str, int]:
    """Return a value for `file_import.BATCH` by which a small file has several chunks."""
    return dict.fromkeys(("postgresql", "sqlite"), rows)


@dataclass(slots=True)
class RecordingListener:
    """Remembers the calls of the listener."""

    rejected: list[Rejection] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    kinds: list[set[str]] = field(default_factory=list)

    def callbacks(self) -> ImportListener:
        """Return the callbacks for `import_file`."""
        return ImportListener(
            on_progress=lambda rows_done, total: self.steps.append((rows_done, total)),
            on_rejected=self.rejected.append,
            on_recorded=lambda kinds: self.kinds.append(set(kinds)),
        )


def import_export(db: Database, path: Path, listener: RecordingListener | None = None, **options: Any) -> ImportSummary:
    """Import the file."""
    return import_file(db, path, listener=(listener or RecordingListener()).callbacks(), **options)


def rejections_of(db: Database, path: Path, **options: Any) -> list[tuple[int, str | None, str]]:
    """Import the file, and return line, column and code of the rejected rows."""
    listener = RecordingListener()
    import_file(db, path, listener=listener.callbacks(), **options)
    return [(row.line, row.column, row.code) for row in listener.rejected]


def operations(db: Database) -> list[Row[Any]]:
    """All operations, in the order in which they were recorded."""
    with db.read() as connection:
        return list(connection.execute(select(Operation.__table__).order_by(Operation.id)))


def rejected_rows(db: Database) -> list[Row[Any]]:
    """All rejected rows."""
    with db.read() as connection:
        return list(connection.execute(select(RejectedRow.__table__).order_by(RejectedRow.id)))


def feed_files(db: Database) -> list[Row[Any]]:
    """All feed files."""
    with db.read() as connection:
        return list(connection.execute(select(FeedFile.__table__).order_by(FeedFile.id)))
