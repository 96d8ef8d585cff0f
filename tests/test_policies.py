"""The numbers of an office, as the rules mean them."""

import pytest

from models import State
from worker.kind import OnDoubt
from worker.kinds import KIND_BY_NAME
from worker.policies import dead_worker_policy, retry_policy, turn_policy
from worker.settings import Settings


@pytest.mark.parametrize("timeout", [0.5, 30, 600])
def test_the_lease_outlasts_any_timeout(timeout: float) -> None:
    policy = turn_policy(Settings(vitec_timeout=timeout))
    assert policy.lease == timeout + 15
    assert policy.outlast == timeout + 5


def test_every_number_about_holds_reaches_its_own_ladder() -> None:
    ladders = turn_policy(
        Settings(
            hold_barred=1,
            hold_barred_cap=2,
            hold_throttled=3,
            hold_throttled_cap=4,
            hold_unavailable=5,
            hold_unavailable_cap=6,
            breaker_failures=7,
            vitec_in_flight=8,
        )
    ).hold_policy
    pairs = [(ladder.first, ladder.cap) for ladder in (ladders.barred, ladders.throttled, ladders.unavailable)]
    assert (pairs, ladders.breaker_failures) == ([(1, 2), (3, 4), (5, 6)], 7)


def test_the_environments_limit_is_the_settings() -> None:
    assert turn_policy(Settings(vitec_in_flight=8)).in_flight == 8


def test_waiting_follows_the_settings() -> None:
    policy = retry_policy(Settings(backoff_first=1, backoff_cap=2, look_up_quiet=3))
    assert policy.backoff.first == 1
    assert policy.backoff.cap == 2
    assert policy.quiet == 3


def test_only_the_doubling_setting_resends_in_doubt() -> None:
    plain = retry_policy(Settings())
    daring = retry_policy(Settings(resend_in_doubt_may_double=("notification",)))
    assert plain.may_double == frozenset()
    notification = daring.facts(KIND_BY_NAME["notification"], 0, 12)
    assert notification.may_double is True
    assert notification.on_doubt is OnDoubt.HOLD
    assert daring.facts(KIND_BY_NAME["comeback"], 0, 12).may_double is False


def test_a_dead_worker_counts_as_an_unanswered_call() -> None:
    verdict = dead_worker_policy(retry_policy(Settings()))
    held = verdict("notification", 0, 12)
    assert held.state is State.IN_DOUBT
    assert held.code == "worker_died"
    assert held.needs_person is True
    resent = verdict("order_token", 0, 12)
    assert resent.state is State.RETRYABLE
    assert resent.attempt_state is State.IN_DOUBT
    assert resent.failures == 1
    assert verdict("order_token", 11, 12).state is State.FAILED
