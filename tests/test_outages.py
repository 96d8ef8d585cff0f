"""Settlements of rows that an outage keeps: nothing is used up, and nothing is sent again blindly."""

from dataclasses import replace

import pytest

from models import State
from tests.test_decide import facts, most
from worker.decide import decide
from worker.kind import OnDoubt
from worker.outcome import Health, InDoubt, Outcome, Retryable

UNREACHED = Retryable("unreachable", counts=False, health=Health.ILL)
PAGE = Retryable("foreign_answer", counts=False, health=Health.FOREIGN)
PAGE_FOR_ANSWER = InDoubt("foreign_answer", health=Health.FOREIGN)


@pytest.mark.parametrize("outcome", [UNREACHED, PAGE, Retryable("revoked", counts=False)])
@pytest.mark.parametrize(("attempt", "delay"), [(0, 30), (1, 30), (2, 60), (6, 960), (7, 1800), (5000, 1800)])
def test_what_an_outage_keeps_waits_longer_and_never_fails(outcome: Outcome, attempt: int, delay: float) -> None:
    settlement = decide(outcome, replace(facts(failures=11), attempt=attempt), most)
    assert (settlement.state, settlement.failures) == (State.RETRYABLE, 0)
    assert settlement.delay == delay


def test_a_page_counts_only_where_others_are_answered_well() -> None:
    singled_out = replace(facts(failures=3, max_failures=5), attempt=400, singled_out=True)
    settlement = decide(PAGE, singled_out, most)
    assert (settlement.state, settlement.failures) == (State.RETRYABLE, 1)
    assert settlement.delay == 240
    last = decide(PAGE, replace(singled_out, failures=4), most)
    assert (last.state, last.code) == (State.FAILED, "exhausted")
    assert last.detail == "5 tries without effect, the last one: foreign_answer"
    unreached = decide(UNREACHED, replace(singled_out, failures=4), most)
    assert (unreached.state, unreached.failures) == (State.RETRYABLE, 0)


def test_a_page_uses_up_nothing_where_twice_is_harmless() -> None:
    settlement = decide(PAGE_FOR_ANSWER, replace(facts(OnDoubt.RESEND, failures=11), attempt=2), most)
    assert (settlement.state, settlement.attempt_state) == (State.RETRYABLE, State.IN_DOUBT)
    assert (settlement.failures, settlement.delay) == (0, 60)


def test_a_page_uses_up_the_risk_of_doubles() -> None:
    settlement = decide(PAGE_FOR_ANSWER, facts(failures=11, may_double=True), most)
    assert (settlement.state, settlement.code) == (State.FAILED, "exhausted")


@pytest.mark.parametrize("on_doubt", [OnDoubt.HOLD, OnDoubt.LOOK_UP])
def test_a_page_in_answers_place_is_a_plain_doubt(on_doubt: OnDoubt) -> None:
    settlement = decide(PAGE_FOR_ANSWER, facts(on_doubt), most)
    assert (settlement.state, settlement.accepted) == (State.IN_DOUBT, False)
    assert settlement.health is Health.FOREIGN
