"""Imported files: each is one unit, which says how far it came and which of its rows could not be recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, func, insert, literal, select, update

from models import FeedFile, RejectedRow
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time
from worker.outbox.intake import rejections
from worker.outbox.predicates import rejection_is_open


@dataclass(frozen=True, slots=True)
class RowFault:
    """One thing that is wrong with a row: its column in the file's own words, and the shape of the cell, never its words."""

    column: str | None
    code: str
    reason: str
    remedy: str
    shape: str | None = None

    def as_data(self) -> dict[str, str | None]:
        """Give what is kept of it."""
        return {
            "column": self.column,
            "code": self.code,
            "reason": self.reason,
            "remedy": self.remedy,
            "shape": self.shape,
        }


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that could not be recorded. `column` in the file's own words; nothing here quotes a cell but the ids.

    `faults`: all that is wrong with it, in the order of the columns; the first stands in `code`, `column`, `reason` and
    `remedy` as well.
    """

    line: int
    code: str
    reason: str
    remedy: str
    column: str | None = None
    kind: str | None = None
    customer_id: str | None = None
    source_id: str | None = None
    faults: tuple[RowFault, ...] = ()

    def __post_init__(self) -> None:
        """Make the one fault of a row that is given without a list."""
        if not self.faults:
            object.__setattr__(self, "faults", (RowFault(self.column, self.code, self.reason, self.remedy),))


@dataclass(frozen=True, slots=True)
class FileCounts:
    """The rows of a file, counted by result. Content that waits for a verdict counts as revised."""

    recorded: int = 0
    revised: int = 0
    requeued: int = 0
    unchanged: int = 0
    rejected: int = 0
    withdrawn: int = 0

    def __add__(self, addend: "FileCounts") -> "FileCounts":
        return FileCounts(**{name: value + getattr(addend, name) for name, value in asdict(self).items()})


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is being imported. `rows_done` > 0: an earlier try came so far, with these `counts`.

    `seen_before`: the same content of the same feed has been imported to its end. `after_rejections`: at its begin there
    were rejected rows that are open, so that its rows may be those, mended.
    """

    id: int
    rows_done: int = 0
    counts: FileCounts = FileCounts()
    seen_before: bool = False
    after_rejections: bool = False


_any_open = select(RejectedRow.id).where(rejection_is_open).limit(1)


def has_begun(db: Database, feed: str, content_hash: str) -> bool:
    """Whether a file with this content has been taken in for the feed, or is being."""
    begun = select(FeedFile.id).where(FeedFile.feed == feed, FeedFile.content_hash == content_hash).limit(1)
    with db.read() as connection:
        return connection.scalar(begun) is not None


def begin_file(db: Database, *, feed: str, name: str, kind: str | None, content_hash: str, size: int) -> OpenFile:
    """Enter a file, or go on with the same one where an earlier try has stopped."""
    same_content = and_(
        FeedFile.feed == feed, FeedFile.content_hash == content_hash, FeedFile.kind.is_not_distinct_from(kind)
    )
    unfinished = select(FeedFile).where(same_content, FeedFile.finished_at.is_(None))
    finished = select(FeedFile.id).where(same_content, FeedFile.finished_at.is_not(None))
    with db.write() as connection:
        if connection.dialect.name == "postgresql":
            # Two processes that enter the same file at once must find each other; on SQLite by the writer's lock.
            number = int(content_hash[:15], 16)
            connection.execute(select(func.pg_advisory_xact_lock(literal(number, BigInteger))))
        after_rejections = connection.scalar(_any_open) is not None
        file = connection.execute(unfinished.order_by(FeedFile.id.desc()).limit(1)).one_or_none()
        seen_before = connection.scalar(finished.limit(1)) is not None
        if file is not None:
            counts = FileCounts(
                file.recorded, file.revised, file.requeued, file.unchanged, file.rejected, file.withdrawn
            )
            return OpenFile(file.id, file.rows_done, counts, seen_before, after_rejections)
        values = {"feed": feed, "name": name[:255], "kind": kind, "content_hash": content_hash, "bytes": size}
        new_file = insert(FeedFile).values(**values, started_at=current_time).returning(FeedFile.id)
        id_ = connection.execute(new_file).scalar_one()
    return OpenFile(id_, seen_before=seen_before, after_rejections=after_rejections)


def advance_file(connection: Connection, file: OpenFile, rows_done: int) -> bool:
    """Note, first in the transaction that records them, that the file has come so far. False: another process has.

    A second process that imports the same file waits here for the first, and then finds the mark moved.
    """
    changed = connection.execute(
        update(FeedFile)
        .where(FeedFile.id == file.id, FeedFile.rows_done == file.rows_done, FeedFile.finished_at.is_(None))
        .values(rows_done=rows_done)
        .execution_options(synchronize_session=False)
    )
    return changed.rowcount == 1


def add_counts(connection: Connection, file: OpenFile, counts: FileCounts) -> None:
    """Add to the file's counts."""
    sums = {name: getattr(FeedFile, name) + value for name, value in asdict(counts).items()}
    connection.execute(update(FeedFile).where(FeedFile.id == file.id).values(**sums))


def finish_file(db: Database, file: OpenFile) -> None:
    """Note that the file has been imported to its end; that one of its name was refused before is mended so."""
    with db.write() as connection:
        connection.execute(update(FeedFile).where(FeedFile.id == file.id).values(finished_at=current_time))
        if file.after_rejections:
            rejections.close_refusals(connection, file.id)


def record_rejections(
    connection: Connection, file: OpenFile, rows: Sequence[Rejection], taken_in: Iterable[tuple[str, str]] = ()
) -> None:
    """Record the rejected rows of the file, but those that the same content was rejected for before.

    `taken_in`: kind and source_id of the rows that were taken in. Open rejections of these, and of those rejected anew,
    are closed: the CRM has said something else since.
    """
    recorded = _recorded_rejections(connection, file, rows) if file.seen_before and rows else frozenset()
    new = [_columns_of(row) for row in rows if (row.line, row.code) not in recorded]
    if file.after_rejections:
        rejections.close_superseded(connection, file.id, [*taken_in, *((row["kind"], row["source_id"]) for row in new)])
    if new:
        connection.execute(insert(RejectedRow).values(feed_file_id=file.id, created_at=current_time), new)


def _columns_of(row: Rejection) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in _REJECTION_COLUMNS}
    columns["faults"] = [fault.as_data() for fault in row.faults]
    return columns


_REJECTION_COLUMNS = ("line", "code", "reason", "remedy", "column", "kind", "customer_id", "source_id")


def _recorded_rejections(
    connection: Connection, file: OpenFile, rows: Sequence[Rejection]
) -> frozenset[tuple[int, str]]:
    content = select(FeedFile.feed, FeedFile.content_hash).where(FeedFile.id == file.id).subquery()
    same_content = and_(FeedFile.feed == content.c.feed, FeedFile.content_hash == content.c.content_hash)
    earlier = connection.execute(
        select(RejectedRow.line, RejectedRow.code)
        .join(FeedFile, FeedFile.id == RejectedRow.feed_file_id)
        .join(content, same_content)
        .where(RejectedRow.line.between(rows[0].line, rows[-1].line))
    )
    return frozenset((row.line, row.code) for row in earlier)
