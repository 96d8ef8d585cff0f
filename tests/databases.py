"""Fresh databases at the newest revision: migrated once, then copied for each test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy.engine import make_url

from run import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to `revision`, by the project's own migrations."""
    config = Config(ROOT / "alembic.ini")
    # The configuration reads a percent sign as the start of a placeholder.
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, revision)


def sqlite_copy(template: Path, folder: Path) -> str:
    """Copy a migrated SQLite file that is not open, and return the copy's URL."""
    return f"sqlite:///{shutil.copy(template, folder / 'vitec-sync.sqlite3')}"


def create_database(server_url: str, name: str, template: str = "template0") -> str:
    """Create a database on the server, as a copy of `template`, and return its URL."""
    # A copy of the files is quicker than the log of every page, and these databases have no standby.
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    _administer(server_url, statement.format(sql.Identifier(name), sql.Identifier(template)))
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(server_url: str, name: str) -> None:
    """Drop a database, and with it every connection that a test left open."""
    _administer(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server_url: str, statement: sql.Composed) -> None:
    plain = make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement)
