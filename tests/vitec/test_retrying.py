"""Only what was never written is tried again, soon and briefly."""

from __future__ import annotations

import pytest

from worker.errors import (
    Barred,
    Conflict,
    Refused,
    Revoked,
    ServerError,
    Throttled,
    Unanswered,
    Unreachable,
    VitecError,
)
from worker.kind import Answer
from worker.vitec.client import LONGEST_RETRY_WAIT, retry_unreachable

WELL = Answer(200, b"")


class Tries:
    """Gives these outcomes in turn, and remembers the numbers it was asked by."""

    def __init__(self, *outcomes: Answer | VitecError) -> None:
        self.outcomes = list(outcomes)
        self.numbers: list[int] = []
        self.waits: list[float] = []

    def __call__(self, number: int) -> Answer | VitecError:
        self.numbers.append(number)
        return self.outcomes.pop(0)

    def run(self, remaining: float = 30.0, chance: float = 0.5) -> Answer | VitecError:
        return retry_unreachable(self(1), self, lambda: remaining, sleep=self.waits.append, chance=lambda: chance)


def test_an_answered_request_is_tried_once() -> None:
    tries = Tries(WELL)
    assert tries.run() is WELL
    assert (tries.numbers, tries.waits) == ([1], [])


def test_an_unreachable_vitec_is_tried_three_times() -> None:
    last = Unreachable("third")
    tries = Tries(Unreachable("first"), Unreachable("second"), last)
    assert tries.run() is last
    assert (tries.numbers, tries.waits) == ([1, 2, 3], [0.1, 0.1])


def test_trying_ends_with_the_first_request_that_gets_through() -> None:
    tries = Tries(Unreachable("first"), WELL)
    assert tries.run() is WELL
    assert tries.numbers == [1, 2]


@pytest.mark.parametrize("kind", [Unanswered, ServerError, Conflict, Refused, Barred, Throttled, Revoked])
def test_only_an_unreachable_vitec_is_tried_again(kind: type[VitecError]) -> None:
    error = kind("no")
    tries = Tries(error)
    assert tries.run() is error
    second = kind("no")
    assert Tries(Unreachable("first"), second).run() is second


def test_near_the_deadline_there_is_no_further_try() -> None:
    error = Unreachable("first")
    assert Tries(error).run(remaining=LONGEST_RETRY_WAIT) is error


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_the_wait_is_at_most_200_ms(chance: float) -> None:
    tries = Tries(Unreachable("first"), Unreachable("second"), WELL)
    tries.run(chance=chance)
    assert tries.waits == [0.2 * chance] * 2
    assert all(wait <= 0.2 for wait in tries.waits)
