"""Withdrawals: an operation that was never sent need not be taken back at Vitec, only here.

Recorded, a withdrawing operation cancels those before it with its sequence key that wait, and asks for the cancellation of
those in flight or in doubt. Before a turn claims one, it ends without a request where none of them can be at Vitec.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    exists,
    false,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from models import THE_CRM, WAITING, Attempt, Event, Operation, State
from worker.outbox import moves
from worker.outbox.database.sql import pick_unlocked, without_index
from worker.outbox.history import insert_entries
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import in_named_lane, ready

NOTHING_SENT = "what it takes back was never sent to Vitec"
"""The detail of a withdrawing operation that was not needed."""

BATCH = 500
"""Places that one statement looks for what is withdrawn."""

LOOKED_AT = 50
"""Withdrawing operations that are looked at before each claim: more than are claimed in it."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An operation of `kind`, just recorded, that takes back those of the kind `withdrawn` with the same key."""

    customer_id: str
    sequence_key: str
    kind: str
    withdrawn: str


def withdraw(connection: Connection, withdrawals: Collection[Withdrawal]) -> None:
    """Cancel what waits and is withdrawn, in the transaction that records the withdrawals; repeated, it does nothing."""
    for kinds in sorted({(withdrawal.kind, withdrawal.withdrawn) for withdrawal in withdrawals}):
        keys = [
            (withdrawal.customer_id, withdrawal.sequence_key)
            for withdrawal in withdrawals
            if (withdrawal.kind, withdrawal.withdrawn) == kinds
        ]
        _withdraw_keys(connection, *kinds, sorted(set(keys)))


def _withdraw_keys(connection: Connection, kind: str, withdrawn: str, keys: list[tuple[str, str]]) -> None:
    for start in range(0, len(keys), BATCH):
        values = {"kind": kind, "withdrawn": withdrawn, "keys": keys[start : start + BATCH]}
        rows = connection.execute(_LOCK_WITHDRAWN, values).all()
        waiting_ids = [row.id for row in rows if row.state in WAITING]
        if waiting_ids:
            by_id = update(Operation).where(Operation.id.in_(waiting_ids))
            connection.execute(by_id.values(moves.called_off()))
            entry = {"outcome": State.CANCELLED.value, "code": "withdrawn", "by": THE_CRM}
            connection.execute(insert_entries(waiting_ids, event=Event.DECIDED, **entry))
        under_way = [row for row in rows if row.state not in WAITING]
        if under_way:
            by_id = update(Operation).where(Operation.id.in_([row.id for row in under_way]))
            connection.execute(by_id.values(cancel_asked=True))
        # New content for the same place that waits for the verdict would bring the registration back.
        revised = [row.id for row in under_way if row.revision and _is_of_place(row.revision, row.sequence_key)]
        if revised:
            connection.execute(update(Operation).where(Operation.id.in_(revised)).values(revision=null()))


def _is_of_place(revision: Mapping[str, Any], sequence_key: str) -> bool:
    return bool(revision.get("sequence_key", sequence_key) == sequence_key)


_later = aliased(Operation, name="later")
_withdrawn_later = exists().where(
    _later.kind == bindparam("kind", type_=String),
    _later.customer_id == Operation.customer_id,
    _later.sequence_key == Operation.sequence_key,
    _later.id > Operation.id,
    _later.finalized_at.is_(None),
)
_LOCK_WITHDRAWN = (
    select(Operation.id, Operation.state, Operation.sequence_key, Operation.revision)
    .where(
        tuple_(Operation.customer_id, Operation.sequence_key).in_(bindparam("keys", expanding=True)),
        Operation.sequence_key.is_not(None),
        Operation.finalized_at.is_(None),
        Operation.kind == bindparam("withdrawn", type_=String),
        _withdrawn_later,
    )
    .order_by(Operation.id)
    .with_for_update(key_share=True, of=Operation)
)


def end_needless(connection: Connection, turn: Turn, withdrawn: str) -> bool:
    """End the lane's next withdrawing operations that have nothing to take back at Vitec; the lane is locked.

    False: there were some, so that the next ones, which could now be claimed, are yet to be looked at.
    """
    values = {**turn.parameters, "withdrawn": withdrawn}
    ids = list(connection.scalars(_END_NEEDLESS, values))
    if ids:
        entry = {"outcome": State.CANCELLED.value, "detail": NOTHING_SENT}
        connection.execute(insert_entries(ids, event=Event.CLOSED, **entry))
    return not ids


_taken = aliased(Operation, name="taken")
_own = aliased(Operation, name="own")


def _same_thing(operation: type[Operation]) -> ColumnElement[bool]:
    return and_(
        operation.customer_id == Operation.customer_id,
        operation.sequence_key == Operation.sequence_key,
        operation.id < Operation.id,
    )


# Taken back at Vitec by an earlier withdrawing operation, it is no longer there: not by one that was sent before its own
# end, since it may have been requeued or mended after that.
_taken_back = (
    select(_own.id)
    .where(
        _same_thing(_own),
        _own.kind == Operation.kind,
        _own.sequence_key.is_not(None),
        _own.state == State.SUCCEEDED,
        _own.first_claimed_at > _taken.finalized_at,
    )
    .limit(1)
    .correlate(Operation, _taken)
    .scalar_subquery()
    .is_not(None)
)
_of_withdrawn = and_(
    _same_thing(_taken), _taken.kind == bindparam("withdrawn", type_=String), _taken.sequence_key.is_not(None)
)
_was_written = (
    select(Attempt.id)
    .where(
        Attempt.operation_id == _taken.id,
        Attempt.event == Event.SENT,
        Attempt.written.is_not(false()),
        # An attempt that argued for another one surely had no effect; a refusal may mean that it is there already.
        Attempt.outcome.is_distinct_from(State.RETRYABLE.value),
    )
    .limit(1)
    .correlate(_taken)
    .scalar_subquery()
    .is_not(None)
)
_may_be_at_vitec = and_(
    _of_withdrawn,
    or_(_taken.state == State.SUCCEEDED, _taken.acted_at.is_not(None), _taken.finalized_at.is_(None), _was_written),
    ~_taken_back,
)


def _has(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Something withdrawn is so. Asked by its index, for each row: an EXISTS may be planned as a scan of all that there are."""
    first = select(_taken.id).where(condition).limit(1).correlate(Operation)
    return first.scalar_subquery().is_not(None)


# Few at a time, in the order of claims: all that are ready would be looked at anew before each claim.
_next_ready = (
    select(Operation.id)
    .where(in_named_lane, ready, Operation.sequence_key.is_not(None), Operation.first_claimed_at.is_(None))
    .order_by(Operation.next_attempt_at, Operation.id)
    .limit(LOOKED_AT)
    .subquery("next_ready")
)
_needless = (
    select(Operation.id)
    .join(_next_ready, _next_ready.c.id == Operation.id)
    .where(_has(_of_withdrawn), ~_has(_may_be_at_vitec))
)
_END_NEEDLESS = (
    update(Operation)
    .where(
        Operation.id.in_(pick_unlocked(_needless)),
        without_index(Operation.state.in_(WAITING)),
    )
    .values({**moves.called_off(), "error_detail": NOTHING_SENT})
    .returning(Operation.id)
    .execution_options(synchronize_session=False)
)
