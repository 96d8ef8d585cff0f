"""The turn at a sink of results: one writer at a time over all workers, by a lease and a token that only rises."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select, update

from models import ResultSink
from worker.backoff import Backoff
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, insert_if_new, later


class SinkTurn(NamedTuple):
    """One writer's right to a sink, until its lease ends."""

    sink: str
    token: int


class SinkLost(Exception):  # noqa: N818 (a fact)
    """The lease has ended, and another writer has the sink or may have it."""


def take_sink(db: Database, name: str, *, lease: float, worker: str) -> SinkTurn | None:
    """Take the turn at a sink for `lease` s; None if another writer has it, or its time has not come."""
    is_free = or_(ResultSink.lease_until.is_(None), ResultSink.lease_until <= current_time)
    is_due = or_(ResultSink.next_at.is_(None), ResultSink.next_at <= current_time)
    take = update(ResultSink).where(ResultSink.name == name, is_free, is_due)
    values = {"token": ResultSink.token + 1, "lease_until": later(current_time, lease), "worker": worker}
    with db.write() as connection:
        connection.execute(insert_if_new(connection.dialect.name, ResultSink).values(name=name))
        token = connection.scalar(take.values(values).returning(ResultSink.token))
    return None if token is None else SinkTurn(name, token)


def renew_sink(db: Database, turn: SinkTurn, *, lease: float) -> None:
    """Let the lease last for `lease` s from now. Raises SinkLost."""
    with db.write() as connection:
        change_sink(connection, turn, lease_until=later(current_time, lease))


def end_sink(db: Database, turn: SinkTurn, *, seconds: float) -> None:
    """Give the sink back, well; the next turn is in so many seconds. Raises SinkLost."""
    well = {"failures": 0, "failing_since": None, "fault": None}
    with db.write() as connection:
        change_sink(connection, turn, lease_until=None, next_at=_in(seconds), **well)


def fail_sink(db: Database, turn: SinkTurn, fault: str, backoff: Backoff) -> None:
    """Give the sink back with its fault; the more failures in a row, the longer it rests. Raises SinkLost."""
    with db.write() as connection:
        change_sink(connection, turn, failures=ResultSink.failures + 1)
        failures = connection.scalar(select(ResultSink.failures).where(ResultSink.name == turn.sink)) or 1
        since = func.coalesce(ResultSink.failing_since, current_time)
        next_at = _in(backoff.seconds(failures))
        change_sink(connection, turn, lease_until=None, next_at=next_at, failing_since=since, fault=fault)


def change_sink(connection: Connection, turn: SinkTurn, **values: Any) -> int:
    """Set columns of the sink, if its last turn is this one, and lock its row. Returns its number. Raises SinkLost."""
    change = update(ResultSink).where(ResultSink.name == turn.sink, ResultSink.token == turn.token)
    number: int | None = connection.scalar(change.values(values or {"token": turn.token}).returning(ResultSink.number))
    if number is None:
        raise SinkLost(turn.sink)
    return number


def _in(seconds: float) -> Any:
    return later(current_time, seconds) if seconds > 0 else None
