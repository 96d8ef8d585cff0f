"""Look-ups: the lane's questions to Vitec about its operations in doubt, and the moves that follow from the answers.

The row of a look-up is picked under its lock, and its conclusion is written only if state, attempt and look_ups stand as
they did, and once: the look-up is no longer under way then. A question changes nothing at Vitec: a worker that dies with
one under way leaves no more than a look-up to be made again.
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
    case,
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
from worker.outbox.database.sql import current_time, later, pick_unlocked, without_index
from worker.outbox.exchange.late_answers import Evidence, mark_succeeded
from worker.outbox.exchange.settle import Moved
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import look_up_due, look_ups_of_doubt, permission_expired, rivals_of
from worker.outbox.revisions.superseded import content_sent
from worker.outcome import Health, HoldWanted


@dataclass(frozen=True, slots=True)
class ClaimedLookUp:
    """An operation in doubt that is being looked up. `known_ids`: the remote id of each rival that has one."""

    id: int
    attempt: int
    look_ups: int
    sent_at: datetime
    payload: dict[str, Any]
    known_ids: tuple[str, ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class FinishedLookUp:
    """A look-up that has ended. `counts_as_unclear`: as in `doubt.conclude`."""

    id: int
    attempt: int
    look_ups: int
    result: LookUpResult
    counts_as_unclear: bool
    by: str
    seconds: float
    http_status: int | None = None
    hold: HoldWanted | None = None
    health: Health = Health.UNKNOWN
    cause: str | None = None
    written: bool = True
    """Whether the first byte was written: a look-up that never reached Vitec uses up no patience."""
    answer_text: str | None = field(default=None, repr=False)
    answer_shape: str | None = None


@dataclass(frozen=True, slots=True)
class LookUpPolicy:
    """`gap`: seconds between two look-ups, and how long a resend permission lasts, from the look-up's begin."""

    gap: float = 300.0
    patience: Patience = field(default_factory=Patience)


def claim_look_ups(
    connection: Connection, turn: Turn, wanted: int, policy: LookUpPolicy, outlast: float
) -> tuple[ClaimedLookUp, ...]:
    """Begin up to `wanted` look-ups that are due in the lane, which is locked; none is under way for over `outlast` s."""
    begun = {
        # If this process dies, the look-up is simply made again after the gap.
        "next_attempt_at": later(current_time, policy.gap),
        "look_ups": Operation.look_ups + 1,
        "looked_up_at": current_time,
        "look_up_until": later(current_time, outlast),
    }
    rows = _begin(connection, turn, wanted, begun, look_up_due)
    if len(rows) < wanted:
        rows += _begin(connection, turn, wanted - len(rows), begun, permission_expired)
    return tuple(
        ClaimedLookUp(
            row.id,
            row.attempt,
            row.look_ups,
            row.sent_at,
            row.payload or {},
            _known_ids(connection, turn, row),
            row.looked_up_at,
        )
        for row in sorted(rows, key=lambda row: row.id)
    )


def _begin(
    connection: Connection, turn: Turn, wanted: int, begun: dict[str, Any], condition: ColumnElement[bool]
) -> list[Row[*tuple[Any, ...]]]:
    due = (
        select(Operation.id)
        .where(Operation.customer_id == turn.customer_id, Operation.kind == turn.kind, condition)
        .order_by(Operation.next_attempt_at, Operation.id)
        .limit(wanted)
    )
    claimed_at = func.coalesce(Operation.first_claimed_at, Operation.created_at, type_=UtcDateTime())
    # A claim that lies ahead was made before the clock was set back.
    since = case((claimed_at > current_time, current_time), else_=claimed_at)
    return list(
        connection.execute(
            update(Operation)
            .where(Operation.id.in_(pick_unlocked(due)), without_index(condition))
            .values(begun)
            .returning(
                Operation.id,
                Operation.attempt,
                Operation.look_ups,
                Operation.payload,
                Operation.match_key,
                Operation.looked_up_at,
                since.label("sent_at"),
            )
            .execution_options(synchronize_session=False)
        ).all()
    )


def _known_ids(connection: Connection, turn: Turn, row: Row[*tuple[Any, ...]]) -> tuple[str, ...]:
    """Read the rivals' remote ids. An id may come twice: it then tells them apart neither from each other nor from this."""
    remote_ids = connection.scalars(
        select(Operation.remote_id).where(
            Operation.customer_id == turn.customer_id,
            Operation.kind == turn.kind,
            Operation.match_key == row.match_key,
            Operation.id != row.id,
        )
    )
    return tuple(remote_id for remote_id in remote_ids if remote_id is not None)


