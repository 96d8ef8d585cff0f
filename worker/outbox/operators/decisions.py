"""Writes decisions of people: the row's move, guarded by state and attempt, and the decision beside it.

Whether a decision is allowed is judged in `worker.reconciling`, from the row as it stands under its lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, case, insert, null, select, update

from models import Attempt, Event, Lane, Operation, State
from worker.outbox import moves
from worker.outbox.database.sql import current_time
from worker.outbox.lanes.dependencies import parent_is_done
from worker.outbox.predicates import in_lane
from worker.outbox.revisions.superseded import SENT_BEFORE_CHANGE
from worker.outbox.views.status import OperationStatus, read_status


class Verb(StrEnum):
    """A decision in a word: the code of the history's entry."""

    REQUEUED = "requeued"
    CANCELLED = "cancelled"
    CANCEL_ASKED = "cancel_asked"
    """In flight: honoured if the attempt surely had no effect."""

    DELIVERED = "delivered"
    """It is there at Vitec."""

    SEEN = "seen"
    """It had succeeded already; a person has looked at what was odd about it."""

    SEND_AGAIN = "send_again"
    GIVEN_UP = "given_up"
    """It is not there, and is not wanted any more."""


TARGETS: Mapping[Verb, State | None] = {
    Verb.REQUEUED: State.PENDING,
    Verb.CANCELLED: State.CANCELLED,
    Verb.CANCEL_ASKED: None,
    Verb.DELIVERED: State.SUCCEEDED,
    Verb.SEEN: None,
    Verb.SEND_AGAIN: State.RETRYABLE,
    Verb.GIVEN_UP: State.CANCELLED,
}
"""The state to which each decision moves the row; None: it stays where it is."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision about one operation. `until` replaces its expiry; with `for_ever` it has none any more."""

    verb: Verb
    by: str
    reason: str | None = None
    remote_id: str | None = None
    until: datetime | None = None
    for_ever: bool = False


def lock_lanes(connection: Connection, ids: Iterable[int]) -> None:
    """Lock the operations' lanes, as each exchange does before it settles. Comes before the lock of operations."""
    lanes = select(Lane.token).join(Operation, in_lane(Lane)).where(Operation.id.in_(sorted(set(ids))))
    lanes = lanes.order_by(Lane.customer_id, Lane.kind).with_for_update(key_share=True, of=Lane)
    connection.execute(lanes).all()


def lock_operations(connection: Connection, ids: Iterable[int]) -> list[OperationStatus]:
    """Lock the operations in the order of their ids, and tell how each stands; unknown ids are left out."""
    wanted = Operation.id.in_(sorted(set(ids)))
    connection.execute(select(Operation.id).where(wanted).order_by(Operation.id).with_for_update(key_share=True)).all()
    # A status must be read after its row's lock has been waited for.
    return read_status(connection, current_time, ids)


def owner_of(connection: Connection, status: OperationStatus, remote_id: str) -> int | None:
    """Find another operation of the same kind and customer that has this remote id."""
    return connection.scalar(
        select(Operation.id)
        .where(
            Operation.kind == status.kind,
            Operation.customer_id == status.customer_id,
            Operation.remote_id == remote_id,
            Operation.id != status.id,
        )
        .limit(1)
    )


def write_decisions(connection: Connection, decided: Sequence[tuple[OperationStatus, Decision]]) -> frozenset[int]:
    """Write the decisions. Returns the ids that moved: a row that stands otherwise by now is left alone, unrecorded."""
    alike: dict[Any, list[OperationStatus]] = {}
    for status, decision in decided:
        key = (decision, status.state, status.attempt, status.revised, status.id_by_word, status.acted)
        alike.setdefault(key, []).append(status)
    moved = frozenset(id_ for key, statuses in alike.items() for id_ in _move(connection, statuses, key[0]))
    entries = [_entry(status, decision) for status, decision in decided if status.id in moved]
    if entries:
        connection.execute(insert(Attempt).values(at=current_time), entries)
    return moved


def _move(connection: Connection, alike: Sequence[OperationStatus], decision: Decision) -> list[int]:
    """Move rows that stand alike by one statement. Returns the ids of those that still stood so."""
    status, ids = alike[0], [status.id for status in alike]
    moved = connection.scalars(
        update(Operation)
        .where(Operation.id.in_(ids), Operation.state == status.state, Operation.attempt == status.attempt)
        .values(_columns(status, decision))
        .returning(Operation.id)
        .execution_options(synchronize_session=False)
    )
    return list(moved)


def _entry(status: OperationStatus, decision: Decision) -> dict[str, Any]:
    target = TARGETS[decision.verb]
    return {
        "operation_id": status.id,
        "attempt": status.attempt,
        "event": Event.DECIDED,
        "outcome": None if target is None else target.value,
        "code": decision.verb.value,
        "detail": decision.reason,
        "remote_id": decision.remote_id,
        "by": decision.by,
    }


_OVERRULED = {"acted_at": null(), "remote_id": null()}
"""A person overrules the evidence that Vitec acted: else it would make a success of whatever the next attempt brings."""


def _columns(status: OperationStatus, decision: Decision) -> dict[str, Any]:
    """Give exactly the columns that the decision changes."""
    match decision.verb:
        case Verb.REQUEUED | Verb.SEND_AGAIN:
            return _sent_again(decision) | (_OVERRULED if status.acted or status.accepted else {})
        case Verb.CANCELLED:
            return moves.called_off()
        case Verb.GIVEN_UP:
            # `acted_at` stays: only a person who says so once more, with a reason, sends it again.
            return moves.called_off() | ({"remote_id": None} if status.id_by_word else {})
        case Verb.CANCEL_ASKED:
            # New content that waits for the verdict would bring the cancelled operation back.
            return {"cancel_asked": True, "revision": None}
        case Verb.DELIVERED:
            return _delivered(status, decision)
        case Verb.SEEN:
            given = {} if decision.remote_id is None else {"remote_id": decision.remote_id}
            looked_at = {"needs_person": False, "error_code": None, "error_detail": None, "revision": None}
            return {**looked_at, "reported_at": None, **given}


def _sent_again(decision: Decision) -> dict[str, Any]:
    soonest = case((Operation.send_after > current_time, Operation.send_after), else_=current_time)
    expiry = {"expires_at": decision.until} if decision.for_ever or decision.until is not None else {}
    move = moves.requeued if decision.verb is Verb.REQUEUED else moves.sent_again
    parent_done = parent_is_done(Operation.feed, Operation.after_kind, Operation.after_source_id)
    return move(soonest, parent_done) | expiry


def _delivered(status: OperationStatus, decision: Decision) -> dict[str, Any]:
    # Judged before: another id than the row has takes the place of one that a person gave.
    named = {} if decision.remote_id is None else {"remote_id": decision.remote_id}
    if status.state is State.IN_FLIGHT:
        # Evidence is for the operation: an attempt in flight goes on, and counts as a success whatever it brings.
        return moves.evidence() | named
    # New content that waits came too late: it stays in the row for a person to see to.
    code = SENT_BEFORE_CHANGE if status.revised else null()
    return moves.succeeded(code=code, needs_person=status.revised) | named
