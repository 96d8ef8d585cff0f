"""The operations of a feed that a full export should still name: not done yet, or done before their time."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import and_, or_, select

from models import Operation, State
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time_once
from worker.outbox.predicates import is_withdrawn

PAGE = 500
"""Operations read at a time."""


def unfinished_operations(db: Database, *, feed: str, kinds: Collection[str]) -> Iterator[Sequence[Any]]:
    """Read pages of (id, kind, source_id) of operations that the CRM could still withdraw, or be told of that it is too late.

    They wait, are in flight or in doubt; or they have succeeded before the date on which they are of use (`expires_at`).
    """
    undecided = Operation.finalized_at.is_(None)
    succeeded_early = and_(Operation.state == State.SUCCEEDED, Operation.expires_at > current_time_once)
    query = (
        select(Operation.id, Operation.kind, Operation.source_id)
        .where(
            Operation.feed == feed,
            Operation.kind.in_(sorted(kinds)),
            or_(undecided, succeeded_early),
            ~is_withdrawn,
        )
        .order_by(Operation.id)
        .limit(PAGE)
    )
    last = 0
    while True:
        with db.read() as connection:
            page = connection.execute(query.where(Operation.id > last)).all()
        if page:
            yield page
            last = page[-1].id
        if len(page) < PAGE:
            return
