"""What the CRM has not been told yet, read page by page, and the mark that it has been told."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Text,
    cast,
    select,
    update,
)

from models import FeedFile, Operation, RejectedRow, State
from worker.outbox.database.database import Database
from worker.outbox.database.json_tables import as_ids_parameter, as_json_parameter, json_table, with_ids
from worker.outbox.database.statements import cached_statement
from worker.outbox.predicates import unreported

PAGE = 1_000
"""Rows read or marked at a time: a reader that is slow to print must not hold a transaction open."""


class ReportedState(NamedTuple):
    """An operation as the CRM is told of it."""

    id: int
    attempt: int
    state: State


def unreported_operations(db: Database, *, feed: str | None = None, everything: bool = False) -> Iterator[Row[Any]]:
    """Operations whose verdict is new to the CRM, in doubt and waiting in vain included; or all, in whatever state."""
    query = (
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
    if not everything:
        query = query.where(unreported)
    if feed is not None:
        query = query.where(Operation.feed == feed)
    return _pages(db, query, Operation.id)


def unreported_rejections(
    db: Database, *, feed: str | None = None, file: str | None = None, everything: bool = False
) -> Iterator[Row[Any]]:
    """Rows that could not be recorded, of which the CRM has not been told; or all of them."""
    query = (
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
            FeedFile.name.label("file"),
        )
        .join(FeedFile, FeedFile.id == RejectedRow.feed_file_id)
        .order_by(RejectedRow.id)
    )
    if not everything:
        query = query.where(RejectedRow.reported_at.is_(None))
    if feed is not None:
        query = query.where(FeedFile.feed == feed)
    if file is not None:
        query = query.where(FeedFile.name == file)
    return _pages(db, query, RejectedRow.id)


def _pages(db: Database, query: Any, key: Any) -> Iterator[Row[Any]]:
    last = 0
    while True:
        with db.read() as connection:
            page = connection.execute(query.where(key > last).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].id


def mark_operations_reported(db: Database, told: Iterable[ReportedState]) -> int:
    """Note that the CRM has been told; an operation that has moved meanwhile stays untold. Returns how many."""
    return sum(_mark_some(db, some) for some in _batches(told))


def _mark_some(db: Database, told: Sequence[ReportedState]) -> int:
    # By id, as everybody locks operations.
    told = sorted(told)
    document = as_json_parameter({"id": one.id, "attempt": one.attempt, "state": one.state.value} for one in told)
    ids = as_ids_parameter(one.id for one in told)
    with db.write() as connection:
        mark = _mark(connection.dialect.name, db.clock.now())
        return connection.execute(mark, {**document, **ids}).rowcount


@cached_statement
def _mark(dialect: str, now: ColumnElement[datetime]) -> Any:
    """Those of the document that stand as they were told."""
    told = json_table(dialect, "told", {"id": BigInteger(), "attempt": Integer(), "state": Text()}).c
    return (
        update(Operation)
        .where(
            with_ids(dialect, Operation.id),
            Operation.id == told.id,
            Operation.attempt == told.attempt,
            cast(Operation.state, Text) == told.state,
            Operation.reported_at.is_(None),
        )
        .values(reported_at=now)
        .execution_options(synchronize_session=False)
    )


def mark_rejections_reported(db: Database, ids: Iterable[int]) -> int:
    """Note that the CRM has been told of these rejected rows. Returns how many."""
    number = 0
    for some in _batches(ids):
        mark = update(RejectedRow).where(RejectedRow.id.in_(some), RejectedRow.reported_at.is_(None))
        with db.write() as connection:
            changed = connection.execute(
                mark.values(reported_at=db.clock.now()).execution_options(synchronize_session=False)
            )
            number += changed.rowcount
    return number


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, PAGE)):
        yield some
