"""A row that waits for a missing parent is counted and reported once, and waits on; so is one in a circle."""

from typing import Any

import pytest

from models import State
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import SUCCESS, begin, change, claim, done, make, read, settle
from worker.outbox import Database
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.record import record_rows
from worker.outbox.lanes import missing_parents
from worker.outbox.lanes.missing_parents import CIRCLE, MISSING
from worker.outbox.upkeep import reported
from worker.outbox.upkeep.reported import ReportedState
from worker.outbox.views import unreported
from worker.outbox.views.operations import OperationFilter, list_operations
from worker.outbox.views.overview import read_overview

DAY = 86_400.0


def child(db: Database, after: str, source_id: str | None = None, **overrides: Any) -> int:
    named = {} if source_id is None else {"source_id": source_id}
    return make(db, **{"after_kind": "comeback", "after_source_id": after, "created_at": MOMENT, **named, **overrides})


def told(db: Database) -> list[tuple[int, str | None]]:
    """Read the unreported operations, and mark them as reported."""
    rows = list(unreported.unreported_operations(db))
    reported.mark_operations_reported(db, [ReportedState(row.id, row.attempt, row.state) for row in rows])
    return [(row.id, row.error_code) for row in rows]


def codes(db: Database, *ids: int) -> list[str | None]:
    return [read(db, id_).error_code for id_ in ids]


def test_a_missing_parent_is_reported_once_after_its_time(db: Database, clock: FixedClock) -> None:
    id_ = child(db, "nobody")
    clock.advance(DAY - 1)
    assert (missing_parents.report_missing(db, DAY), told(db)) == (0, [])
    clock.advance(1)
    assert missing_parents.report_missing(db, DAY) == 1
    assert told(db) == [(id_, MISSING)]
    clock.advance(DAY)
    assert (missing_parents.report_missing(db, DAY), told(db)) == (0, [])
    assert read(db, id_).state is State.PENDING


def test_a_limit_of_zero_reports_no_missing_parents(db: Database, clock: FixedClock) -> None:
    child(db, "nobody")
    clock.advance(10 * DAY)
    assert (missing_parents.report_missing(db, 0.0), told(db)) == (0, [])


def test_a_child_of_a_present_parent_is_not_reported(db: Database, clock: FixedClock) -> None:
    make(db, source_id="P")
    child(db, "P")
    make(db, source_id="free", created_at=MOMENT)
    clock.advance(DAY)
    assert missing_parents.report_missing(db, DAY) == 0


def test_a_parent_that_comes_after_all_takes_the_word_back(db: Database, clock: FixedClock) -> None:
    id_ = child(db, "P")
    clock.advance(DAY)
    missing_parents.report_missing(db, DAY)
    make(db, source_id="P")
    assert codes(db, id_) == [MISSING]
    missing_parents.report_missing(db, DAY)
    assert codes(db, id_) == [None]
    assert told(db) == []


def test_so_does_its_success(db: Database, clock: FixedClock) -> None:
    id_ = child(db, "P", kind="appointment")
    clock.advance(DAY)
    missing_parents.report_missing(db, DAY)
    told(db)
    make(db, source_id="P")
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    assert (read(db, id_).parent_done, codes(db, id_)) == (True, [None])


def test_so_does_new_content_that_comes_after_nothing(db: Database, clock: FixedClock) -> None:
    id_ = child(db, "nobody", "C")
    clock.advance(DAY)
    missing_parents.report_missing(db, DAY)
    row = NewOperation("comeback", "M30001", "C", "{}", "new")
    with db.write() as connection:
        record_rows(connection, [row], feed="crm")
    assert (read(db, id_).parent_done, codes(db, id_)) == (True, [None])


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_is_reported_without_its_waiting_children(db: Database, clock: FixedClock, length: int) -> None:
    ids = [child(db, str((number + 1) % length), str(number)) for number in range(length)]
    below = child(db, "0", "below")
    clock.advance(DAY)
    assert missing_parents.report_missing(db, DAY) == length
    assert codes(db, *ids, below) == [*[CIRCLE] * length, None]
    assert missing_parents.report_missing(db, DAY) == 0


def test_find_cycles_picks_only_rows_in_a_circle() -> None:
    assert missing_parents.find_cycles({1: 2, 2: 3, 3: 1, 4: 1, 5: 4, 6: 7, 8: 8, 9: 6}) == [1, 2, 3, 8]
    assert missing_parents.find_cycles({}) == []
    assert missing_parents.find_cycles({n: n + 1 for n in range(50_000)}) == []


def test_status_counts_them_at_once_and_the_list_shows_them(db: Database, clock: FixedClock) -> None:
    assert (read_overview(db).lost, read_overview(db).lost_since) == (0, None)
    make(db, source_id="P")
    child(db, "P")
    missing = child(db, "nobody")
    assert (read_overview(db).lost, read_overview(db).lost_since) == (1, MOMENT)
    circle = child(db, "C", "C")
    change(db, circle, error_code=CIRCLE)
    listed = list_operations(db, OperationFilter(parent_missing=True), limit=9)
    assert (read_overview(db).lost, [row["id"] for row in listed]) == (2, [circle, missing])
