"""Rejected rows that come again as bad as they were: one open rejection each, which says when it was seen last and how often."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Row,
    String,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    select,
    update,
)

from models import FeedFile, RejectedRow
from worker.outbox.database.sql import as_json_parameter, cached_statement, current_time, json_table
from worker.outbox.intake.rejections import AGAIN, close_by_crm
from worker.outbox.predicates import rejection_is_open

NewRow = dict[str, Any]
"""The columns of a rejected row that is about to be recorded."""


def meet_again(connection: Connection, feed: str, file_id: int, rows: Sequence[NewRow]) -> list[NewRow]:
    """Note that open rejections, by other files of the feed, were seen once more. Returns the rows that are none of these.

    A row is known again by kind and source_id, or else by its content or place. It then says what is wrong with it now;
    where that is something else than before, the CRM is told again. Of several open ones the others are closed.
    """
    if not rows:
        return []
    waiting = defaultdict[int, list[Row[Any]]](list)
    for earlier in connection.execute(_open_ones(connection.dialect.name), _parameters(feed, rows, file_id)):
        waiting[earlier.number].append(earlier)
    # The same row may stand in the file twice: each of them meets one of those that were open.
    met, changed, unchanged, new = set[int](), list[NewRow](), list[NewRow](), list[NewRow]()
    for number, row in enumerate(rows):
        match = next((earlier for earlier in waiting[number] if earlier.id not in met), None)
        if match is None:
            new.append(row)
            continue
        met.add(match.id)
        (unchanged if _is_unchanged(match, row) else changed).append({"rejection_id": match.id, **row})
    if unchanged:
        connection.execute(_see_again(file_id), unchanged)
    if changed:
        connection.execute(_see_again(file_id).values(reported_at=None), changed)
    surplus = {earlier.id for rejections in waiting.values() for earlier in rejections} - met
    close_by_crm(connection, surplus, AGAIN)
    return new


def leave_out_known(connection: Connection, feed: str, rows: Sequence[NewRow]) -> tuple[list[NewRow], list[bool]]:
    """Leave out rows that were rejected before for the same: their file has been imported to its end once already.

    Returns the others; and of each that is left out, whether it is closed. One that was rejected anew by another file
    since, or closed, has no row with this file's line any more.
    """
    is_closed: dict[int, bool] = {}
    for row in connection.execute(_any_ones(connection.dialect.name), _parameters(feed, rows)):
        is_closed[row.number] = is_closed.get(row.number, True) and row.closed_at is not None
    return [row for number, row in enumerate(rows) if number not in is_closed], list(is_closed.values())


def _parameters(feed: str, rows: Sequence[NewRow], file_id: int = 0) -> dict[str, Any]:
    documents = [{"number": number, **{name: row[name] for name in _KEY}} for number, row in enumerate(rows)]
    return {**as_json_parameter(documents), "feed": feed, "file": file_id}


_KEY = ("kind", "source_id", "row_hash", "code")
_WORDS = ("column", "code", "reason", "remedy")


def _is_unchanged(earlier: Any, row: NewRow) -> bool:
    if earlier.faults is not None:
        return bool(earlier.faults == row["faults"])
    return all(getattr(earlier, name) == row[name] for name in _WORDS)


@cached_statement
def _open_ones(dialect: str) -> Any:
    """Compose the search for open rejections of the rows, by other files of the feed, in the order of their files."""
    rows = _rows_table(dialect)
    elsewhere = and_(rejection_is_open, RejectedRow.feed_file_id != bindparam("file", type_=BigInteger))
    columns = [getattr(RejectedRow, name) for name in (*_WORDS, "faults", "line")]
    named, unnamed = (
        select(RejectedRow.id, rows.c.number, *columns)
        .join(rows, is_same)
        .join(FeedFile, _of_file)
        .where(elsewhere, _of_feed)
        for is_same in _same_row(rows)
    )
    rejections = named.union_all(unnamed).subquery()
    return select(rejections).order_by(rejections.c.number, rejections.c.line, rejections.c.id)


@cached_statement
def _any_ones(dialect: str) -> Any:
    """Compose the search for rejections of the rows, open or closed, with the same code."""
    rows = _rows_table(dialect)
    same_code = RejectedRow.code == rows.c.code
    named, unnamed = (
        select(rows.c.number, RejectedRow.closed_at)
        .join_from(RejectedRow, rows, and_(is_same, same_code))
        .join(FeedFile, _of_file)
        .where(_of_feed)
        for is_same in _same_row(rows)
    )
    return named.union_all(unnamed)


def _rows_table(dialect: str) -> Any:
    columns: dict[str, Any] = {"number": Integer(), **{name: Text() for name in _KEY}}
    return json_table(dialect, "rows", columns)


def _same_row(rows: Any) -> tuple[Any, Any]:
    """Give the two conditions that a rejection is of the same row: by its name, or without one by content or place."""
    by_name = and_(RejectedRow.source_id == rows.c.source_id, RejectedRow.kind == rows.c.kind)
    by_hash = and_(RejectedRow.row_hash == rows.c.row_hash, rows.c.row_hash.is_not(None))
    return by_name, by_hash


_TABLE: Table = RejectedRow.metadata.tables[RejectedRow.__tablename__]
_of_file = FeedFile.id == RejectedRow.feed_file_id
_of_feed = FeedFile.feed == bindparam("feed", type_=String)


def _see_again(file_id: int) -> Update:
    """Compose the update of rejections that were seen once more, by their `rejection_id`."""
    columns = ("line", "customer_id", *_WORDS, "faults", "row_hash", "rest_hash")
    values: dict[Any, Any] = {name: bindparam(name) for name in columns}
    values |= {"feed_file_id": file_id, "last_seen_at": current_time, "times_seen": RejectedRow.times_seen + 1}
    return update(_TABLE).where(_TABLE.c.id == bindparam("rejection_id")).values(values)
