"""Late answers: the effect of each sort on each state in which it may find its operation."""

from datetime import timedelta
from typing import Any

import pytest

from models import Event, State
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.steps import (
    ACCEPTED,
    DIED,
    DOUBT,
    REFUSAL,
    RETRY,
    SUCCESS,
    begin,
    change,
    claim,
    done,
    entries,
    lane,
    make,
    read,
    settle,
)
from worker.decide import Settlement
from worker.outbox import Database
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import Claimed
from worker.outbox.lanes.turns import Turn

AGAIN = {"needs_person": False, "doubt_since": None, "error_code": None}
LATER: dict[str, dict[str, Any]] = {
    "in_doubt": {},
    "retryable": {**AGAIN, "state": State.RETRYABLE},
    "pending": {**AGAIN, "state": State.PENDING},
    "failed": {**AGAIN, "state": State.FAILED},
    "cancelled": {**AGAIN, "state": State.CANCELLED},
    "expired": {**AGAIN, "state": State.EXPIRED},
}
ENDED = {"failed", "cancelled", "expired"}


def overtaken(db: Database, clock: FixedClock) -> tuple[Turn, Claimed]:
    """Make an attempt of a rescued turn: in doubt, and reported to the CRM so."""
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    clock.advance(45)
    assert rescue.rescue_lanes(db, lambda *_: DIED, "there:2") == 1
    change(db, claimed.id, reported_at=clock.moment)
    return turn, claimed


def move_on(db: Database, claimed: Claimed, state: str, clock: FixedClock) -> None:
    """Move the operation on, as before the answer came."""
    columns = dict(LATER[state])
    if state in ENDED:
        columns["finalized_at"] = clock.moment
    if columns:
        change(db, claimed.id, **columns)


def again_in_flight(db: Database, claimed: Claimed, clock: FixedClock) -> tuple[Turn, Claimed]:
    """A person said: send again; and so it is."""
    move_on(db, claimed, "retryable", clock)
    turn = begin(db)
    (second,) = claim(db, turn).claimed
    assert (second.id, second.attempt) == (claimed.id, 2)
    return turn, second


