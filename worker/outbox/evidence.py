"""Late answers: what became known of an attempt after its row had been settled without it.

Success is evidence for the operation, whichever attempt it belongs to; a certain no is evidence for its own attempt only.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select, type_coerce, update

from models import Attempt, Event, Operation, State
from models.base import Json
from worker.outbox.clock import later
from worker.outbox.due import Now
from worker.outbox.settling import Finished, Moved, record

WORKER_DIED = "worker_died"
"""The code under which a dead turn's attempts are settled: the only settlement that a late answer may overrule."""


def late(connection: Connection, now: Now, finished: Sequence[Finished]) -> dict[int, Moved]:
    """Take in answers whose rows had been settled before. Returns the rows that moved because of them.

    An answer that was written after all (its commit had been reported as failed) is recognised and left alone.
    """
    moved: dict[int, Moved] = {}
    for one in finished:
        if not _overtaken(connection, one):
            continue
        record(connection, Event.LATE, now, [one])
        row = connection.execute(
            select(Operation.state, Operation.attempt, Operation.revision.is_not(None).label("revised"))
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
    died = exists().where(*same, Attempt.event == Event.SENT, Attempt.code == WORKER_DIED)
    known = exists().where(*same, Attempt.event == Event.LATE)
    return bool(connection.scalar(select(died & ~known)))


def _take_in(connection: Connection, now: Now, row: Row[State, int, bool], one: Finished) -> State | None:
    argued = one.settlement.argued
    if argued is State.SUCCEEDED:
        return prove(connection, now, one.id, row.state, one)
    same_doubt = row.state is State.IN_DOUBT and row.attempt == one.attempt
    if same_doubt and argued in (State.RETRYABLE, State.FAILED):
        return _disprove(connection, now, one)
    if same_doubt:
        _doubt_anew(connection, now, one)
    return None


def _doubt_anew(connection: Connection, now: Now, one: Finished) -> None:
    """The attempt ended only now, and in doubt too: the quiet time before a look-up counts from here."""
    what = one.settlement
    values: dict[str, Any] = {"doubt_since": now, "absent_since": None, "next_attempt_at": later(now, what.delay)}
    if what.accepted:
        values |= {"accepted": True, "acted_at": now}
    connection.execute(update(Operation).where(Operation.id == one.id).values(values))


def prove(connection: Connection, now: Now, operation_id: int, state: State, one: Finished) -> State | None:
    """There is evidence that Vitec acted. The row is locked and in `state`.

    In flight again: noted, and that attempt's settlement becomes a success. Succeeded already by another attempt: both
    acted, which a person has to see. Otherwise the operation has succeeded, also if it had been given up.
    """
    what = one.settlement
    target = update(Operation).where(Operation.id == operation_id)
    if state is State.IN_FLIGHT:
        connection.execute(target.values(acted_at=now, remote_id=func.coalesce(Operation.remote_id, what.remote_id)))
        return None
    if state is State.SUCCEEDED:
        connection.execute(target.values(needs_person=True, error_code="acted_twice", reported_at=None))
        return None
    connection.execute(
        target.values(
            state=State.SUCCEEDED,
            acted_at=now,
            finalized_at=now,
            remote_id=func.coalesce(what.remote_id, Operation.remote_id),
            answer=func.coalesce(type_coerce(what.answer, Json), Operation.answer),
            error_code=None,
            error_detail=None,
            needs_person=False,
            accepted=False,
            doubt_since=None,
            absent_since=None,
            send_again_until=None,
            cancel_asked=False,
            reported_at=None,
        )
    )
    return State.SUCCEEDED


def _disprove(connection: Connection, now: Now, one: Finished) -> State:
    what = one.settlement
    final = what.state is State.FAILED
    connection.execute(
        update(Operation)
        .where(Operation.id == one.id)
        .values(
            state=what.state,
            failures=Operation.failures + what.failures,
            next_attempt_at=later(now, what.delay),
            error_code=what.code,
            error_detail=what.detail,
            needs_person=False,
            doubt_since=None,
            finalized_at=now if final else None,
            reported_at=None,
        )
    )
    return what.state
