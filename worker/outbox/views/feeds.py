"""The feeds as they stand: the last run of each, the next, and its finding."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, and_, case, func, select

from models import Feed
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, later

_HIDDEN = frozenset(
    {"cursor", "etag", "last_modified", "content_hash", "headings", "observed", "source_hash", "removed_at"}
)
"""Columns for the feed's next run, not for people; some may hold what the CRM's rows say."""

_runs = and_(Feed.lease_until.is_not(None), Feed.lease_until > current_time)
_silent_since = func.coalesce(Feed.last_new_at, Feed.created_at)
_is_silent = case(
    (Feed.silent_after.is_(None), False), (later(_silent_since, Feed.silent_after) < current_time, True), else_=False
)


def read_feeds(connection: Connection) -> Sequence[RowMapping]:
    """Read the feeds that the file of feeds names, by name. `runs`: a run is under way; `is_silent`: nothing new for too long."""
    columns = [column for column in Feed.__table__.columns if column.name not in _HIDDEN]
    shown = select(*columns, _runs.label("runs"), _is_silent.label("is_silent"), _silent_since.label("silent_since"))
    return connection.execute(shown.where(Feed.removed_at.is_(None)).order_by(Feed.name)).mappings().all()


def list_feeds(db: Database) -> Sequence[RowMapping]:
    """The same, in a transaction of its own."""
    with db.read() as connection:
        return read_feeds(connection)
