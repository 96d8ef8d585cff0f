"""The way of one row stays as short as it is."""

from __future__ import annotations

import re
import subprocess
import sys

from run import ROOT
from tests.house.way import Stage, totals
from worker.kind.headings import fold

# The files and functions that one happy row may enter, from a CSV cell to the wire and back. Only ever lowered.
FILES = 66
FUNCTIONS = 326


def test_one_row_enters_no_more_code_than_before() -> None:
    # A process of its own: a turn needs SIGALRM's default action, which pytest-timeout has taken.
    command = [sys.executable, "-m", "tests.house.way"]
    way = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert way.returncode == 0, way.stderr
    for file in ("worker/importing/file_import.py", "worker/vitec/client.py", "worker/results/writing.py"):
        assert f"    {file}: " in way.stdout
    together = re.search(r"^together: (\d+) files, (\d+) functions$", way.stdout, re.MULTILINE)
    assert together, way.stdout
    assert int(together[1]) <= FILES, way.stdout
    assert int(together[2]) <= FUNCTIONS, way.stdout


def test_each_function_of_the_product_counts_once() -> None:
    stage = Stage("fold").walk(lambda: [fold("Besöks Tid"), fold("Besöks Tid"), re.sub("a", "b", "a")])
    assert stage.entered == {"worker/kind/headings.py": {"fold": None}}
    assert totals([stage, stage]) == (1, 1)
