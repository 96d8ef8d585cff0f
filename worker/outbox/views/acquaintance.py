"""Rows of a feed that are known already: by their ids, or by their content under other ids."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from models import Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import read_current_time

BATCH = 500
"""Values of one statement."""


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Whether the feed has ever recorded an operation of the kind, and those of the ids that it knows."""

    has_recorded: bool
    known_ids: frozenset[str]


def read_acquaintance(db: Database, *, feed: str, kind: str, source_ids: Sequence[str]) -> Acquaintance:
    """Look the ids up by the unique key."""
    of_kind = (Operation.feed == feed, Operation.kind == kind)
    known_ids: set[str] = set()
    with db.read() as connection:
        has_recorded = connection.scalar(select(Operation.id).where(*of_kind).limit(1)) is not None
        for start in range(0, len(source_ids) if has_recorded else 0, BATCH):
            batch = source_ids[start : start + BATCH]
            ids = select(Operation.source_id).where(*of_kind, Operation.source_id.in_(batch))
            known_ids |= set(connection.scalars(ids))
    return Acquaintance(has_recorded, frozenset(known_ids))


def read_moment(db: Database) -> datetime:
    """Read the present moment by the database's clock."""
    with db.read() as connection:
        return read_current_time(connection)


def count_known_content(db: Database, *, feed: str, kind: str, hashes: Collection[str]) -> int:
    """Count the hashes that an operation of the feed and kind has. There is no index by content: it reads them all."""
    counted = 0
    listed = sorted(hashes)
    with db.read() as connection:
        for start in range(0, len(listed), BATCH):
            of_content = select(func.count(Operation.payload_hash.distinct())).where(
                Operation.feed == feed,
                Operation.kind == kind,
                Operation.payload_hash.in_(listed[start : start + BATCH]),
            )
            counted += connection.scalar(of_content) or 0
    return counted
