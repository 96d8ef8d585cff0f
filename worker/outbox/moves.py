"""The moves of an operation: each gives exactly the columns that it sets, beside content and times that people chose.

Every statement that changes `state` takes its columns from here; no other module writes that column. `MOVES_FROM` says
from which states each move leads, and a test compares it with `models.MOVES`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    case,
    false,
    func,
    literal_column,
    null,
    type_coerce,
)

from models import FINAL, WAITING, Operation, State
from worker.outbox.database.sql import current_time

Columns = dict[str, Any]
"""Columns of an operation by name, with their new values."""

Moment = ColumnExpressionArgument[Any] | Any

_TABLE = Operation.metadata.tables["operations"]
_NO, _NULL = false(), null()
_DOUBT_IS_OVER: Columns = {"accepted": _NO, "doubt_since": _NULL, "absent_since": _NULL, "send_again_until": _NULL}
_NEWS: Columns = {"reported_at": _NULL}
"""The CRM has not been told of the new state."""


def claimed(token: Any) -> Columns:
    """The operation is in flight. The code of its last attempt stays until this one is settled."""
    return {
        "state": State.IN_FLIGHT,
        "attempt": Operation.attempt + 1,
        "claimed_by": token,
        "claimed_at": current_time,
        "first_claimed_at": func.coalesce(Operation.first_claimed_at, current_time),
        "absent_since": _NULL,
        "send_again_until": _NULL,
    }


def attempt_ended(failures: Any, remote_id: Any, answer: Any) -> Columns:
    """The columns that the end of an attempt sets, whichever state it leads to; to be added to those of the move."""
    return {
        "claimed_by": _NULL,
        "claimed_at": _NULL,
        "failures": Operation.failures + failures,
        "remote_id": func.coalesce(Operation.remote_id, remote_id),
        "answer": func.coalesce(type_coerce(answer, Operation.answer.type), Operation.answer),
    }


def evidence(remote_id: Any = None) -> Columns:
    """Vitec has acted, first seen now; an id that it gave earlier stays. By themselves these columns move nothing."""
    named = {} if remote_id is None else {"remote_id": func.coalesce(Operation.remote_id, remote_id)}
    return {"acted_at": func.coalesce(Operation.acted_at, current_time), **named}


def succeeded(remote_id: Any = None, *, code: Any = _NULL, needs_person: Any = _NO) -> Columns:
    """Vitec acted. A code says what is odd about it, for a person to look at."""
    return {**_ended(State.SUCCEEDED, code), **evidence(remote_id), "needs_person": needs_person}


def retryable(next_attempt_at: Moment, code: Any, detail: Any) -> Columns:
    """The attempt surely had no effect, so the operation is sent again at `next_attempt_at`."""
    return {
        "state": State.RETRYABLE,
        "next_attempt_at": next_attempt_at,
        "error_code": code,
        "error_detail": detail,
        "needs_person": _NO,
        "cancel_asked": _NO,
        **_DOUBT_IS_OVER,
        **_NEWS,
    }


def resend_permitted(until: Moment, detail: str) -> Columns:
    """Two look-ups agree that the operation is absent, so it may be sent again until `until`.

    The doubt's code stays, as the last attempt's. A look-up after `until` takes the permission itself for one that found the
    operation absent.
    """
    return {
        "state": State.RETRYABLE,
        "next_attempt_at": current_time,
        "error_detail": detail,
        "doubt_since": _NULL,
        "send_again_until": until,
        **_NEWS,
    }


def in_doubt(
    next_look_up_at: Moment,
    code: Any,
    detail: Any,
    *,
    accepted: ColumnElement[bool],
    needs_person: Any,
) -> Columns:
    """Vitec may have acted; `accepted`: it has. Before this attempt it had not, or the operation would have succeeded.

    A wish to cancel stays: should the operation prove absent, it is cancelled instead of sent again.
    """
    return {
        "state": State.IN_DOUBT,
        "next_attempt_at": next_look_up_at,
        "acted_at": case((accepted, current_time)),
        "accepted": accepted,
        "error_code": code,
        "error_detail": detail,
        "needs_person": needs_person,
        "doubt_since": current_time,
        "absent_since": _NULL,
        "send_again_until": _NULL,
        **_NEWS,
    }


def still_in_doubt(detail: str, *, absent: bool, needs_person: bool) -> Columns:
    """A look-up has not ended the doubt, or has made it anew where a resend permission had expired."""
    return {
        "state": State.IN_DOUBT,
        "error_detail": detail,
        "doubt_since": func.coalesce(Operation.doubt_since, current_time),
        "absent_since": func.coalesce(Operation.absent_since, current_time) if absent else _NULL,
        "send_again_until": _NULL,
        "needs_person": needs_person,
        # The CRM hears of a doubt once more only when it becomes a person's.
        "reported_at": _NULL if needs_person else Operation.reported_at,
    }


def failed(code: Any, detail: Any) -> Columns:
    """Vitec refused, or the budget is used up: by tries without effect, or in doubt where it is sent again then."""
    return {**_ended(State.FAILED, code), "error_detail": detail}


def orphaned(code: str = "parent_failed") -> Columns:
    """The parent has ended without success, or without the result that the operation needs."""
    return _ended(State.FAILED, code)


def cancelled() -> Columns:
    """The operation is no longer wanted, and was not done. That is no error, so no code stays from before."""
    return _ended(State.CANCELLED)


def called_off() -> Columns:
    """A person or the CRM does not want the operation any more, nor new content that waits for its verdict."""
    return {**cancelled(), "revision": _NULL}


def expired() -> Columns:
    """The operation's time has run out."""
    return _ended(State.EXPIRED, "expired")


