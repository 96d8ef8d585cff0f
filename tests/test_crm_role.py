"""The role of a CRM may insert rows of `crm_rows` and read how they stand, and nothing else."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import make_url

from run import ROOT
from tests import factory
from worker.outbox import Database, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = (ROOT / "deploy" / "crm_role.sql").read_text(encoding="utf-8")

_logins = itertools.count(1)


@pytest.fixture
def crm(pg_url: str) -> Iterator[psycopg.Connection]:
    """A connection of a login that has the role, to a database with an operation and a row that was taken in."""
    plain = make_url(pg_url).set(drivername="postgresql")
    login = f"my_crm_{next(_logins)}"
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as owner:
        for _ in range(2):
            owner.execute(SCRIPT)
        owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x'")
        owner.execute(f"GRANT vitec_crm TO {login}")
        engine = connect(pg_url)
        with Database(engine).write() as connection:
            factory.make_environment(connection)
            factory.make_operation(connection)
            factory.make_crm_row(connection)
        engine.dispose()
        own = plain.set(username=login, password="x").render_as_string(hide_password=False)
        with psycopg.connect(own, autocommit=True) as connected:
            yield connected
        owner.execute(f"REVOKE vitec_crm FROM {login}")
        owner.execute(f"DROP ROLE {login}")


def test_the_role_may_insert_rows_and_read_them(crm: psycopg.Connection) -> None:
    columns = "kind, source_id, customer_id, data, after, send_after, expires_at, feed"
    values = "'comeback', 'A-1', 'M1', '{}', 'comeback:A-0', now(), now() + interval '1 day', 'crm'"
    inserted = crm.execute(f"INSERT INTO crm_rows ({columns}) VALUES ({values}) RETURNING id").fetchone()
    assert inserted is not None
    read = (
        "SELECT state, remote_id, ticket, error_code, error_text, error_detail, taken_at, sent_at, ended_at, updated_at"
    )
    row = crm.execute(f"{read} FROM crm_rows WHERE id = %s", inserted).fetchone()
    assert row == ("new", *(None,) * 9)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO crm_rows (kind, state) VALUES ('comeback', 'succeeded')",
        "INSERT INTO crm_rows (kind, operation_id) VALUES ('comeback', 1)",
        "INSERT INTO crm_rows (id, kind) VALUES (1, 'comeback')",
        "UPDATE crm_rows SET state = 'succeeded'",
        "UPDATE crm_rows SET data = '{}'",
        "UPDATE crm_rows SET taken_at = NULL",
        "DELETE FROM crm_rows",
        "TRUNCATE crm_rows",
        "SELECT * FROM crm_rows",
        "SELECT content_hash FROM crm_rows",
        "SELECT * FROM operations",
        "SELECT id FROM attempts",
        "INSERT INTO operations (kind) VALUES ('comeback')",
        "UPDATE lanes SET due_at = NULL",
        "SELECT base_url FROM environments",
        "DELETE FROM holds",
        "SELECT setval('crm_rows_id_seq', 1)",
        "CREATE TRIGGER spy AFTER INSERT ON crm_rows EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "ALTER TABLE crm_rows ADD COLUMN x integer",
        "DROP TABLE crm_rows",
        "LOCK TABLE crm_rows IN ACCESS EXCLUSIVE MODE",
    ],
)
def test_the_role_may_do_nothing_else(crm: psycopg.Connection, statement: str) -> None:
    with crm.transaction(force_rollback=True), pytest.raises(psycopg.errors.InsufficientPrivilege):
        crm.execute(statement)
