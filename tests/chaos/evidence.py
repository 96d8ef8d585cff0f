"""Reads the evidence for the checker: the rows, their history, and the stand-in's ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, select

from models import Attempt, Event, Operation, State
from tests.chaos.checker import Evidence, Request, Row, Tried
from tests.chaos.meaning import AMBIGUOUS
from worker.outbox import Database, connect
from worker.outbox.database.sql import current_time
from worker.outbox.exchange.questioned import ANSWER_IN_QUESTION
from worker.sandbox import Fault, Ledger, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NUMBERING = "numbering"
"""The feed of a row that is there only so that those after it are numbered from somewhere."""


def read_rows(db: Database) -> dict[int, Row]:
    """Read all operations of a database."""
    decided = exists().where(Attempt.operation_id == Operation.id, Attempt.event == Event.DECIDED)
    columns = select(
        Operation.id,
        Operation.kind,
        Operation.state,
        Operation.attempt,
        Operation.remote_id,
        (Operation.next_attempt_at > current_time).label("later"),
        decided.label("by_person"),
        (Operation.customer_id + "/" + Operation.sequence_key).label("key"),
        and_(Operation.needs_person, Operation.error_code == ANSWER_IN_QUESTION).label("in_question"),
    )
    with db.read() as connection:
        rows = connection.execute(columns.where(Operation.feed != NUMBERING)).all()
    return {
        row.id: Row(
            row.id,
            row.kind,
            row.state,
            row.attempt,
            row.remote_id,
            later=bool(row.later),
            by_person=bool(row.by_person),
            key=row.key,
            in_question=bool(row.in_question),
        )
        for row in rows
    }


def read_attempts(db: Database) -> list[Tried]:
    """Read all attempts proper (no look-ups, no late answers) of a database."""
    columns = (Attempt.operation_id, Attempt.attempt, Attempt.written, Attempt.outcome)
    with db.read() as connection:
        rows = connection.execute(select(*columns).where(Attempt.event == Event.SENT)).all()
    return [Tried(row.operation_id, row.attempt, row.written, row.outcome or "") for row in rows]


def read_ledger(path: Path) -> tuple[list[LedgerEntry], int]:
    """Read the requests that the stand-in received, and how many connections it reset before any request."""
    with Ledger(path) as ledger:
        return ledger.requests(), ledger.faults()[Fault.RESET_ON_ACCEPT]


def gather_evidence(urls: Iterable[str], ledgers: Iterable[Path], *, in_flight_at_kills: int | None = None) -> Evidence:
    """Collect the evidence of these databases; their operations' ids must not overlap. None: doubt is not counted."""
    entries: list[LedgerEntry] = []
    resets = 0
    for ledger in ledgers:
        received, struck_at_the_door = read_ledger(ledger)
        entries, resets = entries + received, resets + struck_at_the_door
    rows: dict[int, Row] = {}
    tried: list[Tried] = []
    for url in urls:
        engine = connect(url, pool_size=1)
        rows |= read_rows(Database(engine))
        tried += read_attempts(Database(engine))
        engine.dispose()
    requests = [
        Request(entry.request_id, entry.applied, entry.remote_id, complete=entry.fault is None) for entry in entries
    ]
    reasons = None
    if in_flight_at_kills is not None:
        struck = sum(entry.fault in AMBIGUOUS for entry in entries if (entry.request_id or "").count(".") == 1)
        reasons = in_flight_at_kills + struck + resets
    return Evidence(rows, tried, requests, reasons)


def count_ever_in_doubt(evidence: Evidence) -> int:
    """Count the operations that were in doubt at any time."""
    doubted = {attempt.operation_id for attempt in evidence.tried if attempt.outcome == State.IN_DOUBT}
    return len(doubted | {row.id for row in evidence.rows.values() if row.state is State.IN_DOUBT})
