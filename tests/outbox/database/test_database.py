"""Connections: bounded waits on PostgreSQL, the writer's lock first on SQLite, and what counts as database away."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from tests import factory
from tests.outbox.steps import make, read
from worker.outbox import Database, connect
from worker.outbox.database import database
from worker.outbox.database.errors import is_database_unavailable

BOUNDS = {
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "5s",
    "statement_timeout": "30s",
    "TimeZone": "UTC",
    "enable_seqscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}


@pytest.mark.parametrize(("name", "value"), BOUNDS.items())
def test_every_connection_bounds_its_waits_and_its_plans(pg_db: Database, name: str, value: str) -> None:
    with pg_db.read() as connection:
        assert connection.execute(text(f"SHOW {name}")).scalar_one() == value


def test_the_link_to_the_database_notices_a_dead_peer(pg_db: Database) -> None:
    with pg_db.read() as connection:
        driver: Any = connection.connection.dbapi_connection
        parameters = driver.info.get_parameters()
    assert {"keepalives_idle": "10", "tcp_user_timeout": "20000", "connect_timeout": "5"}.items() <= parameters.items()


def test_a_worker_stopped_in_mid_transaction_blocks_no_other(pg_db: Database) -> None:
    """A wait for its lock fails after 2 s; the server ends the idle transaction itself after 5 s."""
    id_ = make(pg_db)
    with pytest.raises(DBAPIError) as idle, pg_db.write() as stopped:  # noqa: PT012 (one transaction)
        stopped.execute(text("UPDATE operations SET line = 1"))
        began = time.monotonic()
        with pytest.raises(OperationalError) as waited, pg_db.write() as connection:
            connection.execute(text("UPDATE operations SET line = 2"))
        assert 1.5 < time.monotonic() - began < 4.5
        assert is_database_unavailable(waited.value)
        _set_line(pg_db, 3)
        stopped.execute(text("SELECT 1"))
    assert is_database_unavailable(idle.value)
    assert read(pg_db, id_).line == 3


def _set_line(db: Database, line: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            with db.write() as connection:
                connection.execute(text(f"UPDATE operations SET line = {line}"))
        except OperationalError:
            assert time.monotonic() < end, "the idle transaction was never ended"
        else:
            return


def test_a_statement_timeout_counts_as_database_away(pg_db: Database) -> None:
    with pytest.raises(OperationalError) as caught, pg_db.read() as connection:  # noqa: PT012 (one transaction)
        connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
        connection.execute(text("SELECT pg_sleep(20)"))
    assert is_database_unavailable(caught.value)


def test_a_terminated_backend_counts_as_away_and_is_replaced(pg_db: Database, pg_url: str) -> None:
    with pytest.raises(DBAPIError) as caught, pg_db.write() as connection:  # noqa: PT012 (one transaction)
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        terminate(pg_url, pid)
        connection.execute(text("SELECT 1"))
    assert is_database_unavailable(caught.value)
    with pg_db.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def terminate(url: str, pid: int) -> None:
    """End a backend, and wait until it is gone."""
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def test_a_value_that_is_refused_is_not_the_database_away(db: Database) -> None:
    make(db, source_id="A")
    with pytest.raises(DBAPIError) as caught:
        make(db, source_id="A")
    assert not is_database_unavailable(caught.value)


def test_no_error_shows_a_value(db: Database) -> None:
    make(db, source_id="A")
    with pytest.raises(DBAPIError) as caught:
        make(db, source_id="A", payload={"note": "Anna Andersson"})
    assert "Anna" not in str(caught.value)


def test_a_locked_sqlite_counts_as_away(sqlite_url: str) -> None:
    db, second = (Database(connect(sqlite_url, lock_timeout=0.05)) for _ in range(2))
    with db.write(), pytest.raises(OperationalError, match="locked") as caught, second.write():
        pass
    assert is_database_unavailable(caught.value)
    db.engine.dispose()
    second.engine.dispose()


def test_malformed_input_to_sqlite_is_no_absent_database(sqlite_url: str) -> None:
    """SQLite reports it by the same class as a lock; repeated, it would be refused for ever."""
    db = Database(connect(sqlite_url))
    with pytest.raises(OperationalError) as caught, db.read() as connection:
        connection.execute(text("SELECT * FROM json_each('{')")).all()
    assert not is_database_unavailable(caught.value)
    db.engine.dispose()


def test_a_reader_of_sqlite_does_not_wait_for_the_writer(sqlite_url: str) -> None:
    db = Database(connect(sqlite_url, lock_timeout=0.05))
    second = Database(connect(sqlite_url, lock_timeout=0.05))
    with db.write() as connection:
        factory.make_environment(connection)
        with second.read() as reading:
            assert reading.execute(text("SELECT count(*) FROM environments")).scalar_one() == 0
    db.engine.dispose()
    second.engine.dispose()


def test_sqlite_commits_durably_and_knows_its_foreign_keys(sqlite_url: str) -> None:
    engine = connect(sqlite_url)
    with engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("synchronous", "foreign_keys")
        ]
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    assert (pragmas, journal) == ([2, 1], "wal")
    engine.dispose()


COUNTING = """
import sys
from sqlalchemy import select, update
from models import Environment
from worker.outbox import Database, connect
db = Database(connect(sys.argv[1], lock_timeout=60))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(200):
    with db.write() as connection:
        found = connection.scalar(select(Environment.failures_in_row))
        connection.execute(update(Environment).values(failures_in_row=found + 1))
"""


def test_two_processes_lose_no_update_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    """A transaction that reads first and writes later would lose updates, or fail at once, without the lock first."""
    db = Database(connect(sqlite_url))
    with db.write() as connection:
        factory.make_environment(connection)
    command = [sys.executable, "-c", COUNTING, sqlite_url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    with db.read() as connection:
        assert connection.execute(text("SELECT failures_in_row FROM environments")).scalar_one() == 400
    db.engine.dispose()


def _ended_by_the_server(db: Database) -> None:
    """Use a connection, give it back to the pool, and let the server end it."""
    with db.read() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    ending = connect(db.engine.url.render_as_string(hide_password=False))
    with ending.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    ending.dispose()


def test_an_idle_connection_is_tested_and_replaced(pg_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "REST_AT_MOST", 0.0)
    _ended_by_the_server(pg_db)
    with pg_db.read() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_a_busy_connection_is_not_asked(pg_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first statement then finds the database away, which every caller must expect anyway."""
    monkeypatch.setattr(database, "REST_AT_MOST", 3600.0)
    _ended_by_the_server(pg_db)
    with pytest.raises(DBAPIError) as met, pg_db.read() as connection:
        connection.scalar(text("SELECT 1"))
    assert is_database_unavailable(met.value)
    with pg_db.read() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
