"""Explains why an operation has not been sent: the chain of reasons, the next step, and the commands that help."""

from dataclasses import dataclass
from datetime import datetime

from worker.explaining.available_commands import Command, find_commands
from worker.explaining.chain import find_notes, find_reasons
from worker.explaining.lane_reasons import Limits
from worker.explaining.next_step import NextStep, find_next_step
from worker.explaining.reasons import Note, Reason
from worker.outbox import Database
from worker.outbox.views.explain import read_facts
from worker.outbox.views.status import OperationStatus

__all__ = ["Command", "Explanation", "Limits", "NextStep", "Note", "Reason", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an operation has not been sent, as it stands at `at` by the database's clock.

    `reasons` stand in the order in which they must fall away. Without any, the very next claim takes this operation.
    """

    operation: OperationStatus
    at: datetime
    reasons: tuple[Reason, ...]
    notes: tuple[Note, ...]
    next: NextStep
    commands: tuple[Command, ...]


def explain(db: Database, operation_id: int, limits: Limits) -> Explanation | None:
    """Explain one operation; None: there is no such operation. Nothing is locked, and nothing changes."""
    facts = read_facts(db, operation_id)
    if facts is None:
        return None
    reasons = find_reasons(facts, limits)
    return Explanation(
        operation=facts.status,
        at=facts.environment.at,
        reasons=reasons,
        notes=tuple(find_notes(facts)),
        next=find_next_step(facts, reasons, db.hours),
        commands=tuple(find_commands(facts.status)),
    )
