"""Rows as the CRM exports them again and again, and what stands of them in the outbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from models import Event, State
from tests import factory
from tests.outbox.steps import entries, make, read
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.record import KnownShare, open_lanes, record_rows

if TYPE_CHECKING:
    from worker.outbox import Database
    from worker.outbox.revisions.judge import IntakeResult

WAITING = [State.PENDING, State.RETRYABLE]
UNDECIDED = [State.IN_FLIGHT, State.IN_DOUBT]
ENDED = [State.FAILED, State.CANCELLED, State.EXPIRED]

operation = read


def row(note: str = "new", source_id: str = "C-1", **columns: Any) -> NewOperation:
    payload = {"customer_id": "M30001", "contact_id": "ADR1", "date": "2026-12-10T09:00:00+01:00", "note": note}
    values = {
        "kind": "comeback",
        "customer_id": "M30001",
        "payload": json.dumps(payload),
        "payload_hash": f"hash of {note}",
        "match_key": f"key of {note}",
        "line": 5,
        **columns,
    }
    return NewOperation(source_id=source_id, **values)


def made(db: Database, state: State, **overrides: Any) -> int:
    """Make the operation of an earlier export of the row."""
    return make(db, state, **{"source_id": "C-1", "payload_hash": "hash of old", **overrides})


def record(
    db: Database, *rows: NewOperation, file: int | None = None, known_share: KnownShare = KnownShare.SOME
) -> list[IntakeResult]:
    with db.write() as connection:
        open_lanes(connection, [(row.customer_id, row.kind, "crm-contact") for row in rows])
        return record_rows(connection, rows, feed="crm", feed_file_id=file, known_share=known_share).results


def last_entry(db: Database, id_: int) -> tuple[Event, str | None, str | None, str | None, int]:
    entry = entries(db, id_)[-1]
    return entry.event, entry.outcome, entry.code, entry.by, entry.attempt


def a_file(db: Database) -> int:
    with db.write() as connection:
        return factory.make_feed_file(connection)
