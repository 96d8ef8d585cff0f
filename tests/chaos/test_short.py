"""The failure runs themselves, small. `python -m tests.chaos` runs them in full."""

from __future__ import annotations

import subprocess
import sys

import pytest

from run import ROOT
from tests.chaos.__main__ import choose_parts, parse_arguments
from tests.chaos.parts import NO_SERVER, PARTS


# A part forks, so it runs in a process of its own, which has no threads.
@pytest.mark.timeout(280)
@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.processes
@pytest.mark.parametrize(("part", "database"), [("G1", "postgresql"), ("G2", "postgresql"), ("G3", "sqlite")])
def test_every_invariant_holds(part: str, database: str) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--share", "--only", part, "--database", database]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=270, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert f"{part} on" in completed.stdout


def test_all_parts_are_run_unless_some_are_chosen() -> None:
    assert parse_arguments([]).only == list(PARTS)
    assert parse_arguments(["--only", "g1,G9"]).only == ["G1", "G9"]


def test_the_short_form_plays_a_share_on_sqlite_too() -> None:
    assert {planned.part for planned in choose_parts(parse_arguments([])) if planned.database == "sqlite"} == {
        "G1",
        "G2",
        "G3",
    }
    assert {planned.database for planned in choose_parts(parse_arguments(["--long"]))} == {"postgresql"}


def test_sqlite_has_no_server_to_restart() -> None:
    assert {planned.part for planned in choose_parts(parse_arguments(["--database", "sqlite"]))} == set(
        PARTS
    ) - NO_SERVER


def test_a_part_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--only", "G8"])
    assert ended.value.code == 2
    assert "there is no G8" in capsys.readouterr().err
