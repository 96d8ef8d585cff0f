"""A row of the table way in: a CRM writes it in its own transaction, and the worker writes back what became of it."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, RowId, UtcDateTime

NEW: Final = "new"
"""The state of a row that has not been taken in."""

REJECTED: Final = "rejected"
"""The state of a row that could not be taken in, or came too late with its content."""

SUPERSEDED: Final = "superseded"
"""The state and code of a row that was not sent, since newer content of the same id took its place."""

NEW_ROWS_SQL: Final = "{row}taken_at IS NULL"
"""The condition of the index of rows that are to be taken in."""

_MomentOfTheCrm = DateTime(timezone=True).with_variant(Text(), "sqlite")
"""On SQLite it is text as the CRM wrote it, read as a time in a file is."""


class CrmRow(Base):
    """One row. The columns above `state` are the CRM's, and no value in them makes an INSERT fail; the others the worker's.

    A row with an `operation_id` shows how that operation stands, as long as its content is the operation's.
    """

    __tablename__ = "crm_rows"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    feed: Mapped[str | None] = mapped_column(Text, server_default="crm")
    kind: Mapped[str | None] = mapped_column(Text)
    source_id: Mapped[str | None] = mapped_column(Text)
    customer_id: Mapped[str | None] = mapped_column(Text)
    data: Mapped[str | None] = mapped_column(Text)
    """The kind's fields as an object of JSON. NULL: it names none, or has been taken in."""
    after: Mapped[str | None] = mapped_column(Text)
    send_after: Mapped[datetime | None] = mapped_column(_MomentOfTheCrm)
    expires_at: Mapped[datetime | None] = mapped_column(_MomentOfTheCrm)
    created_at: Mapped[datetime | None] = mapped_column(UtcDateTime, server_default=func.now())

    state: Mapped[str] = mapped_column(String(20), server_default=NEW)
    remote_id: Mapped[str | None] = mapped_column(String(200))
    ticket: Mapped[str | None] = mapped_column(Text)
    """The answer of Vitec that the results give as `ticket`, as JSON."""
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_text: Mapped[str | None] = mapped_column(Text)
    """The fault and its remedy; of a rejected row all faults."""
    error_detail: Mapped[str | None] = mapped_column(Text)
    """Vitec's own words, or ours. NULL once blanked."""
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was taken in. NULL: it is to be taken in, or taken in again."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its first attempt began."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the worker last wrote to the row."""
    operation_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operations.id"))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    """The operation's `payload_hash` if it has this row's content."""

    __table_args__ = (
        Index(
            "ix_crm_rows_new",
            "id",
            postgresql_where=text(NEW_ROWS_SQL.format(row="")),
            sqlite_where=text(NEW_ROWS_SQL.format(row="")),
        ),
        Index(
            "ix_crm_rows_operation_id",
            "operation_id",
            "id",
            postgresql_where=text("operation_id IS NOT NULL"),
            sqlite_where=text("operation_id IS NOT NULL"),
        ),
        # Hashed on PostgreSQL: an id of any length can be inserted, and its row is rejected with a reason.
        Index(
            "ix_crm_rows_source_id",
            "source_id",
            postgresql_using="hash",
            postgresql_where=text("operation_id IS NULL"),
            sqlite_where=text("operation_id IS NULL"),
        ),
        Index(
            "ix_crm_rows_to_blank",
            "taken_at",
            postgresql_where=text("taken_at IS NOT NULL AND data IS NOT NULL"),
            sqlite_where=text("taken_at IS NOT NULL AND data IS NOT NULL"),
        ),
    )
