"""Settlements of a row: every outcome under every declaration, and every leaf of the error tree."""

from typing import Any

import pytest

from models import HoldReason, Scope, State
from worker.backoff import Backoff, full_jitter
from worker.decide import (
    FALLBACK_DELAY,
    SOON,
    DecisionFacts,
    RetryPolicy,
    decide,
    fallback_settlement,
)
from worker.kind import OnDoubt
from worker.kind.answers import accepted_in_doubt
from worker.kinds import KIND_BY_NAME, KINDS
from worker.outcome import Failed, Health, HoldWanted, InDoubt, Retryable, Succeeded

HOLD = HoldWanted(Scope.GROUP, HoldReason.FORBIDDEN)


def most(seconds: float) -> float:
    """The jitter that takes all."""
    return seconds


def facts(
    on_doubt: OnDoubt = OnDoubt.HOLD, failures: int = 0, max_failures: int = 12, *, may_double: bool = False
) -> DecisionFacts:
    return DecisionFacts(on_doubt, failures, max_failures, Backoff(30, 21_600), may_double=may_double)


@pytest.mark.parametrize("on_doubt", list(OnDoubt))
def test_a_success_is_a_success(on_doubt: OnDoubt) -> None:
    settlement = decide(Succeeded("R1", {"a": 1}), facts(on_doubt), most)
    assert (settlement.state, settlement.attempt_state) == (State.SUCCEEDED, State.SUCCEEDED)
    assert settlement.remote_id == "R1"
    assert settlement.answer == {"a": 1}
    assert settlement.health is Health.WELL
    assert settlement.failures == 0
    assert settlement.code is None
    assert settlement.needs_person is False


@pytest.mark.parametrize("on_doubt", list(OnDoubt))
def test_a_refusal_is_final_whatever_the_budget(on_doubt: OnDoubt) -> None:
    settlement = decide(Failed("refused", "Nej", {"x": 1}), facts(on_doubt), most)
    assert settlement.state is State.FAILED
    assert settlement.attempt_state is State.FAILED
    assert settlement.code == "refused"
    assert settlement.detail == "Nej"
    assert settlement.answer == {"x": 1}
    assert settlement.health is Health.WELL


@pytest.mark.parametrize("on_doubt", list(OnDoubt))
@pytest.mark.parametrize(("failures", "delay"), [(0, 30), (1, 60), (4, 480), (10, 21_600)])
def test_attempts_without_effect_are_retried_later_and_later(on_doubt: OnDoubt, failures: int, delay: float) -> None:
    settlement = decide(Retryable("unreachable", hold=HOLD, health=Health.ILL), facts(on_doubt, failures), most)
    assert (settlement.state, settlement.attempt_state) == (State.RETRYABLE, State.RETRYABLE)
    assert (settlement.delay, settlement.failures) == (delay, 1)
    assert (settlement.hold, settlement.health) == (HOLD, Health.ILL)


@pytest.mark.parametrize("failures", [0, 11, 500])
def test_uncounted_failures_never_exhaust_the_budget(failures: int) -> None:
    settlement = decide(Retryable("unauthorized", counts=False, hold=HOLD), facts(failures=failures), most)
    assert settlement.state is State.RETRYABLE
    assert settlement.failures == 0
    assert settlement.delay == SOON
    assert settlement.hold == HOLD


def test_the_last_try_of_the_budget_fails_and_says_why() -> None:
    assert decide(Retryable("unreachable"), facts(failures=10), most).state is State.RETRYABLE
    settlement = decide(Retryable("unreachable", health=Health.ILL), facts(failures=11), most)
    assert settlement.state is State.FAILED
    assert settlement.attempt_state is State.RETRYABLE
    assert settlement.code == "exhausted"
    assert settlement.detail == "12 tries without effect, the last one: unreachable"
    assert (settlement.failures, settlement.health) == (1, Health.ILL)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("failures", [0, 11, 500])
@pytest.mark.parametrize("on_doubt", [OnDoubt.HOLD, OnDoubt.LOOK_UP])
def test_a_doubt_stays_one_however_often_it_was_tried(on_doubt: OnDoubt, failures: int, accepted: bool) -> None:
    outcome = InDoubt("unanswered", "cut", accepted=accepted, hold=HOLD, health=Health.ILL)
    settlement = decide(outcome, facts(on_doubt, failures), most)
    assert (settlement.state, settlement.attempt_state) == (State.IN_DOUBT, State.IN_DOUBT)
    assert (settlement.failures, settlement.accepted) == (1, accepted)
    assert settlement.hold == HOLD
    assert settlement.health is Health.ILL
    assert settlement.code == "unanswered"
    assert settlement.needs_person is (on_doubt is OnDoubt.HOLD)


def test_a_look_up_waits_for_the_quiet_time() -> None:
    assert decide(InDoubt("unanswered"), facts(OnDoubt.LOOK_UP), most).delay == facts().quiet
    assert decide(InDoubt("unanswered"), facts(OnDoubt.HOLD), most).delay == 0


def test_a_doubt_of_a_repeatable_kind_is_resent_within_budget() -> None:
    settlement = decide(InDoubt("unanswered", hold=HOLD, health=Health.ILL), facts(OnDoubt.RESEND), most)
    assert (settlement.state, settlement.attempt_state) == (State.RETRYABLE, State.IN_DOUBT)
    assert settlement.failures == 1
    assert settlement.delay == 30
    assert settlement.hold == HOLD
    last = decide(InDoubt("unanswered"), facts(OnDoubt.RESEND, failures=11), most)
    assert (last.state, last.code) == (State.FAILED, "exhausted")
    assert last.detail == "12 tries without effect or in doubt, the last one: unanswered"
    # An earlier try may have been in doubt.
    unreachable = decide(Retryable("unreachable"), facts(OnDoubt.RESEND, failures=11), most)
    assert unreachable.detail == "12 tries without effect or in doubt, the last one: unreachable"


