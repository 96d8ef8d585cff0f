"""The places to which results go, the batches that went there, and the words of the error codes for the view of results."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UtcDateTime

EVERY_FEED = "*"
"""The name of the sink that takes the results of every feed without a sink of its own."""


class ResultSink(Base):
    """A place to which results go. Its turn (`token`, `lease_until`, `worker`) belongs to one writer at a time."""

    __tablename__ = "result_sinks"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The feed's name, or `EVERY_FEED`."""
    number: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The number of its last batch."""
    token: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Rises with every turn; a writer with an older one has lost the sink."""
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """NULL: no writer has it."""
    worker: Mapped[str | None] = mapped_column(String(100))
    """The process that had the last turn, as `host:pid`, for people to read."""
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Not before then is the next turn. NULL: at any time."""
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a batch was last told there."""
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    """Failures in a row."""
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str | None] = mapped_column(Text)
    """The last failure in our own words. Never a value of a row."""


class ResultBatch(Base):
    """Results that leave together: numbered, recorded before they leave, and told when they have arrived."""

    __tablename__ = "result_batches"

    sink: Mapped[str] = mapped_column(ForeignKey("result_sinks.name"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    operations: Mapped[int] = mapped_column(Integer)
    rejected: Mapped[int] = mapped_column(Integer)
    rows: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The receipts of its rows: which, and how each stood. NULL once it has been told."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    folder: Mapped[str | None] = mapped_column(Text)
    """Of files: the folder, since the draft of the file is complete there; NULL before."""
    folder_mark: Mapped[str | None] = mapped_column(String(64))
    """The mark that the folder bore then: a folder without it is another one."""
    file: Mapped[str | None] = mapped_column(String(255))
    draft: Mapped[str | None] = mapped_column(String(255))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """NULL: it has begun, and may have arrived or not."""

    __table_args__ = (
        Index(
            "ix_result_batches_open",
            "sink",
            "number",
            postgresql_where=text("told_at IS NULL"),
            sqlite_where=text("told_at IS NULL"),
        ),
    )


class CodeWords(Base):
    """Meaning and remedy of an error code in the configured language, for readers of the view `operation_results`."""

    __tablename__ = "code_words"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True, server_default="")
    """The kind for which the code means this; empty: for all others."""
    text: Mapped[str] = mapped_column(Text)
    remedy: Mapped[str] = mapped_column(Text)
