"""Look-ups: work of the lane that asks Vitec about an operation in doubt, and what its answer moves.

A look-up is claimed as a send is, by compare-and-set on (state, attempt, look_ups); asking changes nothing at Vitec, so
a worker that dies with one under way leaves no more than a look-up to be made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from models import WAITING, Attempt, Event, Operation, State, UtcDateTime
from worker.doubt import Conclusion, Doubt, Patience, conclude
from worker.kind import LookUpResult, Presence
from worker.outbox import moves
from worker.outbox.database.sql import later, pick_unlocked, without_index
from worker.outbox.exchange.late_answers import Evidence, mark_succeeded
from worker.outbox.exchange.settle import Moved
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import Now, look_up_due, look_ups_of_doubt, permission_expired, rivals_of
from worker.outbox.revisions.superseded import content_sent
from worker.outcome import Health, HoldWanted


@dataclass(frozen=True, slots=True)
class ClaimedLookUp:
    """An operation in doubt that is being looked up. `known_ids`: what is at Vitec under others' names."""

    id: int
    attempt: int
    look_ups: int
    sent_at: datetime
    payload: dict[str, Any]
    known_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class FinishedLookUp:
    """A look-up that has ended. `answered`: Vitec gave an answer at all."""

    id: int
    attempt: int
    look_ups: int
    sighting: LookUpResult
    answered: bool
    by: str
    seconds: float
    http_status: int | None = None
    hold: HoldWanted | None = None
    health: Health = Health.UNKNOWN


@dataclass(frozen=True, slots=True)
class LookUpPolicy:
    """`gap`: seconds between two look-ups, and how long leave to send again lasts."""

    gap: float = 300.0
    patience: Patience = field(default_factory=Patience)


def claim_look_ups(
    connection: Connection, now: Now, turn: Turn, most: int, terms: LookUpPolicy, outlast: float
) -> tuple[ClaimedLookUp, ...]:
    """Begin up to `most` look-ups that are due in the lane, which is locked; none is under way for over `outlast` s."""
    begun = {
        # If this process dies, the look-up is simply made again after the gap.
        "next_attempt_at": later(now, terms.gap),
        "look_ups": Operation.look_ups + 1,
        "looked_up_at": now,
        "look_up_until": later(now, outlast),
    }
    rows = _begin(connection, turn, most, begun, look_up_due)
    if len(rows) < most:
        rows += _begin(connection, turn, most - len(rows), begun, permission_expired)
    return tuple(
        ClaimedLookUp(
            row.id, row.attempt, row.look_ups, row.sent_at, row.payload or {}, _known_ids(connection, turn, row)
        )
        for row in sorted(rows, key=lambda row: row.id)
    )


def _begin(
    connection: Connection, turn: Turn, most: int, begun: dict[str, Any], which: ColumnElement[bool]
) -> list[Row[*tuple[Any, ...]]]:
    due = (
        select(Operation.id)
        .where(Operation.customer_id == turn.customer_id, Operation.kind == turn.kind, which)
        .order_by(Operation.next_attempt_at, Operation.id)
        .limit(most)
    )
    since = func.coalesce(Operation.first_claimed_at, Operation.created_at, type_=UtcDateTime())
    return list(
        connection.execute(
            update(Operation)
            .where(Operation.id.in_(pick_unlocked(due)), without_index(which))
            .values(begun)
            .returning(
                Operation.id,
                Operation.attempt,
                Operation.look_ups,
                Operation.payload,
                Operation.match_key,
                since.label("sent_at"),
            )
            .execution_options(synchronize_session=False)
        ).all()
    )


def _known_ids(connection: Connection, turn: Turn, row: Row[*tuple[Any, ...]]) -> frozenset[str]:
    others = connection.scalars(
        select(Operation.remote_id).where(
            Operation.customer_id == turn.customer_id,
            Operation.kind == turn.kind,
            Operation.match_key == row.match_key,
            Operation.id != row.id,
        )
    )
    return frozenset(remote_id for remote_id in others if remote_id is not None)