def test_an_acceptance_is_resent_where_twice_is_harmless() -> None:
    settlement = decide(accepted_in_doubt("cut"), facts(OnDoubt.RESEND), most)
    assert (settlement.state, settlement.attempt_state) == (State.RETRYABLE, State.IN_DOUBT)


@pytest.mark.parametrize("on_doubt", [OnDoubt.HOLD, OnDoubt.LOOK_UP])
def test_the_doubling_setting_resends_a_doubt_within_budget(on_doubt: OnDoubt) -> None:
    settlement = decide(InDoubt("unanswered"), facts(on_doubt, may_double=True), most)
    assert (settlement.state, settlement.attempt_state) == (State.RETRYABLE, State.IN_DOUBT)
    last = decide(InDoubt("unanswered"), facts(on_doubt, failures=11, may_double=True), most)
    assert (last.state, last.code) == (State.FAILED, "exhausted")
    assert last.detail == "12 tries without effect or in doubt, the last one: unanswered"


@pytest.mark.parametrize("failures", [0, 11, 500])
@pytest.mark.parametrize("on_doubt", [OnDoubt.HOLD, OnDoubt.LOOK_UP])
def test_the_doubling_setting_never_resends_an_acceptance(on_doubt: OnDoubt, failures: int) -> None:
    settlement = decide(accepted_in_doubt("cut"), facts(on_doubt, failures, may_double=True), most)
    assert settlement == decide(accepted_in_doubt("cut"), facts(on_doubt, failures), most)
    assert settlement.state is State.IN_DOUBT
    assert settlement.accepted is True
    assert settlement.failures == 1


@pytest.mark.parametrize("failures", [1, 7, 60, 10**6])
def test_the_backoff_never_passes_its_cap_and_jitter_only_shortens(failures: int) -> None:
    backoff = Backoff(30, 21_600)
    assert 0 <= full_jitter(backoff.seconds(failures)) <= backoff.seconds(failures) <= 21_600


def test_a_kind_sets_backoff_and_the_office_its_doubt() -> None:
    policy = RetryPolicy(Backoff(30, 100), on_doubt={"comeback": OnDoubt.HOLD})
    facts = policy.facts(KIND_BY_NAME["order_token"], 1, 2)
    assert facts == DecisionFacts(OnDoubt.RESEND, 1, 2, Backoff(2, 100), ids_are_unique=False)
    assert policy.facts(KIND_BY_NAME["comeback"], 0, 12).on_doubt is OnDoubt.HOLD
    resent = {kind.kind for kind in KINDS if policy.facts(kind, 0, 1).on_doubt is OnDoubt.RESEND}
    assert resent == {"order_token", "order_status", "viewing_cancellation"}


def test_without_rules_a_possible_effect_waits_for_a_person() -> None:
    for written in (True, False):
        accepted_success = fallback_settlement(Succeeded("R1", {"a": 1}), "RuntimeError", written=written, last=True)
        assert accepted_success.state is State.IN_DOUBT
        assert accepted_success.attempt_state is State.IN_DOUBT
        assert accepted_success.needs_person is True
        assert accepted_success.accepted is True
        assert accepted_success.remote_id == "R1"
        assert accepted_success.answer == {"a": 1}
        assert accepted_success.health is Health.WELL
        assert (accepted_success.code, accepted_success.detail) == ("unforeseen", "RuntimeError")
        doubt = fallback_settlement(
            InDoubt("x", accepted=True, hold=HOLD, health=Health.ILL), "E", written=written, last=True
        )
        assert doubt.state is State.IN_DOUBT
        assert doubt.accepted is True
        assert doubt.hold == HOLD
        assert doubt.health is Health.ILL
    refused = fallback_settlement(Failed("refused", answer={"x": 1}), "E", written=True, last=False)
    assert refused.state is State.IN_DOUBT
    assert refused.accepted is False
    assert refused.needs_person is True
    assert (refused.detail, refused.answer) == ("E; the outcome was refused", {"x": 1})
    throttled = fallback_settlement(Retryable("throttled", counts=False, hold=HOLD), "E", written=True, last=False)
    assert throttled.state is State.IN_DOUBT
    assert throttled.needs_person is True
    assert throttled.hold == HOLD


def test_without_rules_unsent_rows_are_retried_within_budget() -> None:
    outcome = Retryable("unreachable", hold=HOLD, health=Health.ILL)
    again = fallback_settlement(outcome, "E", written=False, last=False)
    assert again.state is State.RETRYABLE
    assert again.delay == FALLBACK_DELAY
    assert again.failures == 1
    assert again.hold == HOLD
    assert again.health is Health.ILL
    assert again.needs_person is False
    last = fallback_settlement(outcome, "E", written=False, last=True)
    assert last.state is State.FAILED
    assert last.attempt_state is State.RETRYABLE
    assert last.failures == 1
    assert last.hold == HOLD
    costless = fallback_settlement(Retryable("unauthorized", counts=False), "E", written=False, last=True)
    assert (costless.state, costless.failures) == (State.RETRYABLE, 0)


def test_without_rules_no_outcome_raises() -> None:
    """It would take along the answers of the other rows of its turn."""
    nothing: Any = None
    lost = fallback_settlement(nothing, "AssertionError", written=True, last=False)
    assert lost.state is State.IN_DOUBT
    assert lost.needs_person is True
    assert lost.code == "unforeseen"
