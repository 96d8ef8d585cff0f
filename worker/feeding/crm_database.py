"""The CRM's own database: opened to be read only, each statement with a limit of time, and its errors in one plain line."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from worker.feeding.run import FeedFault
from worker.outbox.database.faults import describe_fault

_CONNECT_WITHIN = 10
_LOCKED_AT_MOST = 10.0
_STEPS_BETWEEN_LOOKS = 20_000

_SESSION: dict[str, tuple[str, ...]] = {
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY",),
    "mssql": ("SET LOCK_TIMEOUT 10000",),
}
_TRANSACTION: dict[str, tuple[str, ...]] = {"oracle": ("SET TRANSACTION READ ONLY",)}


@dataclass(slots=True)
class Deadline:
    """The moment at which the statement that runs has taken too long. Each batch of rows has as long."""

    seconds: float
    ends_at: float = 0.0

    def restart(self) -> None:
        """Give the next statement, or batch, all its time."""
        self.ends_at = monotonic() + self.seconds


@contextmanager
def open_crm(url: str, folder: Path, deadline: Deadline) -> Iterator[Connection]:
    """Open the CRM's database for one transaction that only reads, and is rolled back.

    `folder`: from which a relative path of SQLite is seen. Raises `FeedFault`, also for errors while it is read.
    """
    try:
        engine = _make_engine(url, folder, deadline)
    except (ArgumentError, ValueError):
        raise FeedFault("database_url", "The address of the CRM's database cannot be read: correct it.") from None
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        missing = getattr(error, "name", None) or str(error).rpartition(":")[2]
        text_ = f"There is no driver for the CRM's database here ({missing}): install it beside this program."
        raise FeedFault("driver_missing", text_) from None
    try:
        deadline.restart()
        with engine.connect() as connection, closing(_rollback(connection)):
            for statement in _TRANSACTION.get(engine.dialect.name, ()):
                connection.execute(text(statement))
            yield connection
    except SQLAlchemyError as error:
        raise fault_of(error) from None
    finally:
        engine.dispose()


class _rollback:  # noqa: N801 (reads as the act that it is)
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        if not self._connection.invalidated:
            self._connection.rollback()


def _make_engine(url: str, folder: Path, deadline: Deadline) -> Engine:
    parsed = make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url)
    common: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    name = parsed.get_backend_name()
    if name == "sqlite":
        return create_engine("sqlite://", creator=_sqlite_opener(parsed, folder, deadline), **common)
    if name == "postgresql":
        milliseconds = round(deadline.seconds * 1000)
        options = (
            f"-c default_transaction_read_only=on -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
        )
        link = {
            "connect_timeout": _CONNECT_WITHIN,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
        arguments = {"options": options, "tcp_user_timeout": milliseconds + 5_000, **link}
        driver = parsed if "+" in parsed.drivername else parsed.set(drivername="postgresql+psycopg")
        return create_engine(driver, connect_args=arguments if driver.drivername.endswith("psycopg") else {}, **common)
    engine = create_engine(parsed, **common)
    statements = _SESSION.get(name, ())

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        del record
        with closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)

    return engine


def _sqlite_opener(url: URL, folder: Path, deadline: Deadline) -> Callable[[], sqlite3.Connection]:
    if not url.database or url.database == ":memory:":
        raise ValueError(url.database)
    path = (folder / Path(url.database).expanduser()).absolute()

    def open_() -> sqlite3.Connection:
        address = f"file:{quote(str(path))}?mode=ro"
        wait = min(deadline.seconds, _LOCKED_AT_MOST)
        connection = sqlite3.connect(address, uri=True, timeout=wait, check_same_thread=False)
        connection.set_progress_handler(lambda: monotonic() > deadline.ends_at, _STEPS_BETWEEN_LOOKS)
        return connection

    return open_


_OF_WRITES = ("read-only transaction", "read only transaction", "data-modifying")


def fault_of(error: SQLAlchemyError) -> FeedFault:
    """Say in one line what is wrong with the CRM's database or the query: of the driver's text nothing that quotes a row."""
    cause = getattr(error, "orig", None)
    state, words = str(getattr(cause, "sqlstate", None) or ""), str(cause or "").strip().lower()
    if state == "57014" or "interrupted" in words or "max_execution_time" in words or "timed out" in words:
        return FeedFault(
            "query_slow",
            "The query took longer than `timeout`: give its columns an index, narrow it, or raise `timeout`.",
        )
    if state == "55P03" or "locked" in words:
        return FeedFault("database_locked", "The CRM's database is locked by another program. It is tried again.")
    if state == "25006" or "readonly" in words or any(word in words for word in _OF_WRITES):
        return FeedFault("query_writes", "The query writes, and a feed only reads: make it a plain SELECT.", stops=True)
    if isinstance(error, DataError):
        return FeedFault("query_wrong", "The query fails on a value of the CRM's (a cast or a division): correct it.")
    if state.startswith("42") or words.startswith(("no such", "near ", "incomplete", "unrecognized")):
        message = str(getattr(getattr(cause, "diag", None), "message_primary", None) or cause).strip().splitlines()[0]
        return FeedFault("query_wrong", f"The CRM's database refuses the query ({message[:200]}): correct it.")
    if isinstance(cause, sqlite3.ProgrammingError) or getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        text = "The CRM's database refuses the query: make it one plain SELECT, and try it there."
        return FeedFault("query_wrong", text)
    fault = describe_fault(error) if isinstance(error, DBAPIError) else None
    if fault is None:
        fault = f"{type(cause or error).__name__}: look at its server, and correct its address"
    fault = fault.replace("DATABASE_URL", "its address in the file or variable that feeds.toml names")
    return FeedFault("database_away", f"The CRM's database cannot be read: {fault}.")
