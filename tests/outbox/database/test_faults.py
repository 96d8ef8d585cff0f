"""A fault of the database is told with its cause and its cure, from the server's own answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, OperationalError

from worker.outbox import connect
from worker.outbox.database.faults import describe_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.servers


def run(url: str, statements: Iterable[str]) -> None:
    engine = connect(url)
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


def read_fault(url: str, *statements: str) -> str | None:
    """Run the statements, one of which the database refuses, and describe why."""
    with pytest.raises(DBAPIError) as caught:
        run(url, statements)
    return describe_fault(caught.value)


@pytest.fixture
def stranger_url(pg_url: str) -> Iterator[str]:
    """The address for a user who may not even connect."""
    url = make_url(pg_url)
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    role = f"stranger_of_{url.database}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"REVOKE CONNECT ON DATABASE {url.database} FROM PUBLIC"))
        yield url.set(username=role).render_as_string(hide_password=False)
        connection.execute(text(f"DROP ROLE {role}"))
    admin.dispose()


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ('FATAL:  password authentication failed for user "anna"', "it refuses the user or the password"),
        ("fe_sendauth: no password supplied", "it asks for a password"),
        ('connection to server on socket "/run/x" failed: No such file or directory', "nothing listens"),
    ],
)
def test_a_refused_login_is_told_without_its_name(words: str, cause: str) -> None:
    error = OperationalError("", {}, psycopg.OperationalError(f"connection failed: {words}"))
    assert str(describe_fault(error)).startswith(cause)
    assert "anna" not in str(describe_fault(error))


def test_a_missing_right_to_connect_is_told_whole(stranger_url: str) -> None:
    database = make_url(stranger_url).database
    assert f'(permission denied for database "{database}")' in str(read_fault(stranger_url, "SELECT 1"))


@pytest.mark.parametrize(
    ("statements", "cause"),
    [
        (("SET TRANSACTION READ ONLY", "DELETE FROM actions"), "it takes no writes"),
        (("SET statement_timeout = 1", "SELECT pg_sleep(5)"), "a statement took too long"),
    ],
)
def test_a_refusal_of_the_moment_is_no_bug(pg_url: str, statements: tuple[str, ...], cause: str) -> None:
    assert str(read_fault(pg_url, *statements)).startswith(cause)


def test_an_unknown_parameter_is_told(pg_url: str) -> None:
    assert "a parameter that there is not" in str(read_fault(f"{pg_url}?ssmode=require", "SELECT 1"))


def test_an_error_about_a_row_is_no_fault() -> None:
    error = DataError("", {}, psycopg.DataError('malformed array literal: "timeout"'))
    assert describe_fault(error) is None
