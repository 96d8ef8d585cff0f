"""What an answer's status says about the one question: may Vitec have acted?"""

from collections.abc import Mapping
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

NOT_A_JUDGEMENT = frozenset({408, 425, 499})
"""Said by servers and proxies that gave up on the exchange; not by somebody who looked at the request and refused it."""

UNCLEAR = "it is not known whether Vitec acted"


@dataclass(frozen=True, slots=True)
class UnusableAnswer:
    """A final answer that is no complete 2xx: its status, and what came with it. Headers only if the head was whole."""

    status: int
    headers: Mapping[str, str]
    words: str | None
    flaw: str
    """Why a 2xx among them is not complete."""


def classify(heard: UnusableAnswer, *, throttled_is_certain: bool) -> VitecError:
    """The error that it is."""
    status = heard.status
    if status in {429, 503}:
        return _throttled(heard, certain=throttled_is_certain)
    if 200 <= status < 300:
        return Unreadable(f"{status}, but {heard.flaw}", status=status)
    error, why = _plain(status)
    return error(f"{status}: {why}", status=status, words=heard.words)


def _plain(status: int) -> tuple[type[VitecError], str]:
    match status:
        case 401:
            found: tuple[type[VitecError], str] = Barred, "wrong login, or the function group is missing"
        case 403:
            found = Barred, "no right to this data, or a closed office"
        case 409:
            found = Conflict, "conflict"
        case _ if 300 <= status < 400:
            found = Redirected, "redirected, not followed"
        case _ if 400 <= status < 500 and status not in NOT_A_JUDGEMENT:
            found = Refused, "refused"
        case _:
            found = ServerError, UNCLEAR
    return found


def _throttled(heard: UnusableAnswer, *, certain: bool) -> VitecError:
    status, words = heard.status, heard.words
    asked = _asked(heard.headers)
    if not certain or (status == 503 and not asked):
        return ServerError(f"{status}: {UNCLEAR}", status=status, words=words)
    seconds = asked[0] if asked else None
    return Throttled(f"{status}: not now", retry_after=seconds, status=status, words=words)


def _asked(headers: Mapping[str, str]) -> tuple[float | None] | None:
    """The wait that was asked for, None if none was; a wait of unknown length is one as well."""
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        return (retry_after(value, headers.get("Date")),)
    except GarbageError:
        return None
