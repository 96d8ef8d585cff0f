"""Rows that are all new go straight into `operations`: COPY takes all of them or, where a key is known, none.

Through the staging table they are written twice, sought by their keys before they are inserted, and sent back: 29 µs of
the database's CPU a row, and 24 so.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from worker.outbox.database.sql import read_current_time
from worker.outbox.database.staging import NewOperation, block_of, run_copy

_KNOWN = "23505"
"""SQLSTATE of a unique violation: a new row can break no other rule of its kind than that of its key."""

_COLUMNS = (
    "kind",
    "customer_id",
    "source_id",
    "payload",
    "payload_hash",
    "match_key",
    "sequence_key",
    "line",
    "send_after",
    "expires_at",
    "next_attempt_at",
    "created_at",
    "max_failures",
    "feed_file_id",
    "feed",
)
_COPY = f"COPY operations ({', '.join(_COLUMNS)}) FROM STDIN (NULL '')"


def bulk_insert(
    connection: Connection,
    rows: Sequence[NewOperation],
    *,
    feed: str,
    feed_file_id: int | None,
    max_failures: int,
) -> bool:
    """Record the rows on PostgreSQL, in their order, if each of them is new. False: nothing was done.

    Rows that come after another operation are left to the statement that looks for it.
    """
    if not feed.isprintable() or any(row.after_source_id is not None for row in rows):
        return False
    in_every_line = f"{max_failures}\t{'' if feed_file_id is None else feed_file_id}\t{feed}"
    block = block_of(list(_lines(rows, read_current_time(connection), in_every_line)), len(_COLUMNS))
    try:
        with connection.begin_nested():
            run_copy(connection, _COPY, block)
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _KNOWN:
            return False
        raise
    return True


def _lines(rows: Sequence[NewOperation], at: datetime, in_every_line: str) -> Iterator[str]:
    this_moment = str(at)
    for row in rows:
        kind, customer_id, source_id, payload, payload_hash, match_key, sequence_key = row[:7]
        send_after, expires_at, seconds, line = row.send_after, row.expires_at, row.expires_after, row.line
        due = this_moment if send_after is None else str(max(at, send_after))
        if expires_at is None and seconds is not None:
            expires_at = at + timedelta(seconds=seconds)
        yield (
            f"{kind}\t{customer_id}\t{source_id}\t{payload}\t{payload_hash}\t{match_key or ''}\t{sequence_key or ''}\t"
            f"{'' if line is None else line}\t{send_after or ''}\t{expires_at or ''}\t{due}\t{this_moment}\t{in_every_line}"
        )
