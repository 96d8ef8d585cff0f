"""Connections and transactions that keep the promises: durable commits, bounded waits, no values in errors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.database.sql import read_current_time

REST_AT_MOST = 2.0
"""Seconds for which a connection may rest before it is asked whether it still stands. A busy turn asks never."""

# A worker that is stopped in mid-transaction must not stop the others: all waits end by themselves.
_POSTGRESQL_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "5s",
        "statement_timeout": "30s",
        "timezone": "UTC",
        # Every statement has an index. By statistics from when the table was small the planner would read all of it,
        # and a prepared plan would go on doing so.
        "enable_seqscan": "off",
        # A plan that has no other way costs so much on PostgreSQL 17 and older that it would be compiled each time.
        "jit": "off",
        "plan_cache_mode": "force_generic_plan",
    }.items()
)
_POSTGRESQL_LINK: dict[str, int] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


@dataclass(frozen=True, slots=True)
class Database:
    """A database and its sending hours. Passed first to every function of the outbox that opens a transaction."""

    engine: Engine
    hours: SendingHours = field(default_factory=SendingHours)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write. On SQLite it takes the writer's lock at once."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One transaction that only reads, and lets no other one wait."""
        with self.engine.connect() as plain:
            connection = plain.execution_options(sqlite_begin="DEFERRED")
            with connection.begin():
                yield connection

    def closed_kinds(self, connection: Connection) -> frozenset[str]:
        """The kinds that must not be sent now, by the database's clock. Costs nothing where no hours are set."""
        if not self.hours.windows:
            return frozenset()
        return self.hours.closed_kinds(read_current_time(connection))


def connect(url: str, *, pool_size: int = 5, lock_timeout: float = 5.0) -> Engine:
    """Make an engine for PostgreSQL (psycopg) or SQLite. `lock_timeout` (s): how long SQLite waits for its writer."""
    parsed = make_url(url)
    common: dict[str, Any] = {"hide_parameters": True}
    if parsed.get_backend_name() == "sqlite":
        parsed = parsed.set(drivername="sqlite")
        engine = create_engine(parsed, connect_args={"timeout": lock_timeout, "check_same_thread": False}, **common)
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed,
        connect_args={"options": _POSTGRESQL_OPTIONS, **_POSTGRESQL_LINK},
        pool_size=pool_size,
        max_overflow=2,
        pool_recycle=1800,
        **common,
    )
    _ask_the_rested(engine)
    return engine


def _ask_the_rested(engine: Engine) -> None:
    """Ping as the pool itself would, but only connections that have rested: a ping costs a round trip each time."""

    @event.listens_for(engine, "checkin")
    def note(connection: Any, record: ConnectionPoolEntry) -> None:
        del connection
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: ConnectionPoolEntry, proxy: Any) -> None:
        del proxy
        rests_since = record.info.get("rests_since")
        if rests_since is None or time.monotonic() - rests_since < REST_AT_MOST:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # The pool answers by making all its connections anew.
            raise InvalidatePoolError from error


def _open_sqlite(connection: Any, record: ConnectionPoolEntry) -> None:
    del record
    # The driver must not open transactions by its own rules: we begin them ourselves, below.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    # A deferred transaction that reads first and writes later loses updates or fails at once; the writer's lock comes
    # first. A connection that only reads asks for it.
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")
