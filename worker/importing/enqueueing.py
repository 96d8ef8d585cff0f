"""Records one operation for a program, without a file: in a transaction of its own, or in the caller's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from models import Operation
from worker.importing.chunks import REFUSED_RESULTS
from worker.importing.rows import DEFAULT_FEED, IntakeDefaults, new_operation, read_cells
from worker.importing.table_rows import resolve_cells
from worker.importing.withdrawing import withdrawals_of
from worker.kind import BadCells, Kind, Problem
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.crm_rows import announce
from worker.outbox.intake.record import open_lanes, record_rows
from worker.outbox.intake.rejections import close_taken_in
from worker.outbox.lanes import turns
from worker.outbox.lanes.withdrawals import withdraw
from worker.outbox.revisions.judge import IntakeResult


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The intake result of the operation, and its id."""

    result: IntakeResult
    id: int


def enqueue(
    target: Database | Connection | Session,
    *,
    kind: str,
    source_id: str,
    customer_id: str,
    feed: str = DEFAULT_FEED,
    expires_at: datetime | str | None = None,
    after: str | None = None,
    send_after: datetime | str | None = None,
    defaults: IntakeDefaults | None = None,
    **fields: Any,
) -> Enqueued:
    """Record one operation, by the rules of a file's row; `fields` are the kind's, by any documented name.

    The same again is `UNCHANGED`, new content as `IntakeResult` says. `after` is written kind:source_id. Every time may be a
    `datetime`; one without a zone is Stockholm's. Raises BadCells and UnknownKind before anything is written.

    `target` a `Database`: it is recorded when the call returns. No ring is sent: call `worker.bootstrap.ring([kind])`, or
    leave it to the next dispatch. `target` a connection or session of SQLAlchemy: it is recorded if the caller's own
    transaction is committed, and sent within a moment after that, without another call. Keep that transaction short.
    """
    kind_class = KIND_BY_NAME[kind]
    common_cells = {"source_id": source_id, "customer_id": customer_id, "after": after}
    times = {"expires_at": expires_at, "send_after": send_after}
    defaults = defaults or IntakeDefaults()
    operation = _read(kind_class, {**common_cells, **times}, fields, defaults)
    record = partial(_record, operation=operation, feed=feed, max_failures=defaults.max_failures)
    if not isinstance(target, Database):
        connection = target.connection() if isinstance(target, Session) else target
        enqueued = record(connection, in_rows=True)
        if enqueued.result not in REFUSED_RESULTS:
            key = feed, operation.kind, operation.source_id
            announce(connection, key, operation.customer_id, enqueued.id, operation.payload_hash)
        return enqueued
    enqueued = retry_on_conflict(lambda: _record_alone(target, record))
    turns.wake_lanes(target, [(operation.customer_id, operation.kind)])
    return enqueued


def _read(
    kind: type[Kind], common_cells: Mapping[str, Any], fields: Mapping[str, Any], defaults: IntakeDefaults
) -> NewOperation:
    """Read the values under any documented name, moments and days as the texts that a file would have."""
    given = [(name, cell) for name, cell in common_cells.items() if cell is not None]
    cells = [(name, cell.isoformat() if isinstance(cell, date) else cell) for name, cell in (*given, *fields.items())]
    values, problems = resolve_cells(kind, cells, {})
    if values.get("withdrawn"):
        problems.append(
            Problem("withdrawn", "unknown_field", "a program cannot take a row back so", "Write it into crm_rows.")
        )
    if problems:
        raise BadCells(problems)
    common, payload = read_cells(kind, values)
    return new_operation(payload, common, defaults)


def _record_alone(db: Database, record: Callable[[Connection], Enqueued]) -> Enqueued:
    with db.write() as connection:
        return record(connection)


def _record(
    connection: Connection, *, operation: NewOperation, feed: str, max_failures: int, in_rows: bool = False
) -> Enqueued:
    open_lanes(connection, [(operation.customer_id, operation.kind, KIND_BY_NAME[operation.kind].function_group)])
    recorded = record_rows(connection, [operation], feed=feed, max_failures=max_failures, shown_in_rows=in_rows)
    (result,) = recorded.results
    withdraw(connection, withdrawals_of([operation]))
    if result not in REFUSED_RESULTS:
        close_taken_in(connection, feed, [(operation.kind, operation.source_id)])
    if recorded.ids:
        return Enqueued(result, recorded.ids[0])
    key = {"feed": feed, "kind": operation.kind, "source_id": operation.source_id}
    return Enqueued(result, connection.execute(_ID_BY_KEY, key).scalar_one())


_ID_BY_KEY = select(Operation.id).where(
    Operation.feed == bindparam("feed"),
    Operation.kind == bindparam("kind"),
    Operation.source_id == bindparam("source_id"),
)
