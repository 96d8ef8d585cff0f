"""Feeds under real processes: each row is at Vitec once, though worker and beat are killed meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from models import State
from tests.importing.exports import export
from tests.processes import celery, until, worker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.processes import Process
    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(400)]

SETTLED = {State.SUCCEEDED, State.IN_DOUBT}

FEEDS = """
[feeds.calendar]
folder = "drop"
kind = "comeback"
at_rest = 0.5
every = 0.5

[feeds.crm]
query = "SELECT id, 'M30001' AS customer_id, contact AS contact_id, starts AS date FROM comebacks"
database_url_file = "crm_url"
cursor = "id"
kind = "comeback"
every = 0.5
"""


def has_more_than(office: Office, count: int) -> bool:
    """Tell whether more rows than that have come in."""
    return office.states().total() > count


def restart(process: Process) -> None:
    """Kill it with all its children, and start it anew."""
    process.kill()
    process.start()


def write_rows(drop: Path, crm: sqlite3.Connection, number: int) -> None:
    """Drop a file of twenty rows, and write as many into the CRM's own table."""
    day = f"2026-12-{number + 10:02d}"
    rows = [[f"F-{number}-{n}", "M30001", f"ADR{number}{n:03d}", f"{day} {n:02d}:00", ""] for n in range(20)]
    export(drop, rows, name=f"export-{number}.csv")
    for n in range(20):
        values = (f"CRM{number}{n:03d}", f"{day} {n:02d}:30:00")
        crm.execute("INSERT INTO comebacks (contact, starts) VALUES (?, ?)", values)


def test_each_row_is_sent_once_whatever_is_killed(office: Office) -> None:
    drop = office.folder / "drop"
    drop.mkdir()
    (office.folder / "feeds.toml").write_text(FEEDS, encoding="utf-8")
    (office.folder / "crm_url").write_text("sqlite:///crm.db\n", encoding="utf-8")
    settings = {**office.settings, "FEEDS_FILE": str(office.folder / "feeds.toml")}
    with ExitStack() as stack:
        crm = stack.enter_context(closing(sqlite3.connect(office.folder / "crm.db", isolation_level=None)))
        crm.execute("CREATE TABLE comebacks (id integer PRIMARY KEY, contact text, starts text)")
        beat = stack.enter_context(celery("beat", office.folder, settings))
        running = stack.enter_context(worker(office.folder, settings))
        for number in range(4):
            write_rows(drop, crm, number)
            until(partial(has_more_than, office, 20 * number), seconds=90, why="nothing comes in")
            restart(running if number % 2 else beat)
        until(lambda: sum(office.states().values()) == 160, seconds=150, why="not all came in")
        until(lambda: len([*drop.glob("done/*.csv")]) == 4, seconds=100, why="not all files were moved")
        # An operation that was in flight when its worker was killed is in doubt, and is looked up much later.
        until(lambda: office.states().keys() <= SETTLED, seconds=100, why="not all were sent")
    assert office.states().total() == 160
    assert set(office.sent().values()) == {1}
    assert len(office.sent()) >= office.states()[State.SUCCEEDED] >= 80
