"""Rows that a CRM writes into `crm_rows` are sent by a running worker, each once, and shown as they stand."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from models import CrmRow
from tests import factory
from tests.chaos import feed
from tests.processes import celery, until, worker

if TYPE_CHECKING:
    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]


def write_rows(office: Office, rows: list[dict[str, Any]]) -> None:
    """Write the rows, in one transaction of the CRM."""
    with office.db.write() as connection:
        for row in rows:
            data = {name: row[name] for name in row if name not in {"kind", "source_id", "customer_id", "after"}}
            columns = {name: row.get(name) for name in ("kind", "source_id", "customer_id", "after")}
            factory.make_crm_row(connection, **columns, data=json.dumps(data))


def states_of_rows(office: Office) -> Counter[str]:
    """Count the rows by their state."""
    with office.db.read() as connection:
        return Counter(
            {row[0]: row[1] for row in connection.execute(select(CrmRow.state, func.count()).group_by(CrmRow.state))}
        )


def test_rows_are_sent_and_shown_without_a_ring_or_beat(any_office: Office) -> None:
    office = any_office
    rows = list(feed.rows(40, customers=3))
    with worker(office.folder, office.settings) as running:
        running.says("ready")
        write_rows(office, rows)
        running.until(lambda: states_of_rows(office) == {"succeeded": 40}, why="not all rows were sent")
    assert Counter(office.sent().values()) == {1: 40}


def test_an_idle_worker_sends_a_row_within_a_second(any_office: Office) -> None:
    office, seconds = any_office, []
    with worker(office.folder, office.settings) as running, celery("beat", office.folder, office.settings):
        running.says("ready")
        for number in range(9):
            write_rows(office, list(feed.rows(1, customers=1, start=8 * number)))
            began = monotonic()
            until(lambda sent=number + 1: len(office.sandbox.ledger.applied()) == sent, why="it was not sent")  # type: ignore[misc]
            seconds.append(monotonic() - began)
            running.until(lambda sent=number + 1: states_of_rows(office) == {"succeeded": sent})  # type: ignore[misc]
    assert statistics.median(seconds) < 3, "a second on a machine that does nothing else"


@pytest.mark.slow
def test_rows_are_sent_once_while_workers_are_killed(any_office: Office) -> None:
    office = any_office
    quick = {**office.settings, "VITEC_TIMEOUT": "2", "LEASE_MARGIN": "1.5", "CLAIM_MARGIN": "0.5"}
    rows = [row for row in feed.rows(400, customers=3) if row["kind"] == "comeback"]
    with worker(office.folder, quick, name="one") as first, worker(office.folder, quick, name="two") as second:
        for number, row in enumerate(rows):
            write_rows(office, [row])
            if number % 20 == 10:
                running = (first, second)[number // 20 % 2]
                running.kill()
                running.start()
        until(lambda: states_of_rows(office)["new"] + states_of_rows(office)["pending"] == 0, seconds=60)
        until(lambda: set(states_of_rows(office)) <= {"succeeded", "in_doubt"}, seconds=60)
    assert max(office.sent().values()) == 1
    assert sum(states_of_rows(office).values()) == len(rows)
