"""Runs the revisions: in a transaction that waits for no other one long, one program at a time, on PostgreSQL and SQLite."""

from __future__ import annotations

import fcntl
import logging.config
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import context
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from models import Base
from worker import bootstrap
from worker.dotenv import SettingsError
from worker.outbox import connect
from worker.outbox.database.faults import describe_fault
from worker.settings import name_database

if TYPE_CHECKING:
    from collections.abc import Iterator

# Any number will do, as long as no other program in this database uses it.
_LOCK = 8_243_014_377

_PATIENCE = 60.0
"""Seconds to wait for another program that migrates."""


def _url() -> str:
    """Find the database: given by the caller, by `-x url=…`, by the ini file, else by the worker's settings."""
    given = (
        context.config.attributes.get("url")
        or context.get_x_argument(as_dictionary=True).get("url")
        or context.config.get_main_option("sqlalchemy.url")
    )
    try:
        return given or bootstrap.settings().database
    except SettingsError as error:
        raise SystemExit(str(error)) from None


def _number(_: Any, __: Any, directives: list[Any]) -> None:
    """Give a new revision the next number instead of a random name, so that the folder reads as a history."""
    newest = context.script.get_current_head()
    for directive in directives:
        directive.rev_id = f"{int(newest or 0) + 1:04d}"


def _defaults_differ(
    _: Any, __: Any, ___: Any, in_database: str | None, ____: Any, in_models: str | None
) -> bool | None:
    """Know an empty text for itself on SQLite, where Alembic takes its quotes for content; None: as Alembic does."""
    return False if in_database in {"''", "('')"} and in_models == "" else None


_options: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "compare_type": True,
    "compare_server_default": _defaults_differ,
    "process_revision_directives": _number,
}


def _be_patient_then_brief(connection: Connection) -> None:
    """Wait for another program that migrates; afterwards for no lock longer than the live system can bear.

    It asks for the lock again and again: a statement that waits for it would keep its snapshot, and an index that the
    other program builds concurrently waits for the end of every snapshot.
    """
    connection.execute(text("SET lock_timeout = '3s'"))
    connection.execute(text("SET statement_timeout = 0"))
    connection.commit()
    deadline = time.monotonic() + _PATIENCE
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
        connection.commit()
        if time.monotonic() > deadline:
            raise RuntimeError(f"another program has been migrating this database for {_PATIENCE:.0f} s: try again")
        time.sleep(0.1)
    connection.commit()


def _on_postgresql(connection: Connection) -> None:
    _be_patient_then_brief(connection)
    # One transaction for each revision, so that one may leave it to build an index concurrently.
    context.configure(connection, transaction_per_migration=True, **_options)
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait for another program that migrates a file of this folder.

    SQLite's own lock is not enough: a revision that leaves its transaction gives it up in the middle.
    """
    descriptor, deadline = os.open(folder, os.O_RDONLY), time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"another program has been migrating for {_PATIENCE:.0f} s: try again") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def _on_sqlite(connection: Connection) -> None:
    # Batch mode copies a table and drops the old one, which would take all rows that refer to it along. The pragma
    # does nothing within a transaction, so it goes to the driver before SQLAlchemy begins one.
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    # A view of a table that is copied so would stop its copy from taking the old name.
    driver.execute("PRAGMA legacy_alter_table = ON")
    context.configure(connection, transactional_ddl=True, render_as_batch=True, **_options)
    with _alone_in(Path(connection.engine.url.database or "").absolute().parent), context.begin_transaction():
        context.run_migrations()
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise RuntimeError(f"rows of {broken[0]} refer to rows of {broken[2]} that are gone; nothing was changed")


def _online() -> None:
    from_shell = context.config.cmd_opts is not None
    engine = connect(_url(), lock_timeout=60)
    try:
        with engine.connect() as connection:
            (_on_sqlite if engine.dialect.name == "sqlite" else _on_postgresql)(connection)
    except SQLAlchemyError as error:
        fault = describe_fault(error)
        if fault is None or not from_shell:
            raise
        raise SystemExit(f"The database cannot be used ({name_database(engine.url)}): {fault}.") from None
    finally:
        engine.dispose()


def _offline() -> None:
    """Print the statements instead of running them (`alembic upgrade head --sql`)."""
    url = make_url(_url())
    context.configure(url=url, literal_binds=True, **_options)
    with context.begin_transaction():
        context.run_migrations()


if context.config.cmd_opts is not None and context.config.config_file_name is not None:
    # Only for the command line: a program that migrates keeps its own logging.
    logging.config.fileConfig(context.config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    _offline()
else:
    _online()
