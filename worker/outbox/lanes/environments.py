"""The row of the Vitec environment to which this database belongs, and when its lanes were last rung for."""

from sqlalchemy import select, update

from models import Environment
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, insert_if_new, later


def recorded_base_url(db: Database) -> str | None:
    """The base URL that the first worker recorded; None before that."""
    with db.read() as connection:
        return connection.scalar(select(Environment.base_url))


def register(db: Database, base_url: str) -> str:
    """Record `base_url` if none is recorded yet, and return the one that is: of two at once, one wins for both."""
    with db.write() as connection:
        connection.execute(insert_if_new(connection.dialect.name, Environment).values(id=1, base_url=base_url))
        return connection.execute(select(Environment.base_url)).scalar_one()


def note_dispatch(db: Database) -> None:
    """Note that kinds with due lanes have been rung for, or that a local turn has looked for them."""
    with db.write() as connection:
        connection.execute(update(Environment).where(Environment.id == 1).values(dispatched_at=current_time))


def dispatched_within(db: Database, seconds: float) -> bool:
    """Tell whether there has been a dispatch in the last so many seconds."""
    with db.read() as connection:
        return connection.scalar(select(Environment.dispatched_at > later(current_time, -seconds))) is True
