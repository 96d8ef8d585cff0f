"""The meaning of a look-up's answer, as a table."""

from dataclasses import replace

import pytest

from models import State
from worker.doubt import Doubt, Patience, conclude
from worker.kind import LookUpResult, Presence

FIRST = Doubt(
    State.IN_DOUBT, accepted=False, look_ups=1, absent_before=False, contested=False, claimed_by_another=False
)
SECOND = replace(FIRST, look_ups=2, absent_before=True)
THERE = LookUpResult(Presence.PRESENT, "one is there", "R1")
THERE_WITHOUT_ID = LookUpResult(Presence.PRESENT, "the slot is there")
ABSENT = LookUpResult(Presence.ABSENT, "none is there")
UNCLEAR = LookUpResult(Presence.UNCLEAR, "several are there")


def states(result: LookUpResult, doubt: Doubt, *, counts_as_unclear: bool = True) -> tuple[State, bool, bool]:
    conclusion = conclude(result, doubt, counts_as_unclear=counts_as_unclear, patience=Patience(unclear=3, look_ups=12))
    return conclusion.state, conclusion.absent, conclusion.needs_person


def test_there_is_success_with_its_id() -> None:
    conclusion = conclude(THERE, FIRST, counts_as_unclear=True, patience=Patience())
    assert (conclusion.state, conclusion.remote_id) == (State.SUCCEEDED, "R1")


def test_once_absent_is_not_enough() -> None:
    assert states(ABSENT, FIRST) == (State.IN_DOUBT, True, False)


def test_twice_absent_may_be_sent_again() -> None:
    assert states(ABSENT, SECOND) == (State.RETRYABLE, True, False)


def test_an_accepted_operation_is_never_resent_when_absent() -> None:
    assert states(ABSENT, replace(SECOND, accepted=True)) == (State.IN_DOUBT, False, False)
    assert states(ABSENT, replace(SECOND, accepted=True, look_ups=3)) == (State.IN_DOUBT, False, True)


@pytest.mark.parametrize("result", [THERE, ABSENT, UNCLEAR])
def test_nothing_is_concluded_while_another_like_it_is_under_way(result: LookUpResult) -> None:
    assert states(result, replace(SECOND, contested=True)) == (State.IN_DOUBT, False, False)
    assert states(result, replace(SECOND, contested=True, look_ups=12)) == (State.IN_DOUBT, False, True)


@pytest.mark.parametrize("result", [THERE, THERE_WITHOUT_ID])
def test_a_result_that_another_claims_is_no_evidence(result: LookUpResult) -> None:
    doubt = replace(FIRST, claimed_by_another=True)
    assert states(result, doubt) == (State.IN_DOUBT, False, False)
    assert states(result, replace(doubt, look_ups=3)) == (State.IN_DOUBT, False, True)
    assert states(result, FIRST)[0] is State.SUCCEEDED


def test_an_unclear_answer_breaks_the_row_of_absences() -> None:
    assert states(UNCLEAR, SECOND) == (State.IN_DOUBT, False, False)


def test_after_a_few_unclear_answers_a_person_must_look() -> None:
    assert states(UNCLEAR, replace(FIRST, look_ups=3)) == (State.IN_DOUBT, False, True)


def test_look_ups_that_failed_are_forgiven_longer() -> None:
    assert states(UNCLEAR, replace(FIRST, look_ups=11), counts_as_unclear=False) == (State.IN_DOUBT, False, False)
    assert states(UNCLEAR, replace(FIRST, look_ups=12), counts_as_unclear=False) == (State.IN_DOUBT, False, True)


def test_leave_that_grew_old_is_renewed_only_by_another_absence() -> None:
    old = replace(SECOND, state=State.RETRYABLE, look_ups=3)
    assert states(ABSENT, old)[0] is State.RETRYABLE
    assert states(THERE, old)[0] is State.SUCCEEDED
    assert states(UNCLEAR, old)[0] is State.IN_DOUBT
