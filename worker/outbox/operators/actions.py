"""Records the actions of people: each before it is carried out, so that one that breaks off leaves its trace, too."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, update

from models import Action
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time


@dataclass(frozen=True, slots=True)
class Decider:
    """The person who decided, and the reason; both stand in the history for ever. `login`: that of the system, else `by`."""

    by: str
    reason: str | None = None
    login: str | None = None


@dataclass(slots=True)
class ActionInProgress:
    """An action that is being carried out. `affected`: how many operations, holds or rows it concerned in the end."""

    affected: int = 0


@contextmanager
def record_action(
    db: Database, decider: Decider, command: str, subject: Mapping[str, Any]
) -> Iterator[ActionInProgress]:
    """Record a person's action, then its end. `subject`: the scope, filter or numbers given; nothing in it is personal."""
    named = {"login": decider.login or decider.by, "by": decider.by, "reason": decider.reason}
    entry = insert(Action).values(command=command, subject=dict(subject), at=current_time, **named)
    with db.write() as connection:
        action_id = connection.execute(entry.returning(Action.id)).scalar_one()
    action = ActionInProgress()
    yield action
    with db.write() as connection:
        connection.execute(update(Action).where(Action.id == action_id).values(affected=action.affected))
