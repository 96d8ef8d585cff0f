"""The classification of answers by their status, for the one question: may Vitec have acted?

The class of the error answers it. For the code and the hold `worker.decide` reads its status and its wait as well.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from worker.errors import (
    Barred,
    Conflict,
    Redirected,
    Refused,
    ServerError,
    Throttled,
    Unreadable,
    VitecError,
)
from worker.vitec.retry_after import GarbageError, retry_after

NOT_A_REFUSAL = frozenset({408, 425, 429, 499})
"""Given by servers and proxies that gave up on the request; they did not look at the request and refuse it."""

UNCLEAR = "it is not known whether Vitec acted"


@dataclass(frozen=True, slots=True)
class UnusableAnswer:
    """A final answer that is no complete 2xx: its status, and what came with it. Headers only if the head was whole."""

    status: int
    headers: Mapping[str, str]
    text: str | None
    """Vitec's error text."""
    flaw: str
    """Why a 2xx among them is not complete."""


def classify(answer: UnusableAnswer, *, throttled_is_certain: bool) -> VitecError:
    """Give the error that the answer is.

    `throttled_is_certain`: 429, and 503 with Retry-After, mean that Vitec did not act.
    """
    status = answer.status
    if 200 <= status < 300:
        return Unreadable(f"{status}, but {answer.flaw}", status=status)
    if status in {429, 503} and throttled_is_certain:
        return _classify_throttled(answer)
    error, why = _error_of(status)
    return error(f"{status}: {why}", status=status, text=answer.text)


def _error_of(status: int) -> tuple[type[VitecError], str]:
    if status == 401:
        return Barred, "wrong login, or the function group is missing"
    if status == 403:
        return Barred, "no right to this data, or a closed office"
    if status == 409:
        return Conflict, "conflict"
    if 300 <= status < 400:
        return Redirected, "redirected, not followed"
    if 400 <= status < 500 and status not in NOT_A_REFUSAL:
        return Refused, "refused"
    return ServerError, UNCLEAR


def _classify_throttled(answer: UnusableAnswer) -> VitecError:
    """Tell a 429 or a 503 that asks for a wait (one of unknown length is a wait as well) from a plain 503."""
    status, seconds, asks_for_wait = answer.status, None, False
    if (value := answer.headers.get("Retry-After")) is not None:
        with suppress(GarbageError):
            seconds, asks_for_wait = retry_after(value, answer.headers.get("Date")), True
    if status == 503 and not asks_for_wait:
        return ServerError(f"{status}: {UNCLEAR}", status=status, text=answer.text)
    return Throttled(f"{status}: not now", retry_after=seconds, status=status, text=answer.text)
