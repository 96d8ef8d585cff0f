"""The migrations make what the models say, go down and up again with data, and one program does it at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, insert, inspect, text

import migrations
from models import Base, CodeWords, State
from run import ROOT
from tests import factory
from worker.outbox import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    """An engine at a database without any table."""
    made = connect(empty_database_url)
    yield made
    made.dispose()


def schema(engine: Engine) -> dict[str, Any]:
    """All that the database itself says about its tables: more than Alembic compares."""
    inspector = inspect(engine)
    tables: dict[str, Any] = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        tables[table] = {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], str(column["default"]))
                for column in sorted(inspector.get_columns(table), key=lambda column: column["name"])
            ],
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": sorted(map(repr, inspector.get_foreign_keys(table))),
            "unique": sorted(map(repr, inspector.get_unique_constraints(table))),
            "checks": sorted(
                (str(check["name"]), check["sqltext"]) for check in inspector.get_check_constraints(table)
            ),
            "indexes": sorted((str(index["name"]), describe(index)) for index in inspector.get_indexes(table)),
        }
    return tables


def describe(index: Any) -> str:
    """Tell an index's columns, whether it is unique, and which rows it holds."""
    only = sorted((key, str(value)) for key, value in index.get("dialect_options", {}).items() if "where" in key)
    return f"{index['column_names']} unique={bool(index['unique'])} {only}"


def test_alembic_sees_no_difference_to_the_models(database_url: str) -> None:
    migrations.check(database_url)


def test_the_databases_own_description_agrees_with_the_models(engine: Engine, empty_database_url: str) -> None:
    Base.metadata.create_all(engine)
    from_the_models = schema(engine)
    Base.metadata.drop_all(engine)
    migrations.upgrade(empty_database_url)
    assert schema(engine) == from_the_models


def test_down_and_up_again_with_rows_in_every_table(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        seed(connection)
        assert all(connection.scalar(text(f'SELECT count(*) FROM "{name}"')) for name in Base.metadata.tables)
    before = schema(engine)
    migrations.downgrade(database_url, "base")
    assert schema(engine) == {}
    migrations.upgrade(database_url)
    assert schema(engine) == before
    with engine.begin() as connection:
        seed(connection)
    engine.dispose()


def seed(connection: Any) -> None:
    """Put a row into every table, and an operation into every state."""
    factory.make_environment(connection)
    file_id = factory.make_feed_file(connection)
    factory.make_rejected_row(connection, feed_file_id=file_id)
    factory.make_hold(connection)
    factory.make_action(connection)
    factory.make_result_batch(connection)
    connection.execute(insert(CodeWords).values(code="refused", text="Vitec refused it.", remedy="Mend it."))
    factory.make_feed(connection)
    factory.make_crm_row(connection)
    for state in State:
        factory.make_operation(connection, state, feed_file_id=file_id, line=2)


def test_migrating_twice_does_nothing(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        factory.make_operation(connection)
    migrations.upgrade(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM operations")) == 1
    engine.dispose()


def test_two_programs_that_migrate_at_once_both_succeed(empty_database_url: str) -> None:
    command = [sys.executable, "-c", "import migrations, sys; migrations.upgrade(sys.argv[1])", empty_database_url]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    migrations.check(empty_database_url)


def test_a_database_tells_at_which_revision_it_stands(engine: Engine, empty_database_url: str) -> None:
    with engine.connect() as connection:
        assert migrations.current(connection) is None
    assert inspect(engine).get_table_names() == []
    migrations.upgrade(empty_database_url)
    with engine.connect() as connection:
        assert migrations.current(connection) == migrations.head()
    assert migrations.is_known(migrations.head())
    assert not migrations.is_known("9999")


def test_a_migration_waits_only_briefly_for_a_lock(pg_url: str) -> None:
    engine = connect(pg_url)
    refused: list[BaseException] = []

    def go_down() -> None:
        try:
            migrations.downgrade(pg_url, "base")
        except Exception as error:  # noqa: BLE001 (whatever it is, the test looks at it)
            refused.append(error)

    with engine.begin() as connection:
        connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
        factory.make_operation(connection)
        thread = threading.Thread(target=go_down)
        thread.start()
        thread.join(30)
    assert not thread.is_alive()
    assert "lock timeout" in str(refused[0])
    assert "operations" in inspect(engine).get_table_names()
    engine.dispose()


def test_a_failed_migration_leaves_sqlite_as_it_was(sqlite_url: str) -> None:
    migrations.downgrade(sqlite_url, "0001")
    engine = connect(sqlite_url)
    with engine.begin() as connection:
        # Its drop would be refused only after other tables have gone.
        connection.execute(text("DROP TABLE environments"))
    with pytest.raises(Exception, match="no such table: environments"):
        migrations.downgrade(sqlite_url, "base")
    assert "operations" in inspect(engine).get_table_names()
    engine.dispose()


def test_migrations_run_from_any_folder_without_the_ini_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'odd %20 name.sqlite3'}"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import migrations; migrations.upgrade(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, url], cwd=tmp_path, check=True, timeout=60)
    migrations.check(url)


def test_the_alembic_command_takes_the_workers_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite3'}"
    for arguments, environment in (
        (["upgrade", "head"], {"DATABASE_URL": url}),
        (["-x", f"url={url}", "check"], {"DATABASE_URL": "sqlite:////nowhere/at/all"}),
    ):
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), *arguments],
            cwd=tmp_path,
            env={"VITEC_SYNC_IGNORE_DOTENV": "1", **environment},
            check=True,
            timeout=60,
            capture_output=True,
        )


def test_the_revisions_are_numbered_and_import_nothing_that_changes() -> None:
    paths = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    assert [path.name[:4] for path in paths] == [f"{number:04d}" for number in range(1, len(paths) + 1)]
    for path in paths:
        source = path.read_text(encoding="utf-8")
        assert "import models" not in source
        assert "from models" not in source
        assert "from worker" not in source
