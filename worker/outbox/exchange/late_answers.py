"""Late answers: they come after the row of their attempt has been settled without them.

Success is evidence for the operation, whichever attempt it belongs to; a certain no is evidence for its own attempt only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, exists, func, literal, null, select, type_coerce, update

from models import Attempt, Event, Operation, State
from models.base import Json
from worker.outbox import moves
from worker.outbox.database.sql import current_time, later
from worker.outbox.exchange.settle import REPEATED_ID, Finished, Moved, record_attempts
from worker.outbox.predicates import is_owned
from worker.outbox.revisions.superseded import SENT_BEFORE_CHANGE, content_sent, refuse_newer_content


@dataclass(frozen=True, slots=True)
class Evidence:
    """Vitec acted on the operation. `lost_code`: it was accepted, but the answer with its id could not be read."""

    id: int
    remote_id: str | None = None
    id_is_unique: bool = False
    """As of a settlement."""
    answer: Any | None = None
    lost_code: str | None = None


def record_late(connection: Connection, finished: Sequence[Finished]) -> dict[int, Moved]:
    """Record answers that came after their rows had been settled. Returns the rows that moved because of them.

    An answer that was written after all (its commit had been reported as failed) is recognised and left alone.
    """
    moved: dict[int, Moved] = {}
    for late in finished:
        if not _is_news(connection, late):
            continue
        record_attempts(connection, Event.LATE, [late])
        row = connection.execute(
            select(
                Operation.state,
                Operation.attempt,
                Operation.remote_id,
                Operation.accepted,
                Operation.cancel_asked,
                Operation.revision.is_not(None).label("revised"),
            )
            .where(Operation.id == late.id)
            .with_for_update(key_share=True)
        ).one()
        state = _apply(connection, row, late)
        if state is not None:
            moved[late.id] = Moved(state, row.revised)
    return moved


def _is_news(connection: Connection, late: Finished) -> bool:
    """Whether the attempt was settled as a dead worker's, and this answer is not yet on record."""
    of_attempt = (Attempt.operation_id == late.id, Attempt.attempt == late.attempt)
    # A turn that settles an attempt of its own knows whether it was written; of a dead worker's that is not known.
    rescued = exists().where(*of_attempt, Attempt.event == Event.SENT, Attempt.written.is_(None))
    recorded = exists().where(*of_attempt, Attempt.event == Event.LATE)
    return bool(connection.scalar(select(rescued & ~recorded)))


def _apply(connection: Connection, row: Any, late: Finished) -> State | None:
    """Move the row, which is locked, as the answer demands. Returns its new state; None: it stays where it is."""
    settlement = late.settlement
    argued = settlement.attempt_state
    in_doubt = row.state is State.IN_DOUBT
    same_doubt = in_doubt and row.attempt == late.attempt
    if argued is State.SUCCEEDED or (settlement.accepted and not in_doubt):
        lost_code = settlement.code if settlement.accepted else None
        evidence = Evidence(
            late.id, settlement.remote_id, settlement.id_is_unique, settlement.answer, lost_code=lost_code
        )
        return mark_succeeded(connection, row, evidence, late.attempt)
    if argued in (State.RETRYABLE, State.FAILED):
        # An earlier attempt may have been accepted meanwhile: then no later one's refusal lets it be sent again, and the
        # look-ups of what was accepted go on when they were due.
        if same_doubt and not row.accepted:
            return _mark_without_effect(connection, late, cancel=row.cancel_asked)
        return None
    if same_doubt or settlement.accepted:
        _renew_doubt(connection, late, same_doubt=same_doubt)
    return None


def _renew_doubt(connection: Connection, late: Finished, *, same_doubt: bool) -> None:
    """The attempt ended only now, and in doubt too: the quiet time before a look-up counts from here.

    If it was accepted, so was the operation, whichever attempt the row is in doubt about.
    """
    columns: dict[str, Any] = {}
    if same_doubt:
        delay = late.settlement.delay
        columns |= {"doubt_since": current_time, "absent_since": None, "next_attempt_at": later(current_time, delay)}
    if late.settlement.accepted:
        columns |= {"accepted": True, **moves.evidence()}
    connection.execute(update(Operation).where(Operation.id == late.id).values(columns))


def mark_succeeded(connection: Connection, row: Any, evidence: Evidence, attempt: int) -> State | None:
    """There is evidence that Vitec acted on this attempt. The row is locked; `row` has state, attempt and remote_id.

    In flight again: noted, and that attempt's settlement becomes a success. Succeeded already by another attempt: both
    acted, which a person has to see. Otherwise the operation has succeeded, also if it had been given up; where the
    answer was lost, under an id that only a person can find out. If another content was sent than the row has by now,
    a person has to see that, too. Returns the new state; None: the row stays where it is.
    """
    by_id = update(Operation).where(Operation.id == evidence.id)
    sent = content_sent(connection, evidence.id, attempt)
    code = evidence.lost_code if sent is None else SENT_BEFORE_CHANGE
    if row.state is State.IN_FLIGHT:
        # The settlement keeps this code, unless both have acted.
        note = {} if sent is None else {"error_code": code}
        connection.execute(by_id.values(moves.evidence(evidence.remote_id) | note))
        return None
    if row.state is State.SUCCEEDED:
        connection.execute(by_id.values(_add_to_success(row, evidence, attempt)))
        return None
    answer = func.coalesce(type_coerce(evidence.answer, Json), Operation.answer)
    repeats = case((is_owned(literal(evidence.remote_id)), REPEATED_ID)) if evidence.id_is_unique else null()
    success = moves.succeeded(evidence.remote_id, code=code or repeats, needs_person=code is not None)
    connection.execute(by_id.values(success | {"answer": answer}))
    if sent is not None:
        refuse_newer_content(connection, evidence.id, sent)
    return State.SUCCEEDED


def _add_to_success(row: Any, evidence: Evidence, attempt: int) -> dict[str, Any]:
    """Give what the evidence adds to an operation that has succeeded: an answer it lacked, or that two attempts acted."""
    columns: dict[str, Any] = {
        "remote_id": func.coalesce(Operation.remote_id, evidence.remote_id),
        "answer": func.coalesce(Operation.answer, type_coerce(evidence.answer, Json)),
    }
    remote_ids = {row.remote_id, evidence.remote_id}
    known_ids = remote_ids - {None}
    if len(known_ids) == 2 or not (row.attempt == attempt or known_ids == remote_ids):
        columns |= {"needs_person": True, "error_code": "acted_twice", "reported_at": None}
    return columns


def _mark_without_effect(connection: Connection, late: Finished, *, cancel: bool) -> State:
    """The attempt surely had no effect. A wish to cancel, which the doubt had put off, is honoured now."""
    settlement = late.settlement
    if settlement.state is not State.RETRYABLE:
        columns = moves.failed(settlement.code, settlement.detail)
    elif cancel:
        columns = moves.cancelled()
    else:
        columns = moves.retryable(later(current_time, settlement.delay), settlement.code, settlement.detail)
    columns |= moves.attempt_ended(settlement.failures, settlement.remote_id, settlement.answer)
    connection.execute(update(Operation).where(Operation.id == late.id).values(columns))
    state: State = columns["state"]
    return state
