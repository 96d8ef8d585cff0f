"""One operation is recorded by a program, without a file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from models import Operation
from worker.importing.rows import IntakeDefaults, new_operation, read_cells
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.errors import retry_on_conflict
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.record import open_lanes, record_rows
from worker.outbox.lanes import turns
from worker.outbox.revisions.judge import IntakeResult


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of it, and the operation's id."""

    verdict: IntakeResult
    id: int


def enqueue(
    db: Database,
    *,
    kind: str,
    source_id: str,
    customer_id: str,
    feed: str = "crm",
    expires_at: datetime | str | None = None,
    after: str | None = None,
    send_after: datetime | str | None = None,
    terms: IntakeDefaults | None = None,
    **fields: Any,
) -> Enqueued:
    """Record one operation, by the rules of a file's row; `fields` are the kind's, as text or JSON values.

    The same again is `UNCHANGED`, new content as `Verdict` says. `after` is written kind:source_id. Raises BadCells and
    UnknownKind. Nobody is rung for: call `worker.bootstrap.ring([kind])`, or leave it to the next dispatch.
    """
    declared = KIND_BY_NAME[kind]
    common, payload = read_cells(
        declared,
        {
            **fields,
            "source_id": source_id,
            "customer_id": customer_id,
            "expires_at": expires_at,
            "after": after,
            "send_after": send_after,
        },
    )
    terms = terms or IntakeDefaults()
    new = new_operation(payload, common, terms.seconds_to_expiry(declared))
    enqueued = retry_on_conflict(lambda: _record(db, new, declared.function_group, feed, terms.max_failures))
    turns.wake_lanes(db, [(new.customer_id, new.kind)])
    return enqueued


def _record(db: Database, new: NewOperation, function_group: str, feed: str, max_failures: int) -> Enqueued:
    with db.write() as connection:
        open_lanes(connection, [(new.customer_id, new.kind, function_group)])
        recorded = record_rows(connection, db, [new], feed=feed, max_failures=max_failures)
        (verdict,) = recorded.verdicts
        if recorded.ids:
            return Enqueued(verdict, recorded.ids[0])
        key = {"feed": feed, "kind": new.kind, "source_id": new.source_id}
        return Enqueued(verdict, connection.execute(_BY_KEY, key).scalar_one())


_BY_KEY = select(Operation.id).where(
    Operation.feed == bindparam("feed"),
    Operation.kind == bindparam("kind"),
    Operation.source_id == bindparam("source_id"),
)
