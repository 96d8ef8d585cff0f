"""Operations on the same thing at Vitec are claimed in the order in which they were recorded, across kinds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from models import State
from tests.factory import MOMENT
from tests.outbox.steps import begin, change, claim, make, wake_all
from worker.outbox.lanes import turns

if TYPE_CHECKING:
    from worker.outbox import Database

PLACE: dict[str, Any] = {"sequence_key": "participant/VIS1/SLOT1/ADR1"}
LATER = MOMENT + timedelta(hours=1)


def cancellation(db: Database, state: State = State.PENDING, **overrides: Any) -> int:
    """An operation of another lane, recorded after those that stand there."""
    return make(db, state, kind="viewing_cancellation", **{**PLACE, **overrides})


def is_claimed(db: Database, kind: str = "viewing_cancellation") -> bool:
    """Whether a turn at the kind's lane claims something; a lane in which none could is not due."""
    wake_all(db)
    if kind not in turns.due_kinds(db):
        return False
    return bool(claim(db, begin(db, kind)).claimed)


@pytest.mark.parametrize("state", [State.PENDING, State.IN_FLIGHT, State.RETRYABLE, State.IN_DOUBT])
def test_it_waits_for_an_unfinished_predecessor(db: Database, state: State) -> None:
    make(db, state, kind="viewing_registration", **PLACE)
    cancellation(db)
    assert not is_claimed(db)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED])
def test_it_goes_once_its_predecessor_has_ended(db: Database, state: State) -> None:
    make(db, state, kind="viewing_registration", **PLACE)
    cancellation(db)
    assert is_claimed(db)


@pytest.mark.parametrize(
    "apart",
    [
        {"sequence_key": "participant/VIS1/SLOT2/ADR1"},
        {"sequence_key": None},
        {"customer_id": "M9"},
        {"next_attempt_at": LATER},
        {"parent_done": False, "after_kind": "comeback", "after_source_id": "P"},
    ],
    ids=["another thing", "none", "another customer", "untried and for later", "untried, for a parent"],
)
def test_another_operation_does_not_hold_it_up(db: Database, apart: dict[str, Any]) -> None:
    make(db, kind="viewing_registration", **{**PLACE, **apart})
    cancellation(db)
    assert is_claimed(db)


def test_one_that_was_tried_keeps_its_place(db: Database) -> None:
    make(db, State.RETRYABLE, kind="viewing_registration", next_attempt_at=LATER, **PLACE)
    cancellation(db)
    assert not is_claimed(db)


def test_a_lane_claims_its_own_one_after_the_other(db: Database) -> None:
    first, second = cancellation(db), cancellation(db)
    turn = begin(db, "viewing_cancellation")
    assert [claimed.id for claimed in claim(db, turn).claimed] == [first]
    change(db, first, state=State.FAILED, claimed_by=None, claimed_at=None, finalized_at=MOMENT)
    assert [claimed.id for claimed in claim(db, turn).claimed] == [second]


def test_a_repetition_of_the_earlier_goes_before_the_later(db: Database) -> None:
    earlier = cancellation(db, State.RETRYABLE, next_attempt_at=MOMENT)
    make(db, kind="viewing_registration", **PLACE)
    assert not is_claimed(db, "viewing_registration")
    assert [claimed.id for claimed in claim(db, begin(db, "viewing_cancellation")).claimed] == [earlier]


def test_one_overtaken_waits_for_the_end_of_what_overtook(db: Database) -> None:
    overtaken = cancellation(db, next_attempt_at=LATER)
    make(db, State.RETRYABLE, kind="viewing_registration", **PLACE)
    change(db, overtaken, next_attempt_at=MOMENT)
    assert not is_claimed(db)


def test_of_two_that_were_tried_the_earlier_goes_first(db: Database) -> None:
    earlier = cancellation(db, State.RETRYABLE, next_attempt_at=MOMENT)
    cancellation(db, State.RETRYABLE, next_attempt_at=MOMENT)
    assert [claimed.id for claimed in claim(db, begin(db, "viewing_cancellation")).claimed] == [earlier]


def test_one_tried_is_not_held_up_by_an_earlier_untried(db: Database) -> None:
    make(db, kind="viewing_registration", **PLACE)
    cancellation(db, State.RETRYABLE, next_attempt_at=MOMENT)
    assert is_claimed(db)


def test_one_tried_that_now_waits_for_a_parent_is_overtaken(db: Database) -> None:
    waits = {"parent_done": False, "after_kind": "viewing_cancellation", "after_source_id": "P"}
    make(db, State.RETRYABLE, kind="viewing_registration", **waits, **PLACE)
    cancellation(db, source_id="P")
    assert is_claimed(db)
