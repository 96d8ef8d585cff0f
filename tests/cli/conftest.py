"""The command line in this process: a fresh database, its own settings, and rings that are only noted down."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import typer.testing

from worker import bootstrap, logs
from worker.cli import app
from worker.outbox import Database, connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMMAND = [sys.executable, "-c", "from worker.cli import main; main()"]
NOWHERE = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class Ran:
    """The exit status of a command, and its output."""

    status: int
    out: str
    err: str


@dataclass(slots=True)
class Shell:
    """Runs commands against one database, and notes the kinds that were rung for."""

    db: Database
    rung: list[str] = field(default_factory=list)

    def run(self, *words: str) -> Ran:
        """Run a command as in a pipe."""
        result = typer.testing.CliRunner().invoke(app, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def ring(self, kinds: Iterable[str]) -> None:
        """Note for which kinds a ring was asked."""
        self.rung += sorted(kinds)


@dataclass(frozen=True, slots=True)
class Office:
    """A database, and the command line on it."""

    db: Database
    url: str

    def run(self, *arguments: object) -> Ran:
        """Run the command in this process; rings are only noted down."""
        return Shell(self.db).run(*map(str, arguments))

    def start(self, *arguments: object, stdout: Any = subprocess.PIPE) -> Ran:
        """Run the command in a process of its own, where its streams and its warnings are the subject; no broker."""
        environment = os.environ | {
            "DATABASE_URL": self.url,
            "BROKER_URL": NOWHERE,
            "VITEC_SYNC_IGNORE_DOTENV": "1",
            "PYTHONWARNINGS": "error",
        }
        process = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env=environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        assert b"Traceback" not in process.stderr
        return Ran(process.returncode, (process.stdout or b"").decode(), process.stderr.decode())


@pytest.fixture
def forget() -> Iterator[None]:
    """Let no settings or connections of one test reach the next."""
    _clear()
    yield
    _clear()


@pytest.fixture
def shell(database_url: str, forget: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A command line on a database at the newest revision."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "80")
    engine = connect(database_url)
    shell = Shell(Database(engine))
    monkeypatch.setattr(bootstrap, "ring", shell.ring)
    monkeypatch.setattr(bootstrap, "broker_fault", lambda: None)
    # It would write to this test's captured output for the rest of the process.
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    yield shell
    engine.dispose()


@pytest.fixture
def office(sqlite_url: str, forget: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """The command line on a database of its own, without a broker."""
    db = Database(connect(sqlite_url))
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setattr(bootstrap, "ring", Shell(db).ring)
    # It would write to this test's captured output for the rest of the process.
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    yield Office(db, sqlite_url)
    db.engine.dispose()


def _clear() -> None:
    if bootstrap.database.cache_info().currsize:
        bootstrap.database().engine.dispose()
    for part in (bootstrap.database, bootstrap.settings):
        part.cache_clear()
