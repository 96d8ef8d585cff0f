"""The command line in this process: a fresh database, its own settings, and rings that are only noted down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import typer.testing

from worker import bootstrap, logs
from worker.cli import app
from worker.outbox import Database, connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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


def _clear() -> None:
    if bootstrap.database.cache_info().currsize:
        bootstrap.database().engine.dispose()
    for part in (bootstrap.database, bootstrap.settings):
        part.cache_clear()
