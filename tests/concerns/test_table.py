"""Rows that a CRM wrote into `crm_rows`, and that no worker takes in, are a concern."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.concerns.overviews import make_overview
from tests.factory import MOMENT
from tests.importing.conftest import clock, db
from tests.importing.table import insert
from worker.concerns import find_concerns
from worker.outbox.views.overview import read_overview

if TYPE_CHECKING:
    from worker.outbox import Database

__all__ = ["clock", "db"]


def test_rows_that_wait_for_minutes_are_a_concern() -> None:
    (concern,) = find_concerns(make_overview(new_rows=3, new_rows_since=MOMENT - timedelta(minutes=2)))
    assert concern.code == "rows_not_taken_in"
    assert concern.count == 3
    assert "3 rows of crm_rows not taken in" in concern.text


def test_rows_that_wait_for_seconds_are_none() -> None:
    assert list(find_concerns(make_overview(new_rows=3, new_rows_since=MOMENT - timedelta(seconds=5)))) == []


def test_the_overview_counts_new_rows(db: Database) -> None:
    insert(db)
    overview = read_overview(db)
    assert overview.new_rows == 1
    assert overview.new_rows_since is not None
