"""Rejected rows are open until their row comes again from the CRM, or a person closes them; and files refused as a whole."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, and_, bindparam, insert, select, update

from models import FILE_REFUSED, THE_CRM, FeedFile, RejectedRow
from worker.outbox.database.database import Database
from worker.outbox.database.sql import as_json_parameter, cached_statement, current_time, json_table
from worker.outbox.predicates import rejection_is_open

AGAIN = "The CRM exported it again."

BATCH = 500
"""Rejected rows closed by one statement."""


def close_superseded(connection: Connection, file_id: int, keys: Iterable[tuple[str | None, str | None]]) -> None:
    """Close open rejections, by other files of the same feed, of the rows with these keys (kind, source_id).

    A key without a kind or a source_id closes nothing: it might be another row's.
    """
    documents = [{"kind": kind, "source_id": source_id} for kind, source_id in keys if kind and source_id]
    if documents:
        values = {**as_json_parameter(documents), "file": file_id}
        ids = connection.scalars(_superseded(connection.dialect.name), values).all()
        _close(connection, ids, THE_CRM, AGAIN)


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
        _close_refusals(connection, feed, name)
        entry = {"feed": feed, "name": name, "kind": kind, "content_hash": "", "bytes": 0}
        file = insert(FeedFile).values(**entry, started_at=current_time, finished_at=None).returning(FeedFile.id)
        fault = {"column": None, "code": code, "reason": reason, "remedy": remedy, "shape": None}
        words = {"code": FILE_REFUSED, "reason": reason, "remedy": remedy, "faults": [fault]}
        refusal = {"line": 0, "kind": kind, **words}
        file_id = connection.execute(file).scalar_one()
        connection.execute(insert(RejectedRow).values(feed_file_id=file_id, created_at=current_time, **refusal))
    return True


def close_refusals(connection: Connection, file_id: int) -> None:
    """Close open refusals of files that had this one's name and feed."""
    file = connection.execute(select(FeedFile.feed, FeedFile.name).where(FeedFile.id == file_id)).one()
    _close_refusals(connection, file.feed, file.name)


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


def _close_refusals(connection: Connection, feed: str, name: str) -> None:
    refusals = select(RejectedRow.id).join(FeedFile, _of_file).where(_refused(feed, name))
    _close(connection, connection.scalars(refusals).all(), THE_CRM, AGAIN)


def _close(connection: Connection, ids: Sequence[int], by: str, reason: str) -> list[int]:
    if not ids:
        return []
    closed = {"closed_at": current_time, "closed_by": by, "closed_reason": reason}
    close = update(RejectedRow).where(RejectedRow.id.in_(ids), rejection_is_open).values(closed)
    return sorted(connection.scalars(close.returning(RejectedRow.id)))
