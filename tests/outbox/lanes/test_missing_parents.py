"""Who waits for a parent that is not there is counted and told once, and waits on; so are those in a circle."""

from typing import Any

import pytest

from models import State
from tests.factory import MOMENT
from tests.outbox.steps import SUCCESS, begin, change, claim, done, make, read, settle
from worker.outbox import FixedClock, Outbox
from worker.outbox.intake import record as intake
from worker.outbox.intake.record import NewOperation
from worker.outbox.lanes import missing_parents as lost_parents
from worker.outbox.lanes.missing_parents import CIRCLE, MISSING
from worker.outbox.views import unreported as reporting
from worker.outbox.views.operations import Filter, listing
from worker.outbox.views.overview import overview
from worker.outbox.views.unreported import Told

DAY = 86_400.0


def child(box: Outbox, after: str, source_id: str | None = None, **overrides: Any) -> int:
    named = {} if source_id is None else {"source_id": source_id}
    return make(box, **{"after_kind": "comeback", "after_source_id": after, "created_at": MOMENT, **named, **overrides})


def told(box: Outbox) -> list[tuple[int, str | None]]:
    """What the CRM hears of now, and is then marked as told."""
    rows = list(reporting.operations(box))
    reporting.mark_operations(box, [Told(row.id, row.attempt, row.state) for row in rows])
    return [(row.id, row.error_code) for row in rows]


def codes(box: Outbox, *ids: int) -> list[str | None]:
    return [read(box, id_).error_code for id_ in ids]


def test_a_row_whose_parent_is_not_there_is_told_once_after_its_time(box: Outbox, clock: FixedClock) -> None:
    id_ = child(box, "nobody")
    clock.advance(DAY - 1)
    assert (lost_parents.tell(box, DAY), told(box)) == (0, [])
    clock.advance(1)
    assert lost_parents.tell(box, DAY) == 1
    assert told(box) == [(id_, MISSING)]
    clock.advance(DAY)
    assert (lost_parents.tell(box, DAY), told(box)) == (0, [])
    assert read(box, id_).state is State.PENDING


def test_nothing_is_told_where_the_office_wants_to_hear_nothing(box: Outbox, clock: FixedClock) -> None:
    child(box, "nobody")
    clock.advance(10 * DAY)
    assert (lost_parents.tell(box, 0.0), told(box)) == (0, [])


def test_who_waits_for_one_that_is_there_is_not_told_of(box: Outbox, clock: FixedClock) -> None:
    make(box, source_id="P")
    child(box, "P")
    make(box, source_id="free", created_at=MOMENT)
    clock.advance(DAY)
    assert lost_parents.tell(box, DAY) == 0


def test_a_parent_that_comes_after_all_takes_the_word_back(box: Outbox, clock: FixedClock) -> None:
    id_ = child(box, "P")
    clock.advance(DAY)
    lost_parents.tell(box, DAY)
    make(box, source_id="P")
    assert codes(box, id_) == [MISSING]
    lost_parents.tell(box, DAY)
    assert codes(box, id_) == [None]
    assert told(box) == []


def test_so_does_its_success(box: Outbox, clock: FixedClock) -> None:
    id_ = child(box, "P", kind="appointment")
    clock.advance(DAY)
    lost_parents.tell(box, DAY)
    told(box)
    make(box, source_id="P")
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    assert (read(box, id_).parent_done, codes(box, id_)) == (True, [None])


def test_so_does_new_content_that_comes_after_nothing(box: Outbox, clock: FixedClock) -> None:
    id_ = child(box, "nobody", "C")
    clock.advance(DAY)
    lost_parents.tell(box, DAY)
    row = NewOperation("comeback", "M30001", "C", "{}", "new")
    with box.write() as connection:
        intake.record(connection, box, [row], feed="crm")
    assert (read(box, id_).parent_done, codes(box, id_)) == (True, [None])


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_is_told_of_and_not_who_only_waits_for_it(box: Outbox, clock: FixedClock, length: int) -> None:
    ids = [child(box, str((number + 1) % length), str(number)) for number in range(length)]
    below = child(box, "0", "below")
    clock.advance(DAY)
    assert lost_parents.tell(box, DAY) == length
    assert codes(box, *ids, below) == [*[CIRCLE] * length, None]
    assert lost_parents.tell(box, DAY) == 0


def test_those_that_come_after_themselves_are_found_among_those_that_do_not() -> None:
    assert lost_parents.circular({1: 2, 2: 3, 3: 1, 4: 1, 5: 4, 6: 7, 8: 8, 9: 6}) == [1, 2, 3, 8]
    assert lost_parents.circular({}) == []
    assert lost_parents.circular({n: n + 1 for n in range(50_000)}) == []


def test_status_counts_them_at_once_and_the_list_shows_them(box: Outbox, clock: FixedClock) -> None:
    assert (overview(box).lost, overview(box).lost_since) == (0, None)
    make(box, source_id="P")
    child(box, "P")
    missing = child(box, "nobody")
    assert (overview(box).lost, overview(box).lost_since) == (1, MOMENT)
    circle = child(box, "C", "C")
    change(box, circle, error_code=CIRCLE)
    listed = listing(box, Filter(parent_missing=True), limit=9)
    assert (overview(box).lost, [row["id"] for row in listed]) == (2, [circle, missing])
