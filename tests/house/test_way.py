"""The way of one row stays as short as it is."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from run import ROOT
from tests.house.way import Stage, totals
from worker.kind.headings import fold

# The files and functions that one happy row may enter, from a CSV cell to the wire and back. Lowered wherever they can be;
# raised only for a promise to every row: that its login is named, so that a refused one is held as one cause, and that no
# request goes to another address than the database's; for Vitec's clock, which one answer in a minute tells; that no
# answer is another row's; that rows come in by other ways than a file; and that a file is read from a copy, its headings
# are sought, and lines that are no rows are known. A margin of three is for what depends on timing.
FILES = 57
FUNCTIONS = 259


STEP = re.compile(r"^\| [^|]+ \| `(worker/[\w/]+\.py)` \| `(\w+)` \| [^|]+ \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def way() -> str:
    """Print the way in a process of its own: a turn needs SIGALRM's default action, which pytest-timeout has taken."""
    command = [sys.executable, "-m", "tests.house.way"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_one_row_enters_no_more_code_than_before(way: str) -> None:
    for file in ("worker/importing/file_import.py", "worker/vitec/client.py", "worker/results/writing.py"):
        assert f"    {file}: " in way
    together = re.search(r"^together: (\d+) files, (\d+) functions$", way, re.MULTILINE)
    assert together, way
    assert int(together[1]) <= FILES, way
    assert int(together[2]) <= FUNCTIONS, way


def test_the_table_of_the_way_names_functions_on_it(way: str) -> None:
    steps = STEP.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert len(steps) > 20
    entered = {
        (file.strip(), name)
        for file, _, names in (line.partition(": ") for line in way.splitlines() if line.startswith("    "))
        for name in names.split(", ")
    }
    assert [step for step in steps if step not in entered] == []


def test_each_function_of_the_product_counts_once() -> None:
    stage = Stage("fold").walk(lambda: [fold("Besöks Tid"), fold("Besöks Tid"), re.sub("a", "b", "a")])
    assert stage.entered == {"worker/kind/headings.py": {"fold": None}}
    assert totals([stage, stage]) == (1, 1)
