"""The examples of the table way in do what they say, on a real PostgreSQL."""

from __future__ import annotations

import importlib.util
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from run import ROOT
from tests.importing.conftest import clock, pg_db
from tests.importing.table import crm_rows, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.outbox import Database

__all__ = ["clock", "pg_db"]

FOLDER = ROOT / "examples" / "table"
WHEN = "2027-03-02T09:15:00+01:00"


def load(name: str) -> Any:
    """Import an example as a program would be run."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def connection(pg_db: Database) -> Iterator[psycopg.Connection]:
    """A connection of the CRM's own."""
    url = make_url(pg_db.engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connected:
        yield connected


def test_plain_sql(pg_db: Database, connection: psycopg.Connection) -> None:
    *inserts, select, _ = (FOLDER / "plain_sql.sql").read_text(encoding="utf-8").split(";\n")
    for statement in inserts:
        connection.execute(statement)
    serve(pg_db)
    assert [row.state for row in crm_rows(pg_db)] == ["pending", "pending"], crm_rows(pg_db)
    assert [row[1] for row in connection.execute(select)] == ["pending", "pending"]


def test_plain_psycopg(pg_db: Database, connection: psycopg.Connection) -> None:
    example = load("plain_psycopg")
    row_id = example.book_comeback(connection, "UPP-1", "M30001", "ADR0001", WHEN)
    assert example.read_outcome(connection, row_id) == ("new", None, None)
    serve(pg_db)
    assert example.read_outcome(connection, row_id) == ("pending", None, None)


def test_a_session_of_sqlalchemy(pg_db: Database) -> None:
    example, moment = load("sqlalchemy_session"), datetime(2027, 3, 2, 8, 15, tzinfo=UTC)
    with Session(pg_db.engine) as session, session.begin():
        assert example.book_comeback(session, "UPP-1", "ADR0001", moment) == "recorded"
        assert example.book_comeback(session, "UPP-2", "", moment).startswith("not taken: contact_id")
    serve(pg_db)
    assert [row.state for row in crm_rows(pg_db)] == ["pending"]


def test_an_orm_of_the_crms_own(pg_db: Database, connection: psycopg.Connection) -> None:
    example = load("django_like")
    comeback = SimpleNamespace(id=7, customer_id="M30001", contact_id="ADR0001", when=WHEN, note="x")
    with connection.transaction():
        example.after_save(connection, comeback)
    with connection.transaction(force_rollback=True):
        example.after_save(connection, SimpleNamespace(**{**vars(comeback), "id": 8}))
    serve(pg_db)
    assert [(row.source_id, row.state) for row in crm_rows(pg_db)] == [("UPP-7", "pending")]


def test_the_texts_name_columns_that_there_are(connection: psycopg.Connection) -> None:
    for path in FOLDER.glob("*.md"):
        (statement,) = re.findall(r"INSERT INTO crm_rows \(([^)]*)\)", path.read_text(encoding="utf-8"))
        connection.execute(f"SELECT {statement} FROM crm_rows")
