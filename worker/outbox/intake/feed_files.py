"""Files taken in: each is one unit, which says how far it came and which of its rows could not be recorded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Connection, and_, func, insert, literal, select, update

from models import FeedFile, RejectedRow
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that could not be recorded. `column` in the file's own words; nothing here quotes a cell but the ids."""

    line: int
    code: str
    reason: str
    remedy: str
    column: str | None = None
    kind: str | None = None
    customer_id: str | None = None
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class FileCounts:
    """What became of the rows of a file. Content that waits for a verdict counts as revised."""

    recorded: int = 0
    revised: int = 0
    requeued: int = 0
    unchanged: int = 0
    rejected: int = 0

    def __add__(self, other: "FileCounts") -> "FileCounts":
        return FileCounts(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is being taken in. `rows_done` > 0: an earlier try came so far, with these `counts`.

    `seen_before`: the same content of the same feed has been taken in to its end.
    """

    id: int
    rows_done: int = 0
    counts: FileCounts = FileCounts()
    seen_before: bool = False


def begin_file(db: Database, *, feed: str, name: str, kind: str | None, content_hash: str, size: int) -> OpenFile:
    """Enter a file, or go on with the same one where an earlier try has stopped."""
    same = and_(FeedFile.feed == feed, FeedFile.content_hash == content_hash, FeedFile.kind.is_not_distinct_from(kind))
    with db.write() as connection:
        _one_at_a_time(connection, content_hash)
        left = connection.execute(
            select(FeedFile).where(same, FeedFile.finished_at.is_(None)).order_by(FeedFile.id.desc()).limit(1)
        ).one_or_none()
        before = connection.scalar(select(FeedFile.id).where(same, FeedFile.finished_at.is_not(None)).limit(1))
        if left is not None:
            counts = FileCounts(left.recorded, left.revised, left.requeued, left.unchanged, left.rejected)
            return OpenFile(left.id, left.rows_done, counts, seen_before=before is not None)
        made = insert(FeedFile).returning(FeedFile.id)
        values = {"feed": feed, "name": name[:255], "kind": kind, "content_hash": content_hash, "bytes": size}
        id_ = connection.execute(made.values(**values, started_at=current_time)).scalar_one()
    return OpenFile(id_, seen_before=before is not None)


def _one_at_a_time(connection: Connection, content_hash: str) -> None:
    """Two who enter the same file at once must find each other. On SQLite the writer's lock sees to it."""
    if connection.dialect.name == "postgresql":
        number = int(content_hash[:15], 16)
        connection.execute(select(func.pg_advisory_xact_lock(literal(number, BigInteger))))


def advance_file(connection: Connection, file: OpenFile, done: int) -> bool:
    """Note, first in the transaction that does them, that the rows up to `done` are done. False: somebody else has.

    Whoever takes in the same file at the same time waits here for the first, and then finds the mark moved.
    """
    changed = connection.execute(
        update(FeedFile)
        .where(FeedFile.id == file.id, FeedFile.rows_done == file.rows_done, FeedFile.finished_at.is_(None))
        .values(rows_done=done)
        .execution_options(synchronize_session=False)
    )
    return changed.rowcount == 1


def add_counts(connection: Connection, file: OpenFile, more: FileCounts) -> None:
    """Add to the file's counts."""
    grown = {name: getattr(FeedFile, name) + value for name, value in asdict(more).items()}
    connection.execute(update(FeedFile).where(FeedFile.id == file.id).values(**grown))


def finish_file(db: Database, file: OpenFile) -> None:
    """Note that the file has been taken in to its end."""
    with db.write() as connection:
        connection.execute(update(FeedFile).where(FeedFile.id == file.id).values(finished_at=current_time))


def record_rejections(connection: Connection, file: OpenFile, rows: Sequence[Rejection]) -> None:
    """Record rows of the file that could not be; those told about the same content before are not told again."""
    told = _told_before(connection, file, rows) if file.seen_before and rows else frozenset()
    fresh = [asdict(row) for row in rows if (row.line, row.code) not in told]
    if fresh:
        connection.execute(insert(RejectedRow).values(feed_file_id=file.id, created_at=current_time), fresh)


def _told_before(connection: Connection, file: OpenFile, rows: Sequence[Rejection]) -> frozenset[tuple[int, str]]:
    this = select(FeedFile.feed, FeedFile.content_hash).where(FeedFile.id == file.id).subquery()
    same = and_(FeedFile.feed == this.c.feed, FeedFile.content_hash == this.c.content_hash)
    found = connection.execute(
        select(RejectedRow.line, RejectedRow.code)
        .join(FeedFile, FeedFile.id == RejectedRow.feed_file_id)
        .join(this, same)
        .where(RejectedRow.line.between(rows[0].line, rows[-1].line))
    )
    return frozenset((row.line, row.code) for row in found)
