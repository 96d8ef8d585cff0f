"""The failure runs themselves, small. `python -m tests.chaos` runs them in full."""

from __future__ import annotations

import subprocess
import sys

import pytest

from run import ROOT
from tests.chaos.__main__ import PARTS, parsed


# A part forks, so it runs in a process of its own, which has no threads.
@pytest.mark.timeout(280)
@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.processes
@pytest.mark.parametrize("part", ["G1", "G2", "G3"])
def test_every_invariant_holds(part: str) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--tiny", "--only", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=270, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{part} holds" in done.stdout


def test_all_parts_are_run_unless_some_are_chosen() -> None:
    assert parsed([]).only == list(PARTS)
    assert parsed(["--only", "g1,G9"]).only == ["G1", "G9"]


def test_a_part_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(["--only", "G8"])
    assert ended.value.code == 2
    assert "there is no G8" in capsys.readouterr().err
