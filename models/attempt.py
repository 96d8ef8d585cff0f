"""The history of an operation: attempts, look-ups and decisions. Rows are only ever added."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, RowId, UtcDateTime, str_enum


class Event(StrEnum):
    """The sort of event that an entry of the history records."""

    SENT = "sent"
    """The attempt itself, written when it is settled: by its own turn, or for a dead one by its rescue."""

    LATE = "late"
    """An answer that came after its attempt had been settled as in doubt."""

    LOOKED_UP = "looked_up"
    """Vitec was asked by read-back."""

    DECIDED = "decided"
    """A person or the CRM decided: requeue, resolve, cancel, new content."""

    CLOSED = "closed"
    """Housekeeping ended it: expired, or the operation it comes after ended without success."""


THE_CRM: Final = "crm"
"""The decider (`by`) of an entry by which the CRM has changed, withdrawn or settled something."""


class Attempt(Base):
    """One entry. `attempt` is the operation's own count, so a late answer stands beside the attempt it belongs to."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    operation_id: Mapped[int] = mapped_column(ForeignKey("operations.id"))
    attempt: Mapped[int] = mapped_column(Integer)
    event: Mapped[Event] = mapped_column(str_enum(Event, "event"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    seconds: Mapped[float | None] = mapped_column(Float)
    """How long the request took, from its hand-over to a thread to its end, by a monotonic clock."""
    tries: Mapped[int | None] = mapped_column(Integer)
    """How often a connection was tried within the attempt; only the last can have written anything."""
    written: Mapped[bool | None] = mapped_column()
    """Whether the first byte was written. NULL: not known, the worker died."""
    http_status: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str | None] = mapped_column(String(20))
    """The state that the entry argued for: succeeded, retryable, in_doubt, failed, cancelled, expired, pending."""
    code: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None] = mapped_column(Text)
    remote_id: Mapped[str | None] = mapped_column(String(200))
    answer: Mapped[Any | None] = mapped_column(Json)
    replaced: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """Of new content from the CRM: `payload_hash` and `match_key` of what it replaced, which had been sent till then."""
    by: Mapped[str | None] = mapped_column(String(100))
    """The worker (`host:pid`), or the person who decided."""
    answer_text: Mapped[str | None] = mapped_column(Text)
    """The beginning of an answer that is not as documented. It may be personal; NULL once blanked."""
    answer_shape: Mapped[str | None] = mapped_column(Text)
    """The shape of that answer, and of every answer to a look-up: no data, so that it stays."""

    __table_args__ = (
        Index("ix_attempts_operation_id", "operation_id", "id"),
        Index(
            "uq_attempts_sent",
            "operation_id",
            "attempt",
            unique=True,
            postgresql_where=text("event = 'sent'"),
            sqlite_where=text("event = 'sent'"),
        ),
    )
