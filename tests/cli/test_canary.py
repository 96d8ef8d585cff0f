"""`import --canary` sends the first row of each kind alone, and records the others when Vitec has taken it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from models import Operation, State
from tests.importing.exports import comeback, export
from worker.cli import canary
from worker.importing.canary import CanaryState

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Shell


def test_a_canary_goes_alone_and_the_rest_follows(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(tmp_path, [comeback("A-1"), comeback("A-2")])
    monkeypatch.setattr(canary, "WAIT_AT_MOST", 0.0)
    ran = shell.run("import", str(path), "--canary")
    assert ran.status == 1
    assert "have no answer yet, and nothing more was recorded" in ran.err
    assert shell.rung == ["comeback"]
    with shell.db.write() as connection:
        connection.execute(update(Operation).values(state=State.SUCCEEDED, finalized_at=Operation.created_at))
    assert (
        shell.run("import", str(path), "--canary").out
        == "export.csv (comeback, by its headings): 1 recorded, 1 unchanged.\n"
    )


def test_a_failed_canary_holds_the_rest(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> CanaryState:
        return CanaryState.FAILED

    path = export(tmp_path, [comeback("A-1"), comeback("A-2")])
    monkeypatch.setattr(canary, "_wait", fail)
    assert "has ended without success, and nothing more was recorded" in shell.run("import", str(path), "--canary").err
