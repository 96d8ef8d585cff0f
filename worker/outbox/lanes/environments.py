"""The row of the Vitec environment to which this database belongs, and when its lanes were last rung for."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, func, or_, select, update

from models import Attempt, Environment, Hold, HoldReason, Operation
from worker.address import is_same_address
from worker.kind import DatedAnswer
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, insert_if_new, later, read_current_time
from worker.outbox.predicates import in_flight

NOTED_FOR = 55.0
"""Seconds for which Vitec's clock is not noted anew where it goes on as before."""


@dataclass(frozen=True, slots=True)
class Binding:
    """The address of Vitec to which a database belongs, and how firmly."""

    base_url: str
    bound_at: datetime | None
    """When the first answer came from there; None: none has come yet."""
    may_have_sent: bool
    """A request may have been written to some address: then no other one may take its place."""


_MAY_HAVE_SENT = or_(
    exists(select(Attempt.id).where(Attempt.written.is_not(False))), exists(select(Operation.id).where(in_flight))
)
_BINDING = select(Environment.base_url, Environment.bound_at, _MAY_HAVE_SENT.label("may_have_sent"))


def read_binding(db: Database) -> Binding | None:
    """Read the address of Vitec to which the database belongs; None before a worker has started."""
    with db.read() as connection:
        row = connection.execute(_BINDING).one_or_none()
    return None if row is None else Binding(row.base_url, row.bound_at, bool(row.may_have_sent))


def register(db: Database, base_url: str) -> str:
    """Record `base_url`, unless the database belongs to another address, and return the recorded one.

    It belongs to the address from which the first answer came, or to which a request may have been written. Until then
    the address may be a slip, and the next one takes its place. Of two at once, one wins for both.
    """
    with db.write() as connection:
        connection.execute(insert_if_new(connection.dialect.name, Environment).values(id=1, base_url=base_url))
        row = connection.execute(_BINDING.with_for_update(of=Environment)).one()
        if is_same_address(row.base_url, base_url) or row.bound_at is not None or row.may_have_sent:
            return str(row.base_url)
        connection.execute(update(Environment).where(Environment.id == 1).values(base_url=base_url))
        # The holds are of the slip, and say nothing of the address in its place. A pause of a person stands.
        connection.execute(delete(Hold).where(Hold.reason != HoldReason.PAUSED))
        return base_url


def bind(connection: Connection) -> None:
    """Note that an answer has come from the recorded address. The environment's row is locked."""
    connection.execute(update(Environment).where(Environment.id == 1).values(bound_at=current_time))


def note_vitec_clock(db: Database, answer: DatedAnswer) -> None:
    """Note by how much Vitec's clock leads the database's, by the date of an answer; not what was noted a minute ago.

    The date is cut to the second, and was written between the request and the answer: so exactly it is known.
    """
    with db.write() as connection:
        reading_began = time.monotonic()
        moment = read_current_time(connection)
        reading_took = time.monotonic() - reading_began
        latest = moment - timedelta(seconds=reading_began - answer.ended)
        low = (answer.date - latest).total_seconds()
        within = (answer.seconds + reading_took + 1.0) / 2
        lead = low + within
        is_news = or_(
            Environment.vitec_clock_at.is_(None),
            Environment.vitec_clock_at < later(current_time, -NOTED_FOR),
            Environment.vitec_clock_at > current_time,
            func.abs(Environment.vitec_clock_lead - lead) > Environment.vitec_clock_within + within,
        )
        noted = {"vitec_clock_lead": lead, "vitec_clock_within": within, "vitec_clock_at": current_time}
        connection.execute(update(Environment).where(Environment.id == 1, is_news).values(noted))


def note_dispatch(db: Database) -> None:
    """Note that kinds with due lanes have been rung for, or that a local turn has looked for them."""
    with db.write() as connection:
        connection.execute(update(Environment).where(Environment.id == 1).values(dispatched_at=current_time))


def dispatched_within(db: Database, seconds: float) -> bool:
    """Tell whether there has been a dispatch in the last so many seconds."""
    with db.read() as connection:
        return connection.scalar(select(Environment.dispatched_at > later(current_time, -seconds))) is True
