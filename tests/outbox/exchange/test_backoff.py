"""How long each reason holds: first so long, doubling each time it comes back, up to its cap."""

import pytest

from models import HoldReason
from worker.outbox.exchange.holds import HoldPolicy

HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [
        (HoldReason.UNAUTHORIZED, [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]),
        (HoldReason.FORBIDDEN, [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]),
        (HoldReason.UNAVAILABLE, [120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0]),
        (HoldReason.THROTTLED, [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, HOUR, HOUR]),
        (HoldReason.REDIRECTED, [HOUR, 2 * HOUR]),
    ],
)
def test_a_hold_doubles_up_to_its_cap(reason: HoldReason, seconds: list[float]) -> None:
    backoff = HoldPolicy().of(reason)
    assert [backoff.seconds(strikes) for strikes in range(1, len(seconds) + 1)] == seconds
    assert backoff.seconds(10_000) == backoff.cap


def test_five_failures_in_a_row_are_one_too_many() -> None:
    assert HoldPolicy().breaker_failures == 5
