"""One operation is recorded by a program, without a file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from models import Operation
from worker.importing.rows import Terms, make, read_cells
from worker.kinds import by_name
from worker.outbox import Outbox, intake, lanes
from worker.outbox.intake import NewOperation, Verdict
from worker.outbox.repeating import repeated


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of it, and the operation's id."""

    verdict: Verdict
    id: int


def enqueue(
    box: Outbox,
    *,
    kind: str,
    source_id: str,
    customer_id: str,
    feed: str = "crm",
    expires_at: datetime | str | None = None,
    after: str | None = None,
    send_after: datetime | str | None = None,
    terms: Terms | None = None,
    **fields: Any,
) -> Enqueued:
    """Record one operation, by the rules of a file's row; `fields` are the kind's, as text or JSON values.

    The same again is `UNCHANGED`, new content as `Verdict` says. `after` is written kind:source_id. Raises BadCells and
    UnknownKind. Nobody is rung for: call `worker.bootstrap.ring([kind])`, or leave it to the next dispatch.
    """
    declared = by_name(kind)
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
    new = make(declared, common, payload, terms or Terms())
    lane = (new.customer_id, new.kind)
    with box.write() as connection:
        intake.open_lanes(connection, [(*lane, declared.function_group)])
    enqueued = repeated(lambda: _record(box, new, feed, (terms or Terms()).max_failures))
    lanes.wake(box, [lane])
    return enqueued


def _record(box: Outbox, new: NewOperation, feed: str, max_failures: int) -> Enqueued:
    with box.write() as connection:
        (verdict,) = intake.record(connection, box, [new], feed=feed, max_failures=max_failures)
        same = (Operation.feed == feed, Operation.kind == new.kind, Operation.source_id == new.source_id)
        return Enqueued(verdict, connection.execute(select(Operation.id).where(*same)).scalar_one())
