"""The example export is what its README says."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from run import ROOT
from tests.importing.conftest import clock, db
from tests.importing.exports import RecordingListener, import_export, operations

if TYPE_CHECKING:
    from worker.outbox import Database

__all__ = ["clock", "db"]

FOLDER = ROOT / "examples" / "export"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| `([^`]+)` \| (.*?) \|.*\| (\d+) \| (\d+) \| (\d+) \|$", README, re.MULTILINE)


def test_every_file_stands_in_the_readme_and_every_shape_occurs() -> None:
    assert sorted(name for name, *_ in LINES) == sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md")
    assert f"{sum(int(rows) for _, _, rows, _, _ in LINES)} rows" in README
    for shape in ("UTF-8 with its mark", "UTF-16", "Windows-1252", "semicolon", "comma", "tab", "JSON lines"):
        assert shape in README


@pytest.mark.parametrize(("name", "kind", "rows", "recorded", "rejected"), LINES, ids=[name for name, *_ in LINES])
def test_the_example_files_hold_what_their_readme_says(
    db: Database, name: str, kind: str, rows: str, recorded: str, rejected: str
) -> None:
    listener = RecordingListener()
    summary = import_export(db, FOLDER / name, listener)
    assert summary.total == int(rows)
    assert summary.counts.recorded == int(recorded)
    assert summary.counts.rejected == int(rejected)
    assert len(operations(db)) == int(recorded)
    assert summary.kind == (kind if " " not in kind else None)
    reasons = Counter((row.code, row.column) for row in listener.rejected)
    assert max(reasons.values(), default=1) == 1


def test_all_files_together_collide_nowhere(db: Database) -> None:
    counts = [import_export(db, FOLDER / name).counts for name, *_ in LINES]
    assert sum(count.recorded for count in counts) == len(operations(db)) == sum(int(line[3]) for line in LINES)
