"""The status of an operation: as much of its row, and of its parent's, as tells which decisions are open to a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.orm import aliased

from models import Operation, State
from worker.outbox.database.sql import as_of
from worker.outbox.predicates import is_parent, not_expired


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """An operation as it stands at the moment of reading. A decision needs it read under the row's lock."""

    id: int
    kind: str
    customer_id: str
    source_id: str
    feed: str
    state: State
    attempt: int
    accepted: bool
    acted: bool
    needs_person: bool
    cancel_asked: bool
    blanked: bool
    too_late: bool
    """Its `expires_at` has passed."""
    revised: bool
    """New content from the CRM waits for its verdict."""
    remote_id: str | None
    error_code: str | None
    parent: State | None
    """The state of the operation it comes after; None: it comes after none, or that one is not known yet."""


def read_status(connection: Connection, moment: ColumnElement[datetime], ids: Iterable[int]) -> list[OperationStatus]:
    """Read how the operations stand, in the order of their ids, without locking them; unknown ids are left out."""
    parent = aliased(Operation, name="parent")
    statuses = (
        select(
            Operation.id,
            Operation.kind,
            Operation.customer_id,
            Operation.source_id,
            Operation.feed,
            Operation.state,
            Operation.attempt,
            Operation.accepted,
            Operation.acted_at.is_not(None).label("acted"),
            Operation.needs_person,
            Operation.cancel_asked,
            Operation.payload.is_(None).label("blanked"),
            (~as_of(not_expired, moment)).label("too_late"),
            Operation.revision.is_not(None).label("revised"),
            Operation.remote_id,
            Operation.error_code,
            parent.state.label("parent"),
        )
        .outerjoin(parent, is_parent(parent, Operation.feed, Operation.after_kind, Operation.after_source_id))
        .where(Operation.id.in_(sorted(set(ids))))
        .order_by(Operation.id)
    )
    return [OperationStatus(**row) for row in connection.execute(statuses).mappings()]
