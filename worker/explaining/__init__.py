"""Why has this not been sent? One answer: the chain of reasons, what happens next and when, and who can change it."""

from dataclasses import dataclass
from datetime import datetime

from models import State
from worker.explaining.available_commands import Command, commands
from worker.explaining.chain import Limits, notes_of, reasons_of
from worker.explaining.next_step import Coming, Deed, coming
from worker.explaining.reasons import Note, Reason
from worker.outbox import Database
from worker.outbox.views.explain import read_facts

__all__ = ["Coming", "Command", "Deed", "Explanation", "Limits", "Note", "Reason", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an operation has not been sent, as it stands at `at` by the database's clock.

    `reasons` stand in the order in which they must fall away. Without any, the very next claim takes this operation.
    """

    id: int
    kind: str
    source_id: str
    customer_id: str
    feed: str
    state: State
    at: datetime
    reasons: tuple[Reason, ...]
    notes: tuple[Note, ...]
    next: Coming
    commands: tuple[Command, ...]


def explain(db: Database, operation_id: int, limits: Limits) -> Explanation | None:
    """Explain one operation; None: there is no such operation. Nothing is locked, and nothing changes."""
    facts = read_facts(db, operation_id)
    if facts is None:
        return None
    reasons = reasons_of(facts, limits)
    row = facts.row
    return Explanation(
        id=row["id"],
        kind=row["kind"],
        source_id=row["source_id"],
        customer_id=row["customer_id"],
        feed=row["feed"],
        state=row["state"],
        at=facts.house.at,
        reasons=reasons,
        notes=notes_of(facts),
        next=coming(facts, reasons, db.hours),
        commands=commands(facts.standing),
    )
