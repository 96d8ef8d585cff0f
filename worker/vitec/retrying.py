"""Another try within the same claim, only ever of a request of which nothing was written."""

import random
import time
from collections.abc import Callable
from itertools import chain, count

from tenacity import RetryCallState, Retrying, retry_if_result

from worker.errors import Unreachable, VitecError
from worker.kind import Answer

TRIES = 3
LONGEST_WAIT = 0.2
"""Seconds. Longer waits belong to the row, not to a thread."""

Try = Callable[[int], Answer | VitecError]
"""One try, given its number; what came of it is returned, not raised."""


def with_tries(
    attempt: Try,
    remaining: Callable[[], float],
    *,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> Answer | VitecError:
    """The first try's result, or, as long as that is Unreachable and time remains, that of one of two more."""
    outcome = attempt(1)
    if not isinstance(outcome, Unreachable):
        return outcome

    # What is usual, a first try that comes through, is not made to pay for tenacity; a second one starts from its result.
    outcomes = chain([outcome], (attempt(number) for number in count(2)))
    again = Retrying(
        retry=retry_if_result(lambda result: isinstance(result, Unreachable)),
        stop=lambda state: state.attempt_number >= TRIES or remaining() <= LONGEST_WAIT,
        wait=lambda _: LONGEST_WAIT * chance(),
        sleep=sleep,
        retry_error_callback=_last,
    )
    return again(lambda: next(outcomes))


def _last(state: RetryCallState) -> Answer | VitecError:
    assert state.outcome is not None  # noqa: S101 (tenacity sets it before it asks)
    result: Answer | VitecError = state.outcome.result()
    return result
