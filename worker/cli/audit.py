"""Compares the stand-in's ledger with the database: the calls carried out, and the operations called sent."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select

from models import Operation, State
from worker.kind import OnDoubt
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.sandbox.ledger import Ledger

_COMPARED = ("id", "kind", "source_id", "state", "remote_id", "error_code")


@dataclass(frozen=True, slots=True)
class Audit:
    """How many calls were carried out, for how many operations, and each disagreement as a line."""

    calls: int
    operations: int
    problems: tuple[str, ...]


def audit(db: Database, ledger: Path) -> Audit:
    """Compare every operation with every call, by the request id that both have kept."""
    carried_out = defaultdict(list)
    with Ledger(ledger) as calls_received:
        for entry in calls_received.applied():
            carried_out[_read_operation_id(entry.request_id)].append(entry.remote_id)
    with db.read() as connection:
        rows = connection.execute(select(*(getattr(Operation, name) for name in _COMPARED))).all()
    problems = [*list_disagreements(rows, carried_out)]
    calls = sum(len(calls) for calls in carried_out.values())
    return Audit(calls, len(carried_out), tuple(problems))


def _read_operation_id(request_id: str | None) -> int:
    number = (request_id or "").partition(".")[0]
    return int(number) if number.isdecimal() else 0


def list_disagreements(rows: Iterable[Row[Any]], carried_out: Mapping[int, list[str | None]]) -> Iterable[str]:
    """Tell, one line each, where an operation's state is not what the calls carried out for it allow."""
    operation_ids = set()
    for row in rows:
        operation_ids.add(row.id)
        calls = carried_out.get(row.id, [])
        disagreement = _find_disagreement(row, calls)
        if disagreement is not None:
            yield f"{row.kind} {row.source_id} ({row.state.value}): {disagreement}"
    for unknown_id in sorted(set(carried_out) - operation_ids):
        yield f"the ledger has a call for operation {unknown_id}, which the database does not know"


def _find_disagreement(row: Row[Any], calls: list[str | None]) -> str | None:
    if row.state is State.SUCCEEDED and not calls:
        return "called succeeded, but never carried out"
    if KIND_BY_NAME[row.kind].on_doubt is OnDoubt.RESEND:
        # To carry it out twice, or in vain, is harmless.
        return None
    if len(calls) > 1:
        return f"carried out {len(calls)} times"
    if row.state is State.SUCCEEDED and row.remote_id is not None and row.remote_id not in calls:
        return "its id is not the one that the stand-in gave"
    ended_without = row.state in {State.FAILED, State.CANCELLED, State.EXPIRED} and row.error_code != "nobody_notified"
    return "carried out, but called ended without success" if calls and ended_without else None
