"""Results reach their folder by worker and beat alone, each once, whatever is killed on the way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from models import State
from tests.processes import celery, until, worker
from tests.results.destinations import read_all, read_rows, visible

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]


def with_feeds(office: Office) -> tuple[dict[str, str], Path]:
    """Give settings with which results go to a folder each second, and the folder."""
    out = office.folder / "out"
    for folder in (out, office.folder / "in"):
        folder.mkdir()
    feeds = office.folder / "feeds.toml"
    feeds.write_text('[feeds.crm]\nfolder = "in"\nresults = { folder = "out", every = 1, most_rows = 7 }\n')
    # A dead turn's lane is free soon.
    quick = {"VITEC_TIMEOUT": "2", "LEASE_MARGIN": "1.5", "CLAIM_MARGIN": "0.5"}
    return {**office.settings, **quick, "FEEDS_FILE": str(feeds)}, out


def has_more(folder: Path, files: int) -> bool:
    return len(visible(folder)) > files


def test_each_result_stands_once_though_workers_are_killed(any_office: Office) -> None:
    office = any_office
    settings, out = with_feeds(office)
    made = office.record(40, kind="comeback")
    with celery("beat", office.folder, settings):
        for files in range(2):
            with worker(office.folder, settings, name=f"killed-{files}") as killed:
                killed.until(partial(has_more, out, files), why="no results came")
                killed.kill()
            with office.db.write() as connection:
                # As after two minutes: the dead writer's lease has ended.
                connection.exec_driver_sql("UPDATE result_sinks SET lease_until = NULL, next_at = NULL")
        with worker(office.folder, settings, name="last"):
            until(lambda: len(set(read_all(out))) == len(made), seconds=60, why="results are missing")
    rows = [row for path in visible(out) for row in read_rows(path)]
    succeeded = [row["source_id"] for row in rows if row["state"] == State.SUCCEEDED.value]
    assert len(succeeded) == len(set(succeeded))
    assert len({(row["source_id"], row["state"]) for row in rows}) == len(rows)
