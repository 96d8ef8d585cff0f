"""The status of an operation: as much of its row, and of its parent's, as tells which decisions are open to a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select
from sqlalchemy.orm import aliased

from models import Attempt, Event, Operation, State
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
    sent_again: bool = False
    """A person has said that it shall be sent again, and it has not been claimed since."""
    overtaken: bool = False
    """A later operation on the same thing at Vitec has succeeded: sent now, it would undo that one."""
    by_word: bool = False
    """That Vitec acted, a person has said, and nothing that came from Vitec."""
    id_by_word: bool = False
    """Its remote id a person has given, and nothing that came from Vitec."""


_of_operation = Attempt.operation_id == Operation.id
_from_vitec = and_(_of_operation, Attempt.event.in_((Event.SENT, Event.LATE, Event.LOOKED_UP)))
_accepted = and_(Attempt.event != Event.LOOKED_UP, Attempt.http_status.between(200, 299))
_sent_again = exists().where(
    _of_operation, Attempt.event == Event.DECIDED, Attempt.code == "send_again", Attempt.attempt == Operation.attempt
)
_said_delivered = exists().where(_of_operation, Attempt.event == Event.DECIDED, Attempt.code == "delivered")
_vitec_acted = exists().where(_from_vitec, or_(Attempt.outcome == State.SUCCEEDED.value, _accepted))
_later = aliased(Operation, name="later")
_later_success = and_(
    _later.customer_id == Operation.customer_id,
    _later.sequence_key == Operation.sequence_key,
    _later.id > Operation.id,
    _later.state == State.SUCCEEDED,
)
_gave_id = Attempt.remote_id == Operation.remote_id
_said_id = exists().where(_of_operation, Attempt.event == Event.DECIDED, _gave_id)
_vitec_gave_id = exists().where(_from_vitec, _gave_id)


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
            and_(Operation.state == State.RETRYABLE, _sent_again).label("sent_again"),
            exists().where(_later_success).label("overtaken"),
            and_(_said_delivered, ~_vitec_acted).label("by_word"),
            and_(_said_id, ~_vitec_gave_id).label("id_by_word"),
        )
        .outerjoin(parent, is_parent(parent, Operation.feed, Operation.after_kind, Operation.after_source_id))
        .where(Operation.id.in_(sorted(set(ids))))
        .order_by(Operation.id)
    )
    return [OperationStatus(**row) for row in connection.execute(statuses).mappings()]
