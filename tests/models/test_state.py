"""The state machine, as data."""

from __future__ import annotations

import pytest

from models import FINAL, MOVES, WAITING, State

ARROWS = {(move.source, move.target) for move in MOVES}
ALLOWED_AFTER_THE_END = {State.PENDING, State.SUCCEEDED}


def reachable(start: State | None, *, without: frozenset[State] = frozenset()) -> set[State]:
    """Every state that can follow `start`, without passing through the states of `without`."""
    reached: set[State] = set()
    todo = [start]
    while todo:
        state = todo.pop()
        for source, target in ARROWS:
            if source == state and target not in reached | without:
                reached.add(target)
                todo.append(target)
    return reached


def test_every_state_can_be_reached() -> None:
    assert reachable(None) == set(State)


def test_a_row_is_born_pending_and_in_no_other_way() -> None:
    assert [target for source, target in ARROWS if source is None] == [State.PENDING]


def test_no_move_stands_twice_and_none_stands_still() -> None:
    assert len(ARROWS) == len(MOVES)
    assert all(source != target for source, target in ARROWS)


def test_success_is_left_only_by_a_person_s_correction() -> None:
    assert {target for source, target in ARROWS if source is State.SUCCEEDED} == {State.CANCELLED}


@pytest.mark.parametrize("state", sorted(FINAL - {State.SUCCEEDED}))
def test_other_ends_are_left_by_requeue_or_late_evidence(state: State) -> None:
    assert {target for source, target in ARROWS if source == state} == ALLOWED_AFTER_THE_END


def test_only_waiting_rows_are_claimed() -> None:
    assert {source for source, target in ARROWS if target is State.IN_FLIGHT} == WAITING


def test_only_attempts_and_expired_resend_permissions_end_in_doubt() -> None:
    assert {source for source, target in ARROWS if target is State.IN_DOUBT} == {State.IN_FLIGHT, State.RETRYABLE}


def test_doubt_is_never_sent_again_without_an_answer_first() -> None:
    assert (State.IN_DOUBT, State.IN_FLIGHT) not in ARROWS
    assert (State.IN_DOUBT, State.PENDING) not in ARROWS


@pytest.mark.parametrize("state", sorted(set(State) - {State.SUCCEEDED}))
def test_success_can_come_to_every_state(state: State) -> None:
    assert (state, State.SUCCEEDED) in ARROWS


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_every_state_that_is_not_final_has_a_way_out(state: State) -> None:
    assert FINAL & reachable(state)


def test_final_and_waiting_share_nothing() -> None:
    assert not FINAL & WAITING


def test_the_words_of_the_states_stay() -> None:
    words = "pending in_flight retryable in_doubt succeeded failed cancelled expired"
    assert [state.value for state in State] == words.split()
