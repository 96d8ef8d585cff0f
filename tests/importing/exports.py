"""Exports for the tests: as small as can be, and taken in with everything that is told remembered."""

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
    """What `taking.BATCH` is set to, so that a small file has several chunks."""
    return dict.fromkeys(("postgresql", "sqlite"), rows)


@dataclass(slots=True)
class Ear:
    """Remembers what it is told."""

    rejected: list[Rejection] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    kinds: list[set[str]] = field(default_factory=list)

    def listener(self) -> ImportListener:
        """As `take_in` wants it."""
        return ImportListener(
            progress=lambda done, total: self.steps.append((done, total)),
            rejected=self.rejected.append,
            recorded=lambda kinds: self.kinds.append(set(kinds)),
        )


def taken(db: Database, path: Path, ear: Ear | None = None, **options: Any) -> ImportSummary:
    """Take the file in."""
    return import_file(db, path, listener=(ear or Ear()).listener(), **options)


def told(db: Database, path: Path, **options: Any) -> list[tuple[int, str | None, str]]:
    """Take the file in, and give line, column and code of what was rejected."""
    ear = Ear()
    import_file(db, path, listener=ear.listener(), **options)
    return [(row.line, row.column, row.code) for row in ear.rejected]


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
