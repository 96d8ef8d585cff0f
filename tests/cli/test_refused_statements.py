"""Whatever a command does in the database, an error of SQLAlchemy's is one line without any value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError, StatementError

from models import State
from tests import factory
from worker import bootstrap, cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Shell

NAME, NUMBER = "Astrid Hemlig", "070-123 45 67"
STATEMENT = StatementError(f"cannot bind {NAME}", f"INSERT {NAME}", {"note": NUMBER}, ValueError(NAME))
COMMANDS: dict[str, tuple[str, ...]] = {
    "import": ("import", "{file}", "--kind", "comeback"),
    "rejected": ("rejected",),
    "results": ("results",),
    "status": ("status",),
    "list": ("list",),
    "show": ("show", "{id}"),
    "explain": ("explain", "{id}"),
    "resolve": ("resolve", "{id}", "--give-up", "--reason", "so"),
    "requeue": ("requeue", "{id}", "--reason", "so"),
    "cancel": ("cancel", "{id}", "--reason", "so"),
    "pause": ("pause", "--all", "--reason", "so"),
    "resume": ("resume", "--all"),
    "migrate": ("migrate",),
    "environment": ("environment",),
    "doctor": ("doctor",),
    "observe": ("observe",),
    "feeds": ("feeds",),
}
NO_DATABASE = {"demo", "sandbox", "mapping", "columns", "codes"}
"""Commands that make a database of their own, in a process of its own, or need none."""


@pytest.fixture
def failing(request: pytest.FixtureRequest) -> Iterator[SQLAlchemyError]:
    """From here on every statement on any engine ends in this error."""
    error: SQLAlchemyError = request.param

    def fail(*_: Any) -> None:
        raise error

    event.listen(Engine, "before_cursor_execute", fail)
    yield error
    event.remove(Engine, "before_cursor_execute", fail)


def test_no_command_is_forgotten_here() -> None:
    assert cli.LAZY_COMMANDS.keys() == COMMANDS.keys() | NO_DATABASE


@pytest.fixture
def words(shell: Shell, tmp_path: Path) -> dict[str, str]:
    """An operation and a file that commands may name; the database has been found to be in order."""
    with shell.db.write() as connection:
        id_ = factory.make_operation(connection, State.IN_DOUBT)
    bootstrap.database()
    file = tmp_path / "export.csv"
    file.write_text("source_id,customer_id,contact_id,date\nC-1,M30001,ADR1,2026-12-10 09:00\n", "utf-8")
    return {"id": str(id_), "file": str(file)}


@pytest.mark.parametrize("failing", [STATEMENT], indirect=True)
def test_the_line_about_an_unusable_database_has_no_content_either(shell: Shell, failing: SQLAlchemyError) -> None:
    ran = shell.run("list")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "StatementError: start it" in ran.err


@pytest.mark.parametrize("failing", [STATEMENT, ArgumentError(NAME)], indirect=True, ids=["bound", "composed"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_refused_statement_is_one_line_without_values(
    shell: Shell, words: dict[str, str], failing: SQLAlchemyError, command: str
) -> None:
    ran = shell.run(*(word.format(**words) for word in COMMANDS[command]))
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert type(failing).__name__ in ran.err
    assert not any(value in ran.out + ran.err for value in (NAME, NUMBER, "INSERT"))
