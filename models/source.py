"""The feeds that run by themselves: when each runs, how far it has read, and how its last run ended."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, Integer, String, Text, false, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, UtcDateTime


class Feed(Base):
    """A feed of the file of feeds. Parts of its table there are copied here, so that a command needs the database alone."""

    __tablename__ = "feeds"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(10))
    """`folder`, `query` or `url`."""
    source_hash: Mapped[str] = mapped_column(String(64))
    """Of all that says which rows are read. When it changes, the feed is read from its start, and a stop of its own ends."""
    schedule: Mapped[str] = mapped_column(String(200))
    silent_after: Mapped[float | None] = mapped_column(Float)
    """Seconds without anything new after which the feed is too silent."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the file of feeds was first read without it; NULL: it is there."""
    next_run_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    token: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The number of its run. It only rises; a run with an older one has lost the feed, and writes nothing here."""
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when the feed is its run's alone, unless the lease is renewed. NULL: no run is under way."""
    worker: Mapped[str | None] = mapped_column(String(100))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_new_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it last gave anything new."""
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    """Runs in a row that have failed."""
    finding_code: Mapped[str | None] = mapped_column(String(40))
    finding: Mapped[str | None] = mapped_column(Text)
    """A sentence about what is wrong, and the remedy. Nothing in it is personal."""
    finding_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was stopped, by a person or because of its finding. NULL: it runs."""
    stopped_by: Mapped[str | None] = mapped_column(String(100))
    """The person; NULL: it was stopped because of its finding."""
    stopped_reason: Mapped[str | None] = mapped_column(Text)
    cursor: Mapped[str | None] = mapped_column(Text)
    """The newest value of a query's cursor column, as JSON."""
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(String(100))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    """Of the last export of a query or an address: the same again is not even looked through."""
    headings: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """By kind: the headings of its last export, to which the next is held."""
    observed: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """By name: the files of a folder that are not at rest yet, with their size, time and when they were first seen so."""
    files: Mapped[int] = mapped_column(BigInteger, server_default="0")
    recorded: Mapped[int] = mapped_column(BigInteger, server_default="0")
    revised: Mapped[int] = mapped_column(BigInteger, server_default="0")
    requeued: Mapped[int] = mapped_column(BigInteger, server_default="0")
    unchanged: Mapped[int] = mapped_column(BigInteger, server_default="0")
    withdrawn: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rejected: Mapped[int] = mapped_column(BigInteger, server_default="0")
    agreed: Mapped[bool] = mapped_column(server_default=false())
    """A person has started it after it asked: its next export is taken in whatever that does."""
