"""Files of the CRM that were taken in, and the rows of them that could not be."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, RowId, UtcDateTime


class FeedFile(Base):
    """One export taken in. `rows_done` says how far it came, so that a crash goes on where it was."""

    __tablename__ = "feed_files"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    feed: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    """The file's own name, without its folder."""
    kind: Mapped[str | None] = mapped_column(String(40))
    """The kind given for the whole file; NULL: each row names its own."""
    content_hash: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    recorded: Mapped[int] = mapped_column(Integer, server_default="0")
    revised: Mapped[int] = mapped_column(Integer, server_default="0")
    requeued: Mapped[int] = mapped_column(Integer, server_default="0")
    unchanged: Mapped[int] = mapped_column(Integer, server_default="0")
    rejected: Mapped[int] = mapped_column(Integer, server_default="0")
    withdrawn: Mapped[int] = mapped_column(Integer, server_default="0")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_feed_files_content_hash", "content_hash"),)


FILE_REFUSED = "file_refused"
"""The code of a rejected row that stands for a file of which nothing was taken in; its line is 0."""


class RejectedRow(Base):
    """A row that could not be recorded: where it stands, what is wrong in the file's own words, and the remedy."""

    __tablename__ = "rejected_rows"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    feed_file_id: Mapped[int] = mapped_column(ForeignKey("feed_files.id"))
    line: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str | None] = mapped_column(String(40))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    source_id: Mapped[str | None] = mapped_column(String(200))
    column: Mapped[str | None] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    remedy: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was closed: its row came again from the CRM, or a person said so. NULL: it is open."""
    closed_by: Mapped[str | None] = mapped_column(String(100))
    closed_reason: Mapped[str | None] = mapped_column(Text)
    faults: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    """All that is wrong with it, in the order of the columns: `column`, `code`, `reason`, `remedy` and the cell's `shape`.

    The first stands in the columns above. NULL: recorded before all of them were.
    """
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was rejected last; NULL: once only, when it was recorded (`created_at`)."""
    times_seen: Mapped[int] = mapped_column(Integer, server_default="1")
    """In how many exports it was rejected. The same file again does not count."""
    row_hash: Mapped[str | None] = mapped_column(String(64))
    """Of a row without an id: its content or its place, by which it is known again. NULL: its id and kind name it."""
    rest_hash: Mapped[str | None] = mapped_column(String(64))
    """Of a row without an id: the content of its cells that nothing is wrong with, by which it is known when it is mended."""

    __table_args__ = (
        Index("ix_rejected_rows_feed_file_id", "feed_file_id", "id"),
        Index(
            "ix_rejected_rows_open",
            "source_id",
            "kind",
            postgresql_where=text("closed_at IS NULL"),
            sqlite_where=text("closed_at IS NULL"),
        ),
        Index(
            "ix_rejected_rows_unreported",
            "id",
            postgresql_where=text("reported_at IS NULL"),
            sqlite_where=text("reported_at IS NULL"),
        ),
        Index(
            "ix_rejected_rows_row_hash",
            "row_hash",
            postgresql_where=text("row_hash IS NOT NULL"),
            sqlite_where=text("row_hash IS NOT NULL"),
        ),
    )
