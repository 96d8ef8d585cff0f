"""Imported files: each is one unit, which says how far it came and which of its rows could not be recorded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, func, insert, literal, select, update

from models import FeedFile, RejectedRow
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time
from worker.outbox.intake import rejections, rejections_seen
from worker.outbox.intake.rejections import close_unnamed
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
    `remedy` as well. `row_hash` and `rest_hash`: as of the table, of rows that their kind and id do not name.
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
    row_hash: str | None = None
    rest_hash: str | None = None

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
    feed: str = ""
    name: str = ""


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
            return OpenFile(file.id, file.rows_done, counts, seen_before, after_rejections, feed, name[:255])
        values = {"feed": feed, "name": name[:255], "kind": kind, "content_hash": content_hash, "bytes": size}
        new_file = insert(FeedFile).values(**values, started_at=current_time).returning(FeedFile.id)
        id_ = connection.execute(new_file).scalar_one()
    return OpenFile(id_, 0, FileCounts(), seen_before, after_rejections, feed, name[:255])


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
            rejections.close_refusals(connection, file.feed, file.name)
            if (earlier := _mended_file(connection, file)) is not None:
                close_unnamed(connection, earlier)


def _mended_file(connection: Connection, file: OpenFile) -> int | None:
    """Find the file that this one is, mended: the last of its name and feed, if it had as many rows and all its good ones.

    None: that cannot be known. A new export under the same name has other rows; of a file of which nothing was taken in,
    nothing shows that this is the same one.
    """
    is_earlier = and_(FeedFile.feed == file.feed, FeedFile.name == file.name, FeedFile.id < file.id)
    finished = select(FeedFile).where(is_earlier, FeedFile.finished_at.is_not(None))
    earlier = connection.execute(finished.order_by(FeedFile.id.desc()).limit(1)).one_or_none()
    if file.seen_before or earlier is None or earlier.rows_done != file.rows_done:
        return None
    good = earlier.rows_done - earlier.rejected
    return earlier.id if 0 < good <= file.counts.unchanged else None


def record_rejections(
    connection: Connection,
    file: OpenFile,
    rows: Sequence[Rejection],
    taken_in: Iterable[tuple[str, str]] = (),
    mended: Sequence[int] = (),
) -> int:
    """Record the rejected rows of the file, but those that the same content was rejected for before.

    A row that is open already, by another file of the feed, is not recorded twice: it was seen once more. `taken_in`: kind
    and source_id of the rows that were taken in; open rejections of these, and those with the ids of `mended`, are closed.
    Returns how many of the rows stay closed: they were rejected before, and seen to.
    """
    recorded = _recorded_rejections(connection, file, rows) if file.seen_before and rows else {}
    new = [_columns_of(row, file) for row in rows if (row.line, row.code) not in recorded]
    closed = [is_closed for key, is_closed in recorded.items() if key in {(row.line, row.code) for row in rows}]
    if file.seen_before and new:
        new, closed_elsewhere = rejections_seen.leave_out_known(connection, file.feed, new)
        closed += closed_elsewhere
    if file.after_rejections:
        rejections.close_superseded(connection, file.id, taken_in)
        rejections.close_mended(connection, mended)
        new = rejections_seen.meet_again(connection, file.feed, file.id, new)
    if new:
        connection.execute(insert(RejectedRow).values(feed_file_id=file.id, created_at=current_time), new)
    return sum(closed)


def _columns_of(row: Rejection, file: OpenFile) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in _REJECTION_COLUMNS}
    columns["faults"] = [fault.as_data() for fault in row.faults]
    if row.row_hash is None and not (row.kind and row.source_id):
        # Of such a row nothing is known but its place.
        columns["row_hash"] = sha256(f"{row.line} {row.code} {file.name}".encode()).hexdigest()
    return columns


_REJECTION_COLUMNS = (
    *("line", "code", "reason", "remedy", "column", "kind", "customer_id", "source_id", "row_hash", "rest_hash"),
)


def _recorded_rejections(
    connection: Connection, file: OpenFile, rows: Sequence[Rejection]
) -> Mapping[tuple[int, str], bool]:
    """Find those that the same content was rejected for before: line and code, and whether it is closed."""
    content = select(FeedFile.feed, FeedFile.content_hash).where(FeedFile.id == file.id).subquery()
    same_content = and_(FeedFile.feed == content.c.feed, FeedFile.content_hash == content.c.content_hash)
    earlier = connection.execute(
        select(RejectedRow.line, RejectedRow.code, RejectedRow.closed_at)
        .join(FeedFile, FeedFile.id == RejectedRow.feed_file_id)
        .join(content, same_content)
        .where(RejectedRow.line.between(rows[0].line, rows[-1].line))
        .order_by(RejectedRow.id)
    )
    return {(row.line, row.code): row.closed_at is not None for row in earlier}