@pytest.mark.parametrize("state", list(LATER))
def test_a_late_success_proves_the_operation_wherever_it_stands(db: Database, state: str, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    move_on(db, claimed, state, clock)
    clock.advance(60)
    result = settle(db, turn, [done(claimed, SUCCESS)])
    assert result.moved[claimed.id].state is State.SUCCEEDED
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "R1"
    assert row.answer == "R1"
    assert (row.acted_at, row.finalized_at) == (clock.moment, clock.moment)
    assert row.needs_person is False
    assert row.error_code is None
    assert row.doubt_since is None
    # The CRM was told otherwise, so it has to be told again.
    assert row.reported_at is None
    assert [(entry.event, entry.outcome) for entry in entries(db, claimed.id)] == [
        (Event.SENT, "in_doubt"),
        (Event.LATE, "succeeded"),
    ]


@pytest.mark.parametrize("late", [RETRY, REFUSAL], ids=["nothing written", "refused"])
def test_a_late_refusal_settles_its_own_attempts_doubt(db: Database, late: Settlement, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    assert settle(db, turn, [done(claimed, late)]).moved[claimed.id].state is late.state
    row = read(db, claimed.id)
    assert row.state == late.state
    assert row.error_code == late.code
    assert row.needs_person is False
    assert row.doubt_since is None
    assert row.reported_at is None
    assert row.failures == late.failures
    assert (row.finalized_at is not None) is (late.state is State.FAILED)


@pytest.mark.parametrize("late", [RETRY, REFUSAL, DOUBT], ids=["nothing written", "refused", "unanswered"])
@pytest.mark.parametrize("state", [state for state in LATER if state != "in_doubt"])
def test_a_late_failure_moves_no_row_decided_since(
    db: Database, state: str, late: Settlement, clock: FixedClock
) -> None:
    turn, claimed = overtaken(db, clock)
    move_on(db, claimed, state, clock)
    before = read(db, claimed.id)
    assert settle(db, turn, [done(claimed, late)]).moved == {}
    assert read(db, claimed.id) == before
    assert entries(db, claimed.id)[-1].event is Event.LATE


def test_a_late_doubt_restarts_the_quiet_time(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    clock.advance(20)
    assert settle(db, turn, [done(claimed, DOUBT)]).moved == {}
    row = read(db, claimed.id)
    assert row.state is State.IN_DOUBT
    assert row.doubt_since == clock.moment
    assert row.accepted is False


def test_a_late_acceptance_is_never_sent_again(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    settle(db, turn, [done(claimed, ACCEPTED)])
    row = read(db, claimed.id)
    assert row.state is State.IN_DOUBT
    assert row.accepted is True
    assert row.acted_at == clock.moment


@pytest.mark.parametrize("brings", [RETRY, REFUSAL, DOUBT], ids=["nothing written", "refused", "unanswered"])
def test_a_late_success_outweighs_the_attempt_in_flight(db: Database, brings: Settlement, clock: FixedClock) -> None:
    turn, first = overtaken(db, clock)
    second_turn, second = again_in_flight(db, first, clock)
    assert settle(db, turn, [done(first, SUCCESS)]).moved == {}
    row = read(db, first.id)
    assert row.state is State.IN_FLIGHT
    assert row.acted_at == clock.moment
    assert row.remote_id == "R1"
    settle(db, second_turn, [done(second, brings)])
    row = read(db, first.id)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "R1"
    assert row.needs_person is False
    assert row.error_code is None


def test_two_acting_attempts_are_shown_with_both_ids(db: Database, clock: FixedClock) -> None:
    turn, first = overtaken(db, clock)
    second_turn, second = again_in_flight(db, first, clock)
    second_success = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id="R2", answer="R2")
    settle(db, turn, [done(first, SUCCESS)])
    settle(db, second_turn, [done(second, second_success)])
    row = read(db, first.id)
    assert row.state is State.SUCCEEDED
    assert row.error_code == "acted_twice"
    assert row.needs_person is True
    assert {entry.remote_id for entry in entries(db, first.id)} == {None, "R1", "R2"}


def test_a_second_late_success_is_shown_to_a_person(db: Database, clock: FixedClock) -> None:
    turn, first = overtaken(db, clock)
    second_turn, second = again_in_flight(db, first, clock)
    second_success = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id="R2", answer="R2")
    settle(db, second_turn, [done(second, second_success)])
    change(db, first.id, reported_at=clock.moment)
    settle(db, turn, [done(first, SUCCESS)])
    row = read(db, first.id)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "R2"
    assert row.error_code == "acted_twice"
    assert row.needs_person is True
    assert row.reported_at is None


@pytest.mark.parametrize("late", [RETRY, REFUSAL], ids=["nothing written", "refused"])
def test_an_older_attempts_late_refusal_leaves_the_newer_alone(
    db: Database, late: Settlement, clock: FixedClock
) -> None:
    turn, first = overtaken(db, clock)
    second_turn, second = again_in_flight(db, first, clock)
    settle(db, second_turn, [done(second, DOUBT)])
    assert settle(db, turn, [done(first, late)]).moved == {}
    assert read(db, first.id).state is State.IN_DOUBT


def test_a_late_answer_counts_once(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    settle(db, turn, [done(claimed, SUCCESS)])
    settle(db, turn, [done(claimed, SUCCESS)])
    assert len(entries(db, claimed.id)) == 2
    assert not read(db, claimed.id).needs_person


def test_a_settled_answer_is_not_late(db: Database, clock: FixedClock) -> None:
    """Its commit was reported as failed; meanwhile a person has sent the operation again."""
    make(db)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, DOUBT)])
    move_on(db, claimed, "retryable", clock)
    assert settle(db, turn, [done(claimed, DOUBT)]).moved == {}
    assert read(db, claimed.id).state is State.RETRYABLE
    assert [entry.event for entry in entries(db, claimed.id)] == [Event.SENT]


