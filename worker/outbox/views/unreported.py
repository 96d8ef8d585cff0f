"""Operations and rejected rows of which the CRM has not been told yet, read page by page."""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Row, func, select, tuple_

from models import FeedFile, Operation, RejectedRow
from worker.outbox.database.database import Database
from worker.outbox.predicates import rejection_is_open, unreported

PAGE = 1_000
"""Rows read at a time: a reader that is slow to print must not hold a transaction open."""


OPERATIONS: Any = (
    select(
        Operation.id,
        Operation.feed,
        Operation.kind,
        Operation.customer_id,
        Operation.source_id,
        Operation.state,
        Operation.attempt,
        Operation.remote_id,
        Operation.answer,
        Operation.error_code,
        Operation.error_detail,
        Operation.created_at,
        Operation.finalized_at,
        Operation.line,
        FeedFile.name.label("file"),
    )
    .outerjoin(FeedFile, FeedFile.id == Operation.feed_file_id)
    .order_by(Operation.id)
)
"""All that the results say of an operation."""

REJECTIONS: Any = (
    select(
        RejectedRow.id,
        FeedFile.feed,
        RejectedRow.kind,
        RejectedRow.customer_id,
        RejectedRow.source_id,
        RejectedRow.code,
        RejectedRow.reason,
        RejectedRow.remedy,
        RejectedRow.created_at,
        RejectedRow.line,
        RejectedRow.column,
        RejectedRow.closed_at,
        RejectedRow.closed_by,
        RejectedRow.closed_reason,
        RejectedRow.faults,
        func.coalesce(RejectedRow.last_seen_at, RejectedRow.created_at).label("last_seen_at"),
        RejectedRow.times_seen,
        FeedFile.name.label("file"),
    )
    .join(FeedFile, FeedFile.id == RejectedRow.feed_file_id)
    .order_by(RejectedRow.id)
)
"""All that the results say of a rejected row, and more."""


def unreported_operations(
    db: Database, *, feed: str | None = None, everything: bool = False, without: Collection[str] = ()
) -> Iterator[Row[Any]]:
    """Read operations with a verdict that is new to the CRM, in doubt and in vain waiting included; or all, in any state.

    `without`: of none of these feeds.
    """
    query = OPERATIONS
    if not everything:
        # A row of `crm_rows` is about to show the others, and tells the CRM.
        query = query.where(unreported, Operation.rows_behind.is_not(True))
    if feed is not None:
        query = query.where(Operation.feed == feed)
    if without:
        query = query.where(Operation.feed.not_in(sorted(without)))
    return _pages(db, query, Operation.id)


def unreported_rejections(
    db: Database,
    *,
    feed: str | None = None,
    file: str | None = None,
    everything: bool = False,
    closed: bool = False,
    without: Collection[str] = (),
) -> Iterator[Row[Any]]:
    """Read open rejected rows of which the CRM has not been told; or `everything`, told or not; or also `closed` ones."""
    query = REJECTIONS
    if not closed:
        query = query.where(rejection_is_open)
    if not everything:
        query = query.where(RejectedRow.reported_at.is_(None))
    if feed is not None:
        query = query.where(FeedFile.feed == feed)
    if file is not None:
        query = query.where(FeedFile.name == file)
    if without:
        query = query.where(FeedFile.feed.not_in(sorted(without)))
    return _pages(db, query, RejectedRow.id)


def rejections_of_file(db: Database, file_id: int) -> Iterator[Row[Any]]:
    """Read the rejected rows of a feed file, in the order of their lines."""
    columns = (RejectedRow.id, RejectedRow.line, RejectedRow.source_id, RejectedRow.column, RejectedRow.code)
    query = (
        select(*columns, RejectedRow.reason, RejectedRow.remedy, RejectedRow.faults)
        .where(RejectedRow.feed_file_id == file_id)
        .order_by(RejectedRow.line, RejectedRow.id)
    )
    place = tuple_(RejectedRow.line, RejectedRow.id)
    last = (-1, 0)
    while True:
        with db.read() as connection:
            page = connection.execute(query.where(place > tuple_(*last)).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = (page[-1].line, page[-1].id)


def _pages(db: Database, query: Any, key: Any) -> Iterator[Row[Any]]:
    last = 0
    while True:
        with db.read() as connection:
            page = connection.execute(query.where(key > last).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].id
