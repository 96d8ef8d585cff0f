"""All commands together: found by name, listed at once, and an error is one line."""

from __future__ import annotations

import importlib.metadata
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from worker import cli
from worker.cli import failures, terminal
from worker.dotenv import SettingsError
from worker.outbox import connect

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

VITEC_SYNC = str(Path(sys.executable).parent / "vitec-sync")


@pytest.mark.parametrize("name", cli.LAZY_COMMANDS)
def test_every_listed_command_is_there_and_explains_itself(name: str) -> None:
    command = cli.load(name)
    assert command.name == name
    assert command.help


def test_help_lists_all_commands_and_imports_none_of_them() -> None:
    code = "import sys\nfrom worker import cli\ntry: cli.main()\nfinally: print(sorted(sys.modules))"
    process = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert all(f" {name} " in process.stdout for name in cli.LAZY_COMMANDS)
    for heavy in ("'sqlalchemy'", "'celery'", "'pydantic'", "'tornado'", "'worker.bootstrap'"):
        assert heavy not in process.stdout


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("migrat",), "'migrate'"),
        (("staus",), "'status'"),
        (("list", "--sate", "failed"), "--state"),
    ],
)
def test_a_misspelt_word_gets_the_nearest_one(shell: Shell, words: tuple[str, ...], nearest: str) -> None:
    ran = shell.run(*words)
    assert ran.status == 2
    assert nearest in ran.err


@pytest.mark.parametrize("name", ["", *cli.LAZY_COMMANDS])
def test_no_help_page_shows_a_type_of_python(shell: Shell, name: str) -> None:
    page = shell.run(*name.split(), "--help").out
    assert not re.search(r"<\w|list\[|<=|[\[{]{2}|[\]}]{2}", page)
    assert re.search(r"--help +Show this message", page)


def test_the_version_is_the_installed_ones() -> None:
    process = run("--version")
    assert process.stdout == f"vitec-sync {importlib.metadata.version('vitec-sync')}\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("vitec-sync sta", ["status"]),
        ("vitec-sync list --needs", ["--needs-person"]),
        ("vitec-sync list --state fa", ["failed"]),
        ("vitec-sync list --kind come", ["comeback"]),
        ("vitec-sync pause --kind come", ["comeback"]),
        ("vitec-sync import --kind come", ["comeback"]),
        ("vitec-sync no-such-command --kind come", []),
    ],
)
def test_a_shell_completes_commands_options_and_values(line: str, expected: list[str]) -> None:
    place = str(len(line.split()) - 1)
    process = run(COMP_WORDS=line, COMP_CWORD=place, _VITEC_SYNC_COMPLETE="complete_bash")
    assert process.stdout.split() == expected
    assert process.stderr == ""


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    kept = (
        {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        | {"VITEC_SYNC_IGNORE_DOTENV": "1"}
        | environment
    )
    return subprocess.run([VITEC_SYNC, *words], env=kept, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////nowhere/at/all.db", "run `vitec-sync migrate`"),
        ("postgresql://127.0.0.1:9/none", "start it, or correct DATABASE_URL"),
        ("mysql://127.0.0.1/none", "must be a PostgreSQL or SQLite address"),
        ("nonsense", "not the address of a database"),
    ],
)
def test_a_missing_database_is_one_line_with_the_remedy(url: str, expected: str) -> None:
    process = run("status", DATABASE_URL=url)
    assert process.returncode == 1
    assert expected in process.stderr
    assert process.stderr.count("\n") == 1
    assert process.stdout == ""


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    process = run("status", VITEC_IN_FLIGHT="many", DATABASE_URL=f"sqlite:///{tmp_path / 'a.db'}")
    assert process.returncode == 1
    assert process.stderr.startswith("Settings: VITEC_IN_FLIGHT")
    assert process.stderr.count("\n") == 1