def test_a_requeue_keeps_counting_attempts(db: Database, clock: FixedClock) -> None:
    turn, first = overtaken(db, clock)
    move_on(db, first, "failed", clock)
    change(db, first.id, state=State.PENDING, finalized_at=None, failures=0)
    (second,) = claim(db, begin(db)).claimed
    assert second.attempt == 2
    settle(db, turn, [done(first, REFUSAL)])
    assert read(db, first.id).state is State.IN_FLIGHT


@pytest.mark.parametrize("state", [state for state in LATER if state != "in_doubt"])
def test_a_late_acceptance_succeeds_without_its_id(db: Database, state: str, clock: FixedClock) -> None:
    """The person who said "send again" did not know; sent again it would be there twice."""
    turn, claimed = overtaken(db, clock)
    move_on(db, claimed, state, clock)
    assert settle(db, turn, [done(claimed, ACCEPTED)]).moved[claimed.id].state is State.SUCCEEDED
    row = read(db, claimed.id)
    assert row.remote_id is None
    assert row.error_code == "unreadable_answer"
    assert row.needs_person is True


def test_a_late_acceptance_outweighs_the_attempt_in_flight(db: Database, clock: FixedClock) -> None:
    turn, first = overtaken(db, clock)
    second_turn, second = again_in_flight(db, first, clock)
    settle(db, turn, [done(first, ACCEPTED)])
    settle(db, second_turn, [done(second, RETRY)])
    assert read(db, first.id).state is State.SUCCEEDED


def test_a_late_refusal_never_resends_an_accepted_row(db: Database, clock: FixedClock) -> None:
    turn, first = overtaken(db, clock)
    second_turn, second = again_in_flight(db, first, clock)
    clock.advance(45)
    rescue.rescue_lanes(db, lambda *_: DIED, "there:2")
    settle(db, turn, [done(first, ACCEPTED)])
    settle(db, second_turn, [done(second, RETRY)])
    row = read(db, first.id)
    assert row.state is State.IN_DOUBT
    assert row.accepted


@pytest.mark.parametrize("late", [RETRY, REFUSAL], ids=["nothing written", "refused"])
def test_a_late_refusal_keeps_an_accepted_rows_quiet_time(db: Database, late: Settlement, clock: FixedClock) -> None:
    """That this attempt did nothing says nothing of the accepted one; its look-ups go on as they were."""
    turn, first = overtaken(db, clock)
    look_up_due = clock.moment + timedelta(minutes=15)
    accepted = {"accepted": True, "acted_at": MOMENT, "absent_since": MOMENT, "next_attempt_at": look_up_due}
    change(db, first.id, **accepted)
    before = read(db, first.id)
    clock.advance(60)
    assert settle(db, turn, [done(first, late)]).moved == {}
    assert read(db, first.id) == before


def test_evidence_is_dated_from_when_it_was_first_seen(db: Database, clock: FixedClock) -> None:
    turn, first = overtaken(db, clock)
    change(db, first.id, acted_at=MOMENT, accepted=True)
    clock.advance(10)
    settle(db, turn, [done(first, SUCCESS)])
    assert read(db, first.id).acted_at == MOMENT


def test_a_late_answer_adds_the_id_of_its_success(db: Database, clock: FixedClock) -> None:
    """A look-up, or a person, was quicker: it is there once, and no person need look."""
    turn, claimed = overtaken(db, clock)
    change(db, claimed.id, state=State.SUCCEEDED, finalized_at=clock.moment, needs_person=False, error_code=None)
    settle(db, turn, [done(claimed, SUCCESS)])
    row = read(db, claimed.id)
    assert row.remote_id == "R1"
    assert row.answer == "R1"
    assert row.needs_person is False
    assert row.error_code is None


def test_a_late_refusal_that_settles_doubt_wakes_the_lane(db: Database, clock: FixedClock) -> None:
    """The turn that brings it no longer owns the lane, so no end of a turn will look."""
    turn, claimed = overtaken(db, clock)
    assert lane(db).due_at is None
    settle(db, turn, [done(claimed, RETRY)])
    assert lane(db).due_at == read(db, claimed.id).next_attempt_at
