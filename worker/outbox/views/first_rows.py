"""The first rows of an export, sent alone before the others: which of its rows are new, and how the first ones ended."""

from collections.abc import Sequence

from sqlalchemy import and_, select

from models import FeedFile, Operation, State
from worker.outbox.database.database import Database
from worker.outbox.database.staging import NewOperation


def find_new(db: Database, feed: str, rows: Sequence[NewOperation]) -> list[NewOperation]:
    """Give the rows that would be sent: those that are not recorded with this very content."""
    by_kind: dict[str, list[str]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row.source_id)
    recorded: set[tuple[str, str, str]] = set()
    with db.read() as connection:
        for kind, source_ids in by_kind.items():
            of_kind = and_(Operation.feed == feed, Operation.kind == kind, Operation.source_id.in_(source_ids))
            content = select(Operation.kind, Operation.source_id, Operation.payload_hash).where(of_kind)
            recorded |= {(row.kind, row.source_id, row.payload_hash) for row in connection.execute(content)}
    return [row for row in rows if (row.kind, row.source_id, row.payload_hash) not in recorded]


def read_states(db: Database, feed: str, content_hash: str) -> list[State] | None:
    """Read the states of the operations that a file has brought; None: no such file was taken in."""
    same_content = and_(FeedFile.feed == feed, FeedFile.content_hash == content_hash)
    with db.read() as connection:
        files = connection.execute(select(FeedFile.id, FeedFile.finished_at).where(same_content)).all()
        ids = [file.id for file in files]
        states = list(connection.scalars(select(Operation.state).where(Operation.feed_file_id.in_(ids)))) if ids else []
    if not states and not any(file.finished_at for file in files):
        return None
    return states
