"""Writers that are killed, or meet another one: each result stands once over all files, whatever they leave behind."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from models import State
from run import ROOT
from tests import factory
from tests.results.destinations import IDS, batch_rows, change, drafts, in_folder, read_all, read_rows, visible, write
from worker import failpoints

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clock import FixedClock
    from worker.outbox import Database

pytestmark = pytest.mark.processes

SMALL = {"stem": "results", "most_rows": 4}


def order(url: str, point: str | None = None, **options: Any) -> list[str]:
    """Make the command of a writer in a process of its own, which is killed when it first reaches the point."""
    text = {"url": url, "destination": options, "point": point}
    return [sys.executable, "-m", "tests.results.killed_writer", json.dumps(text)]


def run_to_its_end(url: str, point: str, **options: Any) -> int:
    """Run a writer; return its exit status."""
    return subprocess.run(order(url, point, **options), cwd=ROOT, check=False, timeout=100).returncode


@pytest.mark.parametrize("point", failpoints.RESULT_POINTS)
def test_a_killed_writers_batch_is_finished(
    news: Database, database_url: str, folder: Path, clock: FixedClock, point: str
) -> None:
    """Killed in its first batch, of two; the next run is by a clock by which the lease has ended."""
    assert run_to_its_end(database_url, point, **SMALL, folder=str(folder)) == -signal.SIGKILL
    write(news, in_folder(folder, most_rows=4))
    clock.advance(60)
    write(news, in_folder(folder, most_rows=4))
    assert read_all(folder) == IDS
    assert [path.name for path in visible(folder)] == ["results-000001.csv", "results-000002.csv"]
    assert drafts(folder) == []
    assert [row.told_at is not None for row in batch_rows(news)] == [True, True]


@pytest.mark.parametrize("point", failpoints.RESULT_POINTS[4:])
def test_a_file_taken_away_does_not_come_again(
    news: Database, sqlite_url: str, folder: Path, tmp_path: Path, point: str
) -> None:
    if "sqlite" not in str(news.engine.url):
        pytest.skip("it is about files")
    run_to_its_end(str(news.engine.url), point, **SMALL, folder=str(folder))
    taken = tmp_path / "taken"
    taken.mkdir()
    for path in visible(folder):
        path.rename(taken / path.name)
    write(news, in_folder(folder, most_rows=4))
    assert sorted(read_all(folder) + read_all(taken)) == IDS


def test_a_folder_made_anew_gets_the_batch_again(news: Database, database_url: str, folder: Path) -> None:
    """The killed writer's draft is gone with the folder: that is no sign that its file has appeared."""
    run_to_its_end(database_url, "result_draft_noted", **SMALL, folder=str(folder))
    shutil.rmtree(folder)
    folder.mkdir()
    write(news, in_folder(folder, most_rows=4))
    assert read_all(folder) == IDS


def test_another_folder_gets_the_batch_that_was_begun(
    news: Database, database_url: str, folder: Path, tmp_path: Path
) -> None:
    run_to_its_end(database_url, "result_draft_noted", **SMALL, folder=str(folder))
    (tmp_path / "new").mkdir()
    write(news, in_folder(tmp_path / "new", most_rows=4))
    assert read_all(tmp_path / "new") == IDS
    assert visible(folder) == []
    assert drafts(folder) == []


def test_a_row_that_moved_on_comes_in_a_later_batch(
    news: Database, database_url: str, folder: Path, clock: FixedClock
) -> None:
    run_to_its_end(database_url, "result_batch_begun", **SMALL, folder=str(folder))
    change(news, "A-2", "remote_id = 'NEW'")
    write(news, in_folder(folder, most_rows=4))
    assert [row["source_id"] for row in read_rows(folder / "results-000001.csv")] == ["A-1", "A-3", "A-4"]
    assert [row["source_id"] for row in read_rows(folder / "results-000002.csv")] == ["A-2", "A-5", "BAD"]


def test_a_row_that_moved_on_after_its_file_comes_again(news: Database, database_url: str, folder: Path) -> None:
    """Its mark would be for what the file says, and the CRM would never hear of the new id."""
    run_to_its_end(database_url, "result_linked", **SMALL, folder=str(folder))
    change(news, "A-2", "remote_id = 'NEW'")
    write(news, in_folder(folder, most_rows=4))
    rows = [row for path in visible(folder) for row in read_rows(path) if row["source_id"] == "A-2"]
    assert [row["remote_id"] == "NEW" for row in rows] == [False, True]


def test_two_writers_at_once_write_each_result_once(news: Database, database_url: str, folder: Path) -> None:
    with news.write() as connection:
        for number in range(300):
            factory.make_operation(connection, State.FAILED, source_id=f"B-{number:03d}")
    options: dict[str, Any] = {"stem": "results", "most_rows": 20, "folder": str(folder)}
    writers = [subprocess.Popen(order(database_url, **options), cwd=ROOT) for _ in range(2)]
    assert [writer.wait(100) for writer in writers] == [0, 0]
    read = read_all(folder)
    assert sorted(read) == sorted([*IDS, *(f"B-{number:03d}" for number in range(300))])