@pytest.mark.servers
def test_migrate_makes_the_database_that_the_other_commands_miss(tmp_path: Path, broker_url: str) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'a.db'}"
    assert run("migrate", DATABASE_URL=url).stdout.startswith("The database is now at revision")
    assert "up to date" in run("migrate", DATABASE_URL=url).stdout
    assert run("status", DATABASE_URL=url, BROKER_URL=broker_url).returncode == 0
    # It will hold personal data, so it is its owner's alone.
    assert (tmp_path / "new" / "a.db").stat().st_mode & 0o077 == 0


def test_a_database_of_a_newer_program_is_left_alone(shell: Shell) -> None:
    with shell.db.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for command in ("migrate", "status"):
        ran = shell.run(command)
        assert ran.status == 1
        assert "newer than this program" in ran.err


def test_a_reader_that_has_gone_is_no_error_to_tell() -> None:
    writer = subprocess.Popen(
        [VITEC_SYNC, "migrate", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.stderr is not None
    assert "Traceback" not in writer.stderr.read()
    writer.stderr.close()
    writer.wait(30)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (terminal.CannotBeDone("why"), "why"),
        (SettingsError("which"), "which"),
        (OperationalError("SELECT 1", {"a": "secret"}, Exception("gone\nKey (a)=(secret)")), "(gone)"),
        (ValueError("a bug"), None),
    ],
)
def test_expected_errors_become_one_line_without_values(error: Exception, expected: str | None) -> None:
    line = failures.describe_failure(error)
    assert line is None if expected is None else expected in str(line)
    assert "secret" not in str(line)


def test_a_refused_statement_prints_one_line_without_the_row(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        with shell.db.write() as connection:
            row = {"customer": "Astrid Hemligs", "kind": None}
            connection.execute(text("INSERT INTO lanes (customer_id, kind) VALUES (:customer, :kind)"), row)

    monkeypatch.setattr("worker.cli.status.read_overview", broken)
    ran = shell.run("status")
    assert ran.status == 1
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("The database refused a statement (IntegrityError: ")
    assert "Hemligs" not in ran.err


def test_a_value_that_postgresql_cannot_read_is_not_quoted(pg_url: str) -> None:
    engine = connect(pg_url)
    with pytest.raises(DataError) as raised, engine.connect() as connection:
        connection.execute(text("SELECT CAST(CAST(:value AS text) AS integer)"), {"value": 'Astrid "A" Hemligs'})
    engine.dispose()
    assert "Hemligs" in str(raised.value.orig)
    line = str(failures.describe_failure(raised.value))
    assert "invalid input syntax for type integer" in line
    assert "Astrid" not in line
    assert "Hemligs" not in line


def test_a_bug_keeps_its_traceback(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("worker.cli.status.read_overview", broken)
    with pytest.raises(ZeroDivisionError):
        shell.run("status")


def test_an_interrupt_ends_with_130(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("worker.cli.status.read_overview", interrupted)
    assert shell.run("status").status == 130


def test_decisions_work_without_a_broker(sqlite_url: str) -> None:
    process = run("pause", "--all", DATABASE_URL=sqlite_url, BROKER_URL="redis://127.0.0.1:9/0")
    assert (process.returncode, process.stdout) == (0, "Everything is paused.\n")
    process = run("resume", "--all", DATABASE_URL=sqlite_url, BROKER_URL="redis://127.0.0.1:9/0")
    assert (process.returncode, process.stdout) == (0, "Everything goes on.\n")


@pytest.mark.servers
def test_a_terminal_sees_a_table_of_its_width(sqlite_url: str, broker_url: str) -> None:
    ours, theirs = pty.openpty()
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment |= {"DATABASE_URL": sqlite_url, "BROKER_URL": broker_url, "TERM": "xterm", "COLUMNS": "80"}
    child = subprocess.Popen(
        [VITEC_SYNC, "status"], env={**environment, "VITEC_SYNC_IGNORE_DOTENV": "1"}, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    assert child.wait(60) == 0
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "All is well." in shown
    assert "\x1b[1;32m" in shown
