"""Settles finished attempts: moves each row, guarded by its state and attempt, and adds the attempt to the history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Integer,
    String,
    Text,
    and_,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from models import Attempt, Event, Operation, State
from models.base import RowId
from worker.decide import Settlement
from worker.outbox import moves
from worker.outbox.database.sql import (
    as_ids_parameter,
    as_json,
    as_json_parameter,
    cached_statement,
    current_time,
    json_table,
    later,
    to_json_text,
    with_ids,
)
from worker.outbox.predicates import claimed, is_owned
from worker.outbox.revisions.superseded import SENT_BEFORE_CHANGE

REPEATED_ID = "repeated_id"
"""The code of a success with a remote id that another operation has, too: Vitec acted, and its answer names nothing."""


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that has ended, and the settlement of its row."""

    id: int
    attempt: int
    settlement: Settlement
    by: str
    seconds: float | None = None
    tries: int | None = None
    written: bool | None = None
    http_status: int | None = None
    answer_text: str | None = field(default=None, repr=False)
    answer_shape: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A row that a settlement has moved. `revised`: new content from the CRM waits for this verdict."""

    state: State
    revised: bool = False


def succeeded_ids(moved: Mapping[int, Moved]) -> list[int]:
    """The operations that have succeeded."""
    return [id_ for id_, row in moved.items() if row.state is State.SUCCEEDED]


_COLUMNS: dict[str, TypeEngine[Any]] = {
    "id": RowId,
    "attempt": Integer(),
    "state": Text(),
    "unwanted": Text(),
    "argued": Text(),
    "delay": Float(),
    "failures": Integer(),
    "remote_id": Text(),
    "repeats": Boolean(),
    "answer": Text(),
    "code": Text(),
    "detail": Text(),
    "accepted": Boolean(),
    "needs_person": Boolean(),
    "by": Text(),
    "seconds": Float(),
    "tries": Integer(),
    "written": Boolean(),
    "http_status": Integer(),
    "answer_text": Text(),
    "answer_shape": Text(),
}

_HISTORY = {"argued", "by", "seconds", "tries", "written", "http_status", "answer_text", "answer_shape"}
"""The columns that only the history needs."""


_UNWANTED = {
    (State.RETRYABLE, State.RETRYABLE): State.CANCELLED,
    (State.RETRYABLE, State.IN_DOUBT): State.IN_DOUBT,
}
"""The state, by those of settlement and attempt, where cancel was asked: in doubt it may be done, and is not sent again."""


def _as_row(finished: Finished) -> dict[str, Any]:
    settlement = finished.settlement
    row = {
        "id": finished.id,
        "attempt": finished.attempt,
        "state": settlement.state.value,
        "unwanted": _UNWANTED.get((settlement.state, settlement.attempt_state), settlement.state).value,
        "argued": settlement.attempt_state.value,
        "delay": settlement.delay,
        "failures": settlement.failures,
        "remote_id": settlement.remote_id,
        "answer": to_json_text(settlement.answer),
        "code": settlement.code,
        "detail": settlement.detail,
        "accepted": settlement.accepted,
        "needs_person": settlement.needs_person,
        "by": finished.by,
        "seconds": finished.seconds,
        "tries": finished.tries,
        "written": finished.written,
        "http_status": finished.http_status,
        "answer_text": finished.answer_text,
        "answer_shape": finished.answer_shape,
    }
    return {key: value for key, value in row.items() if value is not None}


def settle(connection: Connection, finished: Sequence[Finished]) -> dict[int, Moved]:
    """Move the rows that are still in flight with this very attempt; returns those that moved, by id.

    A row that did not move was settled before: by this turn, in a commit that was reported as failed, or as in doubt by
    a rescue that believed this turn dead. `late_answers` tells the two apart.
    """
    if not finished:
        return {}
    dialect = connection.dialect.name
    settled_rows, ids_before = [], set[str | None]()
    for finished_attempt in finished:
        row = _as_row(finished_attempt)
        if finished_attempt.settlement.id_is_unique:
            # The statement sees none of those beside it. All are of one lane, so of one kind and customer.
            remote_id = finished_attempt.settlement.remote_id
            row["repeats"] = remote_id in ids_before
            ids_before.add(remote_id)
        settled_rows.append(row)
    document = as_json_parameter(settled_rows)
    ids = as_ids_parameter(finished_attempt.id for finished_attempt in finished)
    rows = connection.execute(_move(dialect), {**document, **ids}).all()
    by_id = {row.id: Moved(row.state, row.revision is not None) for row in rows}
    if by_id:
        if len(by_id) < len(finished):
            document = as_json_parameter(
                _as_row(finished_attempt) for finished_attempt in finished if finished_attempt.id in by_id
            )
        connection.execute(_record(dialect, Event.SENT), document)
    return by_id


def _word(word: str) -> ColumnElement[str]:
    """The word written out, not bound: a statement of more than 4,096 characters the driver would take apart each time anew."""
    return literal_column(f"'{word}'", String)


@cached_statement
def _settled(dialect: str, *, with_history: bool = True) -> FromClause:
    columns = _COLUMNS if with_history else {name: kind for name, kind in _COLUMNS.items() if name not in _HISTORY}
    return json_table(dialect, "settled", columns)


# The columns of the settled rows by their names, which are the same in either database's form of the table.
_state, _unwanted, _code, _detail, _accepted, _needs_person = (
    literal_column(f"settled.{name}", _COLUMNS[name])
    for name in ["state", "unwanted", "code", "detail", "accepted", "needs_person"]
)
_delay, _failures, _remote_id, _answer, _repeats = (
    literal_column(f"settled.{name}", _COLUMNS[name])
    for name in ["delay", "failures", "remote_id", "answer", "repeats"]
)
_acted_before = Operation.acted_at.is_not(None)
_acted_twice = or_(_state == _word(State.SUCCEEDED), _accepted)
_superseded = func.coalesce(Operation.error_code, _word("")) == _word(SENT_BEFORE_CHANGE)
_oddity = case((_acted_twice, _word("acted_twice")), (_superseded, _word(SENT_BEFORE_CHANGE)))
# An id that does not say whether it repeats another is not looked for: none came, or its kind's are not unique.
_repeated = and_(_repeats.is_not(None), or_(_repeats, is_owned(_remote_id)))
_target = case(
    # Evidence that came while this attempt was in flight outweighs whatever it brings.
    (_acted_before, _word(State.SUCCEEDED)),
    (Operation.cancel_asked, _unwanted),
    else_=_state,
)
_due = later(current_time, _delay)
_ENDS = (
    moves.succeeded(
        code=case((_acted_before, _oddity), (_repeated, _word(REPEATED_ID))),
        needs_person=and_(_acted_before, or_(_acted_twice, _superseded)),
    ),
    moves.retryable(_due, _code, _detail),
    # A doubt that is not sent again, since cancel was asked, is a person's.
    moves.in_doubt(
        _due, _code, _detail, accepted=_accepted, needs_person=or_(_needs_person, _state == _word(State.RETRYABLE))
    ),
    moves.failed(_code, _detail),
    moves.cancelled(),
)
_MOVE = (
    update(Operation)
    .values(moves.by_target(_target, _ENDS) | moves.attempt_ended(_failures, _remote_id, as_json(_answer)))
    # The revision itself: `revision IS NOT NULL` SQLite takes to be true of what RETURNING gives, whatever it is.
    .returning(Operation.id, Operation.state, Operation.revision)
    .execution_options(synchronize_session=False)
)


@cached_statement
def _move(dialect: str) -> Any:
    settled = _settled(dialect, with_history=False).c
    return _MOVE.where(
        with_ids(dialect, Operation.id),
        Operation.id == settled.id,
        Operation.attempt == settled.attempt,
        claimed,
    )


@cached_statement
def _record(dialect: str, event: Event) -> Any:
    table = _settled(dialect)
    settled = table.c
    entry = {
        "operation_id": settled.id,
        "attempt": settled.attempt,
        "event": _word(event),
        "at": current_time,
        "seconds": settled.seconds,
        "tries": settled.tries,
        "written": settled.written,
        "http_status": settled.http_status,
        "outcome": settled.argued,
        "code": settled.code,
        "detail": settled.detail,
        "remote_id": settled.remote_id,
        "answer": as_json(settled.answer),
        "by": settled.by,
        "answer_text": settled.answer_text,
        "answer_shape": settled.answer_shape,
    }
    return insert(Attempt).from_select(list(entry), select(*entry.values()).select_from(table), include_defaults=False)


def record_attempts(connection: Connection, event: Event, finished: Iterable[Finished]) -> None:
    """Add history entries without moving anything."""
    connection.execute(_record(connection.dialect.name, event), as_json_parameter(map(_as_row, finished)))
