"""Late answers: what became known of an attempt after its row had been settled without it.

Success is evidence for the operation, whichever attempt it belongs to; a certain no is evidence for its own attempt only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, func, select, type_coerce, update

from models import Attempt, Event, Operation, State
from models.base import Json
from worker.outbox import moves
from worker.outbox.database.sql import later
from worker.outbox.exchange.settle import Finished, Moved, record_attempts
from worker.outbox.predicates import Now
from worker.outbox.revisions.superseded import SENT_BEFORE_CHANGE, content_sent, refuse_newer_content

WORKER_DIED = "worker_died"
"""The code under which a dead turn's attempts are settled, unless its budget was used up."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Vitec acted on the operation. `lost_code`: it was accepted, but the answer with its id could not be read."""

    id: int
    remote_id: str | None = None
    answer: Any | None = None
    lost_code: str | None = None


def record_late(connection: Connection, now: Now, finished: Sequence[Finished]) -> dict[int, Moved]:
    """Take in answers whose rows had been settled before. Returns the rows that moved because of them.

    An answer that was written after all (its commit had been reported as failed) is recognised and left alone.
    """
    moved: dict[int, Moved] = {}
    for one in finished:
        if not _overtaken(connection, one):
            continue
        record_attempts(connection, Event.LATE, now, [one])
        row = connection.execute(
            select(
                Operation.state,
                Operation.attempt,
                Operation.remote_id,
                Operation.accepted,
                Operation.cancel_asked,
                Operation.revision.is_not(None).label("revised"),
            )
            .where(Operation.id == one.id)
            .with_for_update(key_share=True)
        ).one()
        state = _take_in(connection, now, row, one)
        if state is not None:
            moved[one.id] = Moved(state, row.revised)
    return moved


def _overtaken(connection: Connection, one: Finished) -> bool:
    """Whether the attempt was settled by somebody else, as a dead worker's, and this answer is not yet on record."""
    same = (Attempt.operation_id == one.id, Attempt.attempt == one.attempt)
    # Whoever settles an attempt of its own knows whether it was written; for a dead worker nobody does.
    died = exists().where(*same, Attempt.event == Event.SENT, Attempt.written.is_(None))
    known = exists().where(*same, Attempt.event == Event.LATE)
    return bool(connection.scalar(select(died & ~known)))


def _take_in(connection: Connection, now: Now, row: Any, one: Finished) -> State | None:
    argued = one.settlement.attempt_state
    in_doubt = row.state is State.IN_DOUBT
    same_doubt = in_doubt and row.attempt == one.attempt
    if argued is State.SUCCEEDED or (one.settlement.accepted and not in_doubt):
        what = one.settlement
        found = Evidence(one.id, what.remote_id, what.answer, what.code if what.accepted else None)
        return mark_succeeded(connection, now, row, found, one.attempt)
    # An earlier attempt may have been accepted meanwhile: then no later one's refusal lets it be sent again.
    if same_doubt and not row.accepted and argued in (State.RETRYABLE, State.FAILED):
        return _mark_without_effect(connection, now, one, cancel=row.cancel_asked)
    if same_doubt or one.settlement.accepted:
        _doubt_anew(connection, now, one, same=same_doubt)
    return None


def _doubt_anew(connection: Connection, now: Now, one: Finished, *, same: bool) -> None:
    """The attempt ended only now, and in doubt too: the quiet time before a look-up counts from here.

    If it was accepted, so was the operation, whichever attempt the row is in doubt about.
    """
    what = one.settlement
    values: dict[str, Any] = {}
    if same:
        values |= {"doubt_since": now, "absent_since": None, "next_attempt_at": later(now, what.delay)}
    if what.accepted:
        values |= {"accepted": True, "acted_at": now}
    connection.execute(update(Operation).where(Operation.id == one.id).values(values))


def mark_succeeded(connection: Connection, now: Now, row: Any, found: Evidence, attempt: int) -> State | None:
    """There is evidence that Vitec acted on this attempt. The row is locked; `row` has state, attempt and remote_id.

    In flight again: noted, and that attempt's settlement becomes a success. Succeeded already by another attempt: both
    acted, which a person has to see. Otherwise the operation has succeeded, also if it had been given up; where the
    answer was lost, under an id that only a person can find out. If what had been sent is not what stands in the row by
    now, a person has to see that, too.
    """
    target = update(Operation).where(Operation.id == found.id)
    sent = content_sent(connection, found.id, attempt)
    if row.state is State.IN_FLIGHT:
        # The settlement keeps this code, unless both have acted.
        told = {} if sent is None else {"error_code": SENT_BEFORE_CHANGE}
        connection.execute(target.values(moves.evidence(now, found.remote_id) | told))
        return None
    if row.state is State.SUCCEEDED:
        connection.execute(target.values(_once_more(row, found, attempt)))
        return None
    code = found.lost_code if sent is None else SENT_BEFORE_CHANGE
    success = moves.succeeded(now, found.remote_id, code=code, needs_person=code is not None)
    answer = func.coalesce(type_coerce(found.answer, Json), Operation.answer)
    connection.execute(target.values(success | {"answer": answer}))
    if sent is not None:
        refuse_newer_content(connection, now, found.id, sent)
    return State.SUCCEEDED


def _once_more(row: Any, found: Evidence, attempt: int) -> dict[str, Any]:
    """What the evidence adds to an operation that has succeeded: an answer it lacked, or that two attempts acted."""
    values: dict[str, Any] = {
        "remote_id": func.coalesce(Operation.remote_id, found.remote_id),
        "answer": func.coalesce(Operation.answer, type_coerce(found.answer, Json)),
    }
    known = {one for one in (row.remote_id, found.remote_id) if one is not None}
    if len(known) == 2 or not (row.attempt == attempt or known == {row.remote_id, found.remote_id}):
        values |= {"needs_person": True, "error_code": "acted_twice", "reported_at": None}
    return values


def _mark_without_effect(connection: Connection, now: Now, one: Finished, *, cancel: bool) -> State:
    """The attempt surely had no effect. A wish to cancel, which doubt had put off, is honoured now."""
    what = one.settlement
    if what.state is not State.RETRYABLE:
        columns = moves.failed(now, what.code, what.detail)
    elif cancel:
        columns = moves.cancelled(now)
    else:
        columns = moves.retryable(later(now, what.delay), what.code, what.detail)
    columns |= moves.attempt_ended(what.failures, what.remote_id, what.answer)
    connection.execute(update(Operation).where(Operation.id == one.id).values(columns))
    state: State = columns["state"]
    return state
