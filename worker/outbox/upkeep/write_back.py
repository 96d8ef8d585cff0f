"""Writes into the rows of `crm_rows` how their operations stand.

Every update of an operation that such rows show marks it as ahead of them (`rows_behind`), by itself. The mark goes in the
transaction that writes the rows, under the operation's lock: so each row in the end shows its operation's last state.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Row, Text, case, func, null, select, update
from sqlalchemy.types import TypeEngine

from models import THE_CRM, Attempt, CrmRow, Event, Operation, State
from models.crm_row import REJECTED, SUPERSEDED
from worker.outbox.database.database import Database
from worker.outbox.database.sql import (
    as_ids_parameter,
    as_json_parameter,
    cached_statement,
    current_time,
    json_table,
    later,
    to_json_text,
    with_ids,
)
from worker.outbox.predicates import rows_behind, unreported
from worker.outbox.revisions.judge import ALREADY_SENT
from worker.outbox.revisions.withdrawn import withdrawn_hash

BATCH: Final = 500
"""Operations of one transaction."""

DescribeCode = Callable[[str | None, str], str | None]
"""Describes an error code of a kind in a sentence or two."""

_ANY_BEHIND = select(select(Operation.id).where(rows_behind).exists())


def any_behind(db: Database) -> bool:
    """Tell whether rows do not yet show how their operations stand."""
    with db.read() as connection:
        return bool(connection.scalar(_ANY_BEHIND))


def write_back(db: Database, describe: DescribeCode) -> int:
    """Write how operations stand into their rows, those of a batch. Returns how many operations it was.

    Operations and rows that another transaction has locked, and may be changing, are left to the next call. An operation that a row
    shows is reported to the CRM by it.
    """
    if not any_behind(db):
        return 0
    with db.write() as connection:
        operations = {row.id: row for row in connection.execute(_BEHIND)}
        rows, complete = _lock_rows(connection, operations)
        shown = _show(connection, rows, operations, describe)
        _catch_up(connection, complete, shown & complete)
    return len(complete)


_BEHIND = (
    select(
        Operation.id,
        Operation.kind,
        Operation.state,
        Operation.remote_id,
        Operation.answer,
        Operation.error_code,
        Operation.error_detail,
        Operation.first_claimed_at,
        Operation.finalized_at,
        Operation.payload_hash,
        Operation.revision,
    )
    .where(rows_behind)
    .order_by(Operation.id)
    .limit(BATCH)
    .with_for_update(key_share=True, skip_locked=True)
)


def _lock_rows(connection: Connection, operations: Mapping[int, Any]) -> tuple[Sequence[Any], set[int]]:
    """Lock the rows of the operations; give them, and the operations of which none was locked by another transaction."""
    of_operations = (CrmRow.operation_id.in_(sorted(operations)), CrmRow.taken_at.is_not(None))
    number = select(CrmRow.operation_id, func.count()).where(*of_operations).group_by(CrmRow.operation_id)
    numbers: dict[int | None, int] = {row[0]: row[1] for row in connection.execute(number)}
    columns = (CrmRow.id, CrmRow.operation_id, CrmRow.content_hash)
    locked = select(*columns).where(*of_operations).order_by(CrmRow.id)
    rows = connection.execute(locked.with_for_update(key_share=True, skip_locked=True)).all()
    for row in rows:
        numbers[row.operation_id] -= 1
    return rows, {id_ for id_ in operations if numbers.get(id_, 0) <= 0}


def _show(
    connection: Connection, rows: Sequence[Row[Any]], operations: Mapping[int, Any], describe: DescribeCode
) -> set[int]:
    """Write the rows. Returns the operations that at least one row shows."""
    shown = [row for row in rows if _has_content_of(row, operations[row.operation_id])]
    shown_ids = {row.id for row in shown}
    replaced = [row for row in rows if row.id not in shown_ids]
    documents = [_as_operation(row.id, operations[row.operation_id], describe) for row in shown]
    if replaced:
        refused = _find_refused(connection, replaced, operations)
        documents += [
            _as_replaced(row.id, describe, operations[row.operation_id], row.id in refused) for row in replaced
        ]
    if documents:
        values = {**as_json_parameter(documents), **as_ids_parameter(sorted(row.id for row in rows))}
        connection.execute(_write(connection.dialect.name), values)
    return {row.operation_id for row in shown}


def _has_content_of(row: Row[Any], operation: Any) -> bool:
    """Whether the row's content is the operation's, or waits for the verdict on it."""
    waits = operation.revision if operation.state in (State.IN_FLIGHT, State.IN_DOUBT) else None
    hashes = {operation.payload_hash, waits and waits["payload_hash"]}
    # Content that was taken back is still the row's.
    return row.content_hash in hashes or withdrawn_hash(row.content_hash or "") in hashes


def _find_refused(connection: Connection, replaced: Sequence[Row[Any]], operations: Mapping[int, Any]) -> set[int]:
    """Find the rows with content that came too late: the newest ones of operations that refused content, by their history."""
    sent = {row.operation_id for row in replaced if operations[row.operation_id].state is State.SUCCEEDED}
    if not sent:
        return set()
    has_refused = select(Attempt.operation_id).where(
        Attempt.operation_id.in_(sorted(sent)),
        Attempt.event == Event.DECIDED,
        Attempt.code == ALREADY_SENT[0],
        Attempt.by == THE_CRM,
    )
    refusing = set(connection.scalars(has_refused))
    newest = select(func.max(CrmRow.id)).where(CrmRow.operation_id.in_(sorted(refusing))).group_by(CrmRow.operation_id)
    newest_ids = set(connection.scalars(newest)) if refusing else set()
    return {row.id for row in replaced if row.id in newest_ids}


def _as_operation(id_: int, operation: Any, describe: DescribeCode) -> dict[str, Any]:
    values = {
        "id": id_,
        "state": operation.state.value,
        "remote_id": operation.remote_id,
        "ticket": operation.answer if isinstance(operation.answer, str) else to_json_text(operation.answer),
        "error_code": operation.error_code,
        "error_text": describe(operation.error_code, operation.kind),
        "error_detail": operation.error_detail,
        "operation_id": operation.id,
    }
    return {name: value for name, value in values.items() if value is not None}


def _as_replaced(id_: int, describe: DescribeCode, operation: Any, is_refused: bool) -> dict[str, Any]:
    if is_refused:
        code = ALREADY_SENT[0]
        refusal = f"source_id: {describe(code, operation.kind)}"
        return {"id": id_, "state": REJECTED, "error_code": code, "error_text": refusal}
    text = describe(SUPERSEDED, operation.kind)
    return {"id": id_, "state": SUPERSEDED, "error_code": SUPERSEDED, "error_text": text}


_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "id": BigInteger(),
    "state": Text(),
    "remote_id": Text(),
    "ticket": Text(),
    "error_code": Text(),
    "error_text": Text(),
    "error_detail": Text(),
    "operation_id": BigInteger(),
}


@cached_statement
def _write(dialect: str) -> Any:
    shown = json_table(dialect, "shown", _COLUMNS).c

    def moment(column: Any) -> Any:
        # As the database has it: nothing is lost on the way through the program.
        return select(column).where(Operation.id == shown.operation_id).correlate(shown.id.table).scalar_subquery()

    return (
        update(CrmRow)
        .where(with_ids(dialect, CrmRow.id), CrmRow.id == shown.id)
        .values(
            **{name: shown[name] for name in _COLUMNS if name not in {"id", "operation_id"}},
            sent_at=moment(Operation.first_claimed_at),
            ended_at=moment(Operation.finalized_at),
            updated_at=current_time,
        )
        .execution_options(synchronize_session=False)
    )


def _catch_up(connection: Connection, ids: Iterable[int], shown: Iterable[int]) -> None:
    """Note that the rows show how the operations stand, and that the CRM has been told of those in `shown`."""
    is_shown = Operation.id.in_(sorted(shown))
    connection.execute(
        update(Operation)
        .where(Operation.id.in_(sorted(ids)))
        .values(rows_behind=False, reported_at=case((is_shown & unreported, current_time), else_=Operation.reported_at))
        .execution_options(synchronize_session=False)
    )


def blank_rejected(db: Database, older_than: float) -> int:
    """Blank the data of rows that were rejected more than `older_than` seconds ago. Returns how many."""
    old = select(CrmRow.id).where(
        CrmRow.taken_at.is_not(None), CrmRow.data.is_not(None), CrmRow.taken_at < later(current_time, -older_than)
    )
    blanked = 0
    while True:
        with db.write() as connection:
            picked = old.order_by(CrmRow.taken_at).limit(BATCH).with_for_update(key_share=True, skip_locked=True)
            ids = connection.scalars(picked).all()
            connection.execute(update(CrmRow).where(CrmRow.id.in_(ids)).values(data=null()))
        blanked += len(ids)
        if len(ids) < BATCH:
            return blanked
