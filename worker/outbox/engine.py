"""Connections to the database that keep the promises: durable commits, bounded waits, no values in errors."""

from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

# A worker that is stopped in mid-transaction must not stop the others (turn.md 16): all waits end by themselves.
_POSTGRESQL_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "5s",
        "statement_timeout": "30s",
        "timezone": "UTC",
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


def connect(url: str, *, pool_size: int = 5, lock_timeout: float = 5.0) -> Engine:
    """Make an engine for PostgreSQL (psycopg) or SQLite. `lock_timeout` (s): how long SQLite waits for its writer."""
    parsed = make_url(url)
    common: dict[str, Any] = {"hide_parameters": True}
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": lock_timeout, "check_same_thread": False}, **common)
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        connect_args={"options": _POSTGRESQL_OPTIONS, **_POSTGRESQL_LINK},
        pool_size=pool_size,
        max_overflow=2,
        pool_pre_ping=True,
        pool_recycle=1800,
        **common,
    )


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