def settle_look_ups(
    connection: Connection, looked_up: Sequence[FinishedLookUp], policy: LookUpPolicy
) -> dict[int, Moved]:
    """Draw the conclusions from look-ups. A look-up of a row that has moved on in the meantime changes nothing.

    Neither does one that has been settled before: its exchange had been reported as failed, and was committed.
    """
    moved: dict[int, Moved] = {}
    for look_up in looked_up:
        row = _lock_row(connection, look_up, policy.gap)
        if not row.unchanged:
            _end(connection, look_up)
            if _proves_success(connection, look_up, row):
                moved[look_up.id] = Moved(State.SUCCEEDED, row.revised)
            continue
        doubt = Doubt(
            state=row.state,
            accepted=row.accepted,
            look_ups=row.look_ups_before + int(look_up.written),
            absent_before=bool(row.absent_before),
            contested=row.contested,
            claimed_by_another=row.claimed_by_another,
            used_up=bool(row.used_up),
            too_slow=bool(row.too_slow),
        )
        conclusion = conclude(
            look_up.result, doubt, counts_as_unclear=look_up.counts_as_unclear, patience=policy.patience
        )
        if conclusion.state is State.RETRYABLE and row.cancel_asked:
            conclusion = replace(conclusion, state=State.CANCELLED)
        values = {**_move(conclusion, policy.gap), "look_up_until": None}
        connection.execute(update(Operation).where(Operation.id == look_up.id).values(values))
        connection.execute(insert(Attempt).values(_entry(look_up, conclusion)))
        if conclusion.state is not row.state:
            moved[look_up.id] = Moved(conclusion.state, row.revised)
    return moved


def _end(connection: Connection, look_up: FinishedLookUp) -> None:
    """The look-up is no longer under way; one that has been begun since still is."""
    is_latest = and_(Operation.attempt == look_up.attempt, Operation.look_ups == look_up.look_ups)
    connection.execute(update(Operation).where(Operation.id == look_up.id, is_latest).values(look_up_until=None))


def _proves_success(connection: Connection, look_up: FinishedLookUp, row: Any) -> bool:
    """Whether a look-up made a row succeed that has moved on since: that it is there is evidence all the same."""
    if look_up.result.presence is not Presence.PRESENT or row.state is State.SUCCEEDED:
        return False
    sent = content_sent(connection, look_up.id, look_up.attempt)
    rivals = row
    if sent is not None:
        # Vitec was asked about the content that was sent; its rivals are those of that content.
        of_sent = select(*rivals_of(literal(sent.match_key), look_up.result.remote_id)).where(
            Operation.id == look_up.id
        )
        rivals = connection.execute(of_sent).one()
    if rivals.contested or rivals.claimed_by_another:
        return False
    conclusion = Conclusion(State.SUCCEEDED, look_up.result.why, look_up.result.remote_id)
    connection.execute(insert(Attempt).values(_entry(look_up, conclusion)))
    evidence = Evidence(look_up.id, look_up.result.remote_id)
    return mark_succeeded(connection, row, evidence, look_up.attempt) is not None


def _lock_row(connection: Connection, look_up: FinishedLookUp, gap: float) -> Any:
    """Lock the row and read the facts of its doubt. `unchanged`: it stands as the look-up's begin left it."""
    # "At least the gap ago", less a second for the rounding of moments.
    long_ago = and_(Operation.absent_since.is_not(None), Operation.absent_since <= later(current_time, 1.0 - gap))
    has_permission = and_(Operation.send_again_until.is_not(None), Operation.state.in_(WAITING))
    unchanged = and_(
        Operation.attempt == look_up.attempt,
        Operation.look_ups == look_up.look_ups,
        Operation.look_up_until.is_not(None),
        or_(Operation.state == State.IN_DOUBT, has_permission),
    )
    return connection.execute(
        select(
            unchanged.label("unchanged"),
            Operation.state,
            Operation.attempt,
            Operation.remote_id,
            Operation.accepted,
            look_ups_of_doubt.label("look_ups_before"),
            Operation.cancel_asked,
            Operation.revision.is_not(None).label("revised"),
            or_(long_ago, Operation.send_again_until.is_not(None)).label("absent_before"),
            (Operation.failures >= Operation.max_failures).label("used_up"),
            (later(Operation.looked_up_at, gap) <= current_time).label("too_slow"),
            *rivals_of(Operation.match_key, look_up.result.remote_id),
        )
        .where(Operation.id == look_up.id)
        .with_for_update(key_share=True, of=Operation)
    ).one()


def _move(conclusion: Conclusion, gap: float) -> moves.Columns:
    match conclusion.state:
        case State.SUCCEEDED:
            return moves.succeeded(conclusion.remote_id)
        case State.CANCELLED:
            return moves.cancelled()
        case State.RETRYABLE:
            # Not from this exchange, which comes late if the database was away.
            return moves.resend_permitted(later(Operation.looked_up_at, gap), conclusion.why)
        case _:
            return moves.still_in_doubt(conclusion.why, absent=conclusion.absent, needs_person=conclusion.needs_person)


def _entry(look_up: FinishedLookUp, conclusion: Conclusion) -> dict[str, Any]:
    return {
        "operation_id": look_up.id,
        "attempt": look_up.attempt,
        "event": Event.LOOKED_UP,
        "at": current_time,
        "seconds": look_up.seconds,
        "written": look_up.written,
        "http_status": look_up.http_status,
        "outcome": conclusion.state.value,
        "code": look_up.result.presence.value,
        "detail": conclusion.why,
        "remote_id": conclusion.remote_id,
        "by": look_up.by,
        "answer_text": look_up.answer_text,
        "answer_shape": look_up.answer_shape,
    }
