"""Records one operation for a program, without a file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from models import Operation
from worker.importing.rows import DEFAULT_FEED, IntakeDefaults, new_operation, read_cells
from worker.importing.withdrawing import withdrawals_of
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.record import open_lanes, record_rows
from worker.outbox.lanes import turns
from worker.outbox.lanes.withdrawals import withdraw
from worker.outbox.revisions.judge import IntakeResult


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The intake result of the operation, and its id."""

    result: IntakeResult
    id: int


def enqueue(
    db: Database,
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
    """Record one operation, by the rules of a file's row; `fields` are the kind's, as text or JSON values.

    The same again is `UNCHANGED`, new content as `IntakeResult` says. `after` is written kind:source_id. Raises BadCells
    and UnknownKind. No ring is sent: call `worker.bootstrap.ring([kind])`, or leave it to the next dispatch.
    """
    kind_class = KIND_BY_NAME[kind]
    common_cells = {
        "source_id": source_id,
        "customer_id": customer_id,
        "expires_at": expires_at,
        "after": after,
        "send_after": send_after,
    }
    common, payload = read_cells(kind_class, {**fields, **common_cells})
    defaults = defaults or IntakeDefaults()
    operation = new_operation(payload, common, defaults)
    enqueued = retry_on_conflict(lambda: _record(db, operation, kind_class.function_group, feed, defaults.max_failures))
    turns.wake_lanes(db, [(operation.customer_id, operation.kind)])
    return enqueued


def _record(db: Database, operation: NewOperation, function_group: str, feed: str, max_failures: int) -> Enqueued:
    with db.write() as connection:
        open_lanes(connection, [(operation.customer_id, operation.kind, function_group)])
        recorded = record_rows(connection, [operation], feed=feed, max_failures=max_failures)
        (result,) = recorded.results
        withdraw(connection, withdrawals_of([operation]))
        if recorded.ids:
            return Enqueued(result, recorded.ids[0])
        key = {"feed": feed, "kind": operation.kind, "source_id": operation.source_id}
        return Enqueued(result, connection.execute(_ID_BY_KEY, key).scalar_one())


_ID_BY_KEY = select(Operation.id).where(
    Operation.feed == bindparam("feed"),
    Operation.kind == bindparam("kind"),
    Operation.source_id == bindparam("source_id"),
)