def _ended(state: State, code: Any = _NULL) -> Columns:
    return {
        "state": state,
        "error_code": code,
        "error_detail": _NULL,
        "needs_person": _NO,
        "cancel_asked": _NO,
        **_DOUBT_IS_OVER,
        "finalized_at": current_time,
        **_NEWS,
    }


def requeued(next_attempt_at: Moment, parent_done: Any) -> Columns:
    """An operation that had ended without success begins again, but for its count of attempts."""
    return _begun_again(State.PENDING, next_attempt_at, parent_done)


def mended(next_attempt_at: Moment, parent_done: Any) -> Columns:
    """The CRM mended an operation that had ended without success: of the new content nothing was ever claimed."""
    return {**requeued(next_attempt_at, parent_done), "revision": _NULL, "first_claimed_at": _NULL}


def sent_again(next_attempt_at: Moment, parent_done: Any) -> Columns:
    """A person knows that an operation in doubt is not there; its budget begins again."""
    return _begun_again(State.RETRYABLE, next_attempt_at, parent_done)


def _begun_again(state: State, next_attempt_at: Moment, parent_done: Any) -> Columns:
    return {
        **_ended(state),
        "finalized_at": _NULL,
        "next_attempt_at": next_attempt_at,
        # While it had ended, a success of its parent was not written into it.
        "parent_done": parent_done,
        "failures": 0,
        "look_ups": 0,
        "looked_up_at": _NULL,
        "answer": _NULL,
    }


MOVES_FROM: Mapping[Callable[..., Columns], frozenset[State]] = {
    claimed: WAITING,
    succeeded: frozenset(State) - {State.SUCCEEDED},
    retryable: frozenset({State.IN_FLIGHT, State.IN_DOUBT}),
    resend_permitted: frozenset({State.IN_DOUBT}),
    sent_again: frozenset({State.IN_DOUBT}),
    in_doubt: frozenset({State.IN_FLIGHT, State.RETRYABLE}),
    still_in_doubt: frozenset({State.RETRYABLE}),
    failed: frozenset({State.IN_FLIGHT, State.IN_DOUBT}),
    orphaned: WAITING,
    cancelled: frozenset({State.IN_FLIGHT, State.IN_DOUBT}),
    called_off: WAITING | {State.IN_DOUBT, State.SUCCEEDED},
    expired: WAITING,
    requeued: FINAL - {State.SUCCEEDED},
    mended: FINAL - {State.SUCCEEDED},
}
"""The states that each move leads from. A new operation is pending by the column's default."""


def by_target(target: ColumnElement[Any], moves: Sequence[Columns]) -> Columns:
    """The columns of a move to the state that the database works out: `target`, the state of one of the moves.

    A column that one of the moves does not set keeps its value there.
    """
    names = dict.fromkeys(name for columns in moves for name in columns if name != "state")
    return {"state": type_coerce(target, Operation.state.type)} | {
        name: _value_by_target(target, {columns["state"]: columns.get(name, _TABLE.c[name]) for columns in moves})
        for name in names
    }


def _value_by_target(target: ColumnElement[Any], values: Mapping[State, ColumnElement[Any]]) -> ColumnElement[Any]:
    """A CASE with few branches, since most states share a value; where all do, the value itself."""
    usual = max(values.values(), key=lambda value: sum(map(value.compare, values.values())))
    # Written out, not bound: a statement of more than 4,096 characters the driver would take apart each time anew.
    unusual: dict[Any, ColumnElement[Any]] = {
        literal_column(f"'{state}'"): value for state, value in values.items() if not value.compare(usual)
    }
    return case(unusual, value=target, else_=usual) if unusual else usual
