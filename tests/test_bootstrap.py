"""A missing part is reported in one line with its remedy; each part is made once per process."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import column, delete, insert, select, table, update
from sqlalchemy.exc import OperationalError

from worker import bootstrap
from worker.bootstrap import NotReady
from worker.dotenv import SettingsError
from worker.outbox.lanes import environments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers

MADE_ONCE = (bootstrap.settings, bootstrap.database, bootstrap.client, bootstrap.publisher)
URL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing made before, and nothing left behind."""
    monkeypatch.setenv("VITEC_SYNC_IGNORE_DOTENV", "1")
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    _forget()
    yield
    if bootstrap.database.cache_info().currsize:
        bootstrap.database().engine.dispose()
    _forget()


def _forget() -> None:
    for made in MADE_ONCE:
        made.cache_clear()


@pytest.fixture
def _worker(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    """Settings with which a worker may run."""
    for name, value in {
        "DATABASE_URL": sqlite_url,
        "VITEC_BASE_URL": URL,
        "VITEC_USERNAME": "partner",
        "VITEC_PASSWORD": "3-grey-herons",
    }.items():
        monkeypatch.setenv(name, value)


def read_refusal() -> str:
    """Give the line with which a worker is refused."""
    with pytest.raises((NotReady, SettingsError)) as caught:
        bootstrap.check_worker()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.usefixtures("_worker")
def test_a_worker_with_good_settings_starts_again_and_again() -> None:
    bootstrap.check_worker()
    bootstrap.check_worker()


@pytest.mark.usefixtures("_worker")
@pytest.mark.parametrize(
    "spelling", ["http://127.0.0.1:9/", "HTTP://127.0.0.1:9", "http://localhost:9", "http://[::1]:9/"]
)
def test_another_spelling_of_the_address_is_no_other_address(monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    bootstrap.check_worker()
    monkeypatch.setenv("VITEC_BASE_URL", spelling)
    bootstrap.settings.cache_clear()
    bootstrap.check_worker()


@pytest.mark.usefixtures("_worker")
def test_a_database_of_another_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.check_worker()
    with bootstrap.database().write() as connection:
        environments.bind(connection)
    monkeypatch.setenv("VITEC_BASE_URL", "https://connect.example")
    bootstrap.settings.cache_clear()
    assert "belongs to http://127.0.0.1:9, but VITEC_BASE_URL is https://connect.example" in read_refusal()


@pytest.mark.usefixtures("_worker")
@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("VITEC_BASE_URL", "", "VITEC_BASE_URL is not set"),
        ("VITEC_PASSWORD", "", "VITEC_PASSWORD"),
        ("VITEC_PASSWORD", "changeme", "placeholder"),
        ("DATABASE_URL", "sqlite:////nowhere/at/all.db", "run `vitec-sync migrate`"),
        ("DATABASE_URL", "mysql://u:3-grey-herons@h/d", "must be a PostgreSQL or SQLite address"),
        ("DATABASE_URL", "3-grey-herons", "not the address of a database"),
        ("DATABASE_URL", "postgresql://u:3-grey-herons@127.0.0.1:1/d", "postgresql://u:***@127.0.0.1:1/d"),
    ],
)
def test_a_missing_setting_is_reported_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    monkeypatch.setenv(name, value)
    text = read_refusal()
    assert line in text
    assert "herons" not in text


@pytest.mark.usefixtures("_worker")
def test_a_database_without_tables_is_not_made_into_one(
    monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert "run `vitec-sync migrate`" in read_refusal()
    if empty_database_url.startswith("sqlite"):
        assert not os.path.exists(empty_database_url.removeprefix("sqlite:///"))  # noqa: PTH110


@pytest.mark.usefixtures("_worker")
def test_a_worker_that_may_not_write_does_not_start(monkeypatch: pytest.MonkeyPatch, pg_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", pg_url)
    with bootstrap.database().write() as connection:
        name = bootstrap.database().engine.url.database
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    bootstrap.database().engine.dispose()
    assert "it takes no writes" in read_refusal()


def test_a_newer_schema_is_reported_as_newer(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    version = table("alembic_version", column("version_num"))
    db = bootstrap.database()
    with db.write() as connection:
        connection.execute(update(version).values(version_num="9999"))
    bootstrap.database.cache_clear()
    db.engine.dispose()
    with pytest.raises(NotReady, match="newer than this program"):
        bootstrap.database()


def test_wrong_settings_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITEC_TIMEOUT", "3-grey-herons")
    monkeypatch.setenv("VITEC_BASE_URL", "http://office.example")
    with pytest.raises(SettingsError) as caught:
        bootstrap.settings()
    assert "VITEC_TIMEOUT: " in str(caught.value)
    assert "herons" not in str(caught.value)
    monkeypatch.delenv("VITEC_TIMEOUT")
    with pytest.raises(SettingsError, match="must be https"):
        bootstrap.settings()


def test_a_secret_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITEC_PASSWORD_FILE", "/nowhere/password")
    with pytest.raises(SettingsError, match="/nowhere/password"):
        bootstrap.settings()


def test_a_ring_ends_within_two_seconds_with_any_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as deaf, socket.socket() as closed:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        closed.bind(("127.0.0.1", 0))
        for listener in (deaf, closed):
            monkeypatch.setenv("BROKER_URL", f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
            _forget()
            began = time.monotonic()
            bootstrap.ring(["comeback", "appointment", "notification"])
            assert time.monotonic() - began < 2


def test_a_forked_child_makes_its_own_connections(monkeypatch: pytest.MonkeyPatch, pg_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", pg_url)
    numbers = table("numbers", column("n"))
    db = bootstrap.database()
    with db.write() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n integer)")
    with db.engine.connect() as mine:
        mine.execute(insert(numbers).values(n=1))
        child = os.fork()
        if child == 0:
            own = bootstrap.database()
            with own.write() as connection:
                connection.execute(insert(numbers).values(n=os.getpid()))
            os._exit(0 if own is not db else 1)
        assert os.waitpid(child, 0)[1] == 0
        mine.execute(insert(numbers).values(n=2))
        mine.commit()
        assert set(mine.execute(select(numbers.c.n)).scalars()) == {1, 2, child}
        mine.execute(delete(numbers))


def test_a_stop_reaches_children_that_were_forked_before_it() -> None:
    heard, tell = os.pipe()
    child = os.fork()
    if child == 0:
        end = time.monotonic() + 10
        while not bootstrap.stopping() and time.monotonic() < end:
            time.sleep(0.01)
        os._exit(0 if bootstrap.stopping() else 1)
    try:
        assert not bootstrap.stopping()
        bootstrap.ask_to_stop()
        assert os.waitpid(child, 0)[1] == 0
    finally:
        bootstrap._stop_flag[0] = 0
        os.close(heard)
        os.close(tell)


def test_a_fault_in_a_log_is_named_without_its_text() -> None:
    gone = OperationalError("SELECT 'Astrid Hemlig'", None, Exception("connection refused for Astrid Hemlig"))
    assert bootstrap.name_fault(gone).startswith("nothing listens at its address")
    assert bootstrap.name_fault(ValueError("Astrid Hemlig")) == "ValueError"
    assert bootstrap.name_fault(NotReady("There is no database yet.")) == "There is no database yet."