def settle_look_ups(
    connection: Connection, now: Now, looked_up: Sequence[FinishedLookUp], terms: LookUpPolicy
) -> dict[int, Moved]:
    """Write what look-ups brought. One whose row has moved on in the meantime changes nothing."""
    moved: dict[int, Moved] = {}
    for one in looked_up:
        row = _locked(connection, now, one, terms.gap)
        if not row.same:
            _take_off(connection, one)
            if _came_too_late(connection, now, one, row):
                moved[one.id] = Moved(State.SUCCEEDED, row.revised)
            continue
        doubt = Doubt(
            state=row.state,
            accepted=row.accepted,
            look_ups=row.asked + 1,
            absent_before=bool(row.absent_before),
            contested=row.contested,
            claimed_by_another=row.claimed_by_another,
        )
        conclusion = conclude(one.sighting, doubt, answered=one.answered, patience=terms.patience)
        if conclusion.state is State.RETRYABLE and row.cancel_asked:
            conclusion = replace(conclusion, state=State.CANCELLED)
        values = {**_move(now, conclusion, terms.gap), "look_up_until": None}
        connection.execute(update(Operation).where(Operation.id == one.id).values(values))
        connection.execute(insert(Attempt).values(_entry(now, one, conclusion)))
        if conclusion.state is not row.state:
            moved[one.id] = Moved(conclusion.state, row.revised)
    return moved


def _take_off(connection: Connection, one: FinishedLookUp) -> None:
    """The look-up is no longer under way; one that has been begun since still is."""
    same = (Operation.id == one.id, Operation.attempt == one.attempt, Operation.look_ups == one.look_ups)
    connection.execute(update(Operation).where(*same).values(look_up_until=None))


def _came_too_late(connection: Connection, now: Now, one: FinishedLookUp, row: Any) -> bool:
    """The row has moved on since. What proves nothing changes nothing; that it is there is evidence all the same."""
    if one.sighting.presence is not Presence.PRESENT or row.state is State.SUCCEEDED:
        return False
    sent = content_sent(connection, one.id, one.attempt)
    rivals = row
    if sent is not None:
        # What was asked about is what was sent, and so is what it may be confused with.
        of_sent = select(*rivals_of(literal(sent.match_key))).where(Operation.id == one.id)
        rivals = connection.execute(of_sent).one()
    if rivals.contested or rivals.claimed_by_another:
        return False
    conclusion = Conclusion(State.SUCCEEDED, one.sighting.why, one.sighting.remote_id)
    connection.execute(insert(Attempt).values(_entry(now, one, conclusion)))
    found = Evidence(one.id, one.sighting.remote_id)
    return mark_succeeded(connection, now, row, found, one.attempt) is not None


def _locked(connection: Connection, now: Now, one: FinishedLookUp, gap: float) -> Any:
    """Lock the row. `same`: it still stands as it did when the look-up began. Beside it, what it must be held against."""
    # "At least the gap ago", less a second for the rounding of moments.
    long_ago = and_(Operation.absent_since.is_not(None), Operation.absent_since <= later(now, 1.0 - gap))
    has_leave = and_(Operation.send_again_until.is_not(None), Operation.state.in_(WAITING))
    same = and_(
        Operation.attempt == one.attempt,
        Operation.look_ups == one.look_ups,
        or_(Operation.state == State.IN_DOUBT, has_leave),
    )
    return connection.execute(
        select(
            same.label("same"),
            Operation.state,
            Operation.attempt,
            Operation.remote_id,
            Operation.accepted,
            look_ups_of_doubt.label("asked"),
            Operation.cancel_asked,
            Operation.revision.is_not(None).label("revised"),
            or_(long_ago, Operation.send_again_until.is_not(None)).label("absent_before"),
            *rivals_of(Operation.match_key),
        )
        .where(Operation.id == one.id)
        .with_for_update(key_share=True, of=Operation)
    ).one()


def _move(now: Now, conclusion: Conclusion, gap: float) -> moves.Columns:
    match conclusion.state:
        case State.SUCCEEDED:
            return moves.succeeded(now, conclusion.remote_id)
        case State.CANCELLED:
            return moves.cancelled(now)
        case State.RETRYABLE:
            return moves.permitted(now, later(now, gap), conclusion.why)
        case _:
            return moves.still_in_doubt(
                now, conclusion.why, absent=conclusion.absent, needs_person=conclusion.needs_person
            )


def _entry(now: Now, one: FinishedLookUp, conclusion: Conclusion) -> dict[str, Any]:
    return {
        "operation_id": one.id,
        "attempt": one.attempt,
        "event": Event.LOOKED_UP,
        "at": now,
        "seconds": one.seconds,
        "http_status": one.http_status,
        "outcome": conclusion.state.value,
        "code": one.sighting.presence.value,
        "detail": conclusion.why,
        "remote_id": conclusion.remote_id,
        "by": one.by,
    }
