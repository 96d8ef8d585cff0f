"""Rejected rows are open until their row comes again from the CRM, or a person closes them; and files refused as a whole."""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Text, and_, bindparam, insert, or_, select, update

from models import FILE_REFUSED, THE_CRM, FeedFile, RejectedRow
from worker.outbox.database.database import Database
from worker.outbox.database.sql import as_json_parameter, cached_statement, current_time, json_table
from worker.outbox.predicates import rejection_is_open

AGAIN = "The CRM exported it again."

MENDED = "The CRM exported it again, mended."

UNNAMED_AT_MOST = 1_000
"""Rows without an id that an import looks out for."""

BATCH = 500
"""Rejected rows closed by one statement."""


def close_superseded(connection: Connection, file_id: int, keys: Iterable[tuple[str | None, str | None]]) -> None:
    """Close open rejections, by other files of the same feed, of the rows with these keys (kind, source_id).

    A key without a kind or a source_id closes nothing: it might be another row's.
    """
    documents = [{"kind": kind, "source_id": source_id} for kind, source_id in keys if kind and source_id]
    if documents:
        values = {**as_json_parameter(documents), "file": file_id}
        close_by_crm(connection, connection.scalars(_superseded(connection.dialect.name), values).all(), AGAIN)


def close_taken_in(connection: Connection, feed: str, keys: Iterable[tuple[str, str]]) -> None:
    """Close open rejections, by files of the feed, of the rows with these keys (kind, source_id): they came without a file."""
    documents = [{"kind": kind, "source_id": source_id} for kind, source_id in keys]
    if documents:
        values = {**as_json_parameter(documents), "feed": feed}
        close_by_crm(connection, connection.scalars(_taken_in(connection.dialect.name), values).all(), AGAIN)


@cached_statement
def _taken_in(dialect: str) -> Any:
    keys = json_table(dialect, "keys", {"kind": Text(), "source_id": Text()})
    same_key = and_(RejectedRow.source_id == keys.c.source_id, RejectedRow.kind == keys.c.kind)
    is_open = and_(rejection_is_open, FeedFile.feed == bindparam("feed", type_=Text))
    return select(RejectedRow.id).join(keys, same_key).join(FeedFile, _of_file).where(is_open)


@cached_statement
def _superseded(dialect: str) -> Any:
    keys = json_table(dialect, "keys", {"kind": Text(), "source_id": Text()})
    file = bindparam("file", type_=BigInteger)
    same_feed = select(FeedFile.feed).where(FeedFile.id == file).scalar_subquery()
    same_key = and_(RejectedRow.source_id == keys.c.source_id, RejectedRow.kind == keys.c.kind)
    open_elsewhere = and_(rejection_is_open, RejectedRow.feed_file_id != file, FeedFile.feed == same_feed)
    return select(RejectedRow.id).join(keys, same_key).join(FeedFile, _of_file).where(open_elsewhere)


def refuse_file(
    db: Database, *, feed: str, name: str, kind: str | None, reason: str, remedy: str, code: str = FILE_REFUSED
) -> bool:
    """Record that a file was refused as a whole. False: that is open already, for the same reason.

    The row's code is `FILE_REFUSED`; `code`, the one of the reason, stands with its fault. An open refusal of a file of
    this name in this feed, for another reason, is closed.
    """
    with db.write() as connection:
        is_same = and_(_refused(feed, name), RejectedRow.reason == reason)
        if connection.execute(select(RejectedRow.id).join(FeedFile, _of_file).where(is_same).limit(1)).first():
            return False
        close_refusals(connection, feed, name)
        entry = {"feed": feed, "name": name, "kind": kind, "content_hash": "", "bytes": 0}
        file = insert(FeedFile).values(**entry, started_at=current_time, finished_at=None).returning(FeedFile.id)
        fault = {"column": None, "code": code, "reason": reason, "remedy": remedy, "shape": None}
        words = {"code": FILE_REFUSED, "reason": reason, "remedy": remedy, "faults": [fault]}
        refusal = {"line": 0, "kind": kind, **words}
        file_id = connection.execute(file).scalar_one()
        connection.execute(insert(RejectedRow).values(feed_file_id=file_id, created_at=current_time, **refusal))
    return True


def close_mended(connection: Connection, ids: Sequence[int]) -> None:
    """Close rejections of rows without an id that have come again mended."""
    close_by_crm(connection, ids, MENDED)


def close_unnamed(connection: Connection, file_id: int) -> None:
    """Close open rejections of a file's rows that have no name: the file has come again mended."""
    is_unnamed = or_(RejectedRow.source_id.is_(None), RejectedRow.kind.is_(None))
    ids = select(RejectedRow.id).where(RejectedRow.feed_file_id == file_id, rejection_is_open, is_unnamed)
    close_by_crm(connection, connection.scalars(ids).all(), MENDED)


def close_by_crm(connection: Connection, ids: Collection[int], reason: str) -> None:
    """Close rejections because of something that the CRM has exported."""
    remaining = iter(ids)
    while batch := list(islice(remaining, BATCH)):
        _close(connection, batch, THE_CRM, reason)


def unnamed_rejections(db: Database, feed: str) -> list[Row[Any]]:
    """Read open rejections of rows without a name that could be known again when they are mended: the last of them."""
    columns = (RejectedRow.id, RejectedRow.faults, RejectedRow.rest_hash)
    can_be_known = and_(rejection_is_open, RejectedRow.rest_hash.is_not(None), FeedFile.feed == feed)
    query = select(*columns).join(FeedFile, _of_file).where(can_be_known).order_by(RejectedRow.id.desc())
    with db.read() as connection:
        return list(connection.execute(query.limit(UNNAMED_AT_MOST)))


def close_rejections(db: Database, ids: Sequence[int], *, by: str, reason: str) -> list[int]:
    """Close rejected rows as a person says. Returns the ids of those that were open."""
    closed: list[int] = []
    for start in range(0, len(ids), BATCH):
        with db.write() as connection:
            closed += _close(connection, ids[start : start + BATCH], by, reason)
    return closed


_of_file = FeedFile.id == RejectedRow.feed_file_id


def _refused(feed: str, name: str) -> ColumnElement[bool]:
    return and_(rejection_is_open, RejectedRow.code == FILE_REFUSED, FeedFile.feed == feed, FeedFile.name == name)


def close_refusals(connection: Connection, feed: str, name: str) -> None:
    """Close open refusals of files with this name and feed."""
    refusals = select(RejectedRow.id).join(FeedFile, _of_file).where(_refused(feed, name))
    close_by_crm(connection, connection.scalars(refusals).all(), AGAIN)


def _close(connection: Connection, ids: Sequence[int], by: str, reason: str) -> list[int]:
    if not ids:
        return []
    closed = {"closed_at": current_time, "closed_by": by, "closed_reason": reason}
    close = update(RejectedRow).where(RejectedRow.id.in_(ids), rejection_is_open).values(closed)
    return sorted(connection.scalars(close.returning(RejectedRow.id)))
