"""The classification of answers by their status, for the one question: may Vitec have acted?

The class of the error answers it. For the code and the hold `worker.decide` reads its status and its wait as well.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from worker.errors import (
    Barred,
    Conflict,
    ForeignAnswer,
    ForeignPage,
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

NEVER_THE_API = {
    407: "a proxy asks for a login",
    421: "it came to a server that is not meant",
    431: "its head is too large for a server on the way",
    511: "a network's portal asks for a login",
}
"""Given by what stands between here and Vitec, whatever comes with it: the request went no further."""

_BEFORE_A_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s++|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)

PAGE = "an HTML page, not the API's answer"

NO_2XX = "it is no 2xx"
"""The flaw of an answer that is complete."""

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
    body: bytes = b""
    """As much of its body as came."""


def classify(answer: UnusableAnswer, *, throttled_is_certain: bool) -> VitecError:
    """Give the error that the answer is.

    `throttled_is_certain`: 429, and 503 with Retry-After, mean that Vitec did not act.
    """
    status = answer.status
    if status in NEVER_THE_API:
        return ForeignAnswer(f"{status}: {NEVER_THE_API[status]}", status=status, text=answer.text)
    if 200 <= status < 300:
        if is_page(answer):
            return ForeignPage(f"{status}: {PAGE}", status=status, text=answer.text)
        return Unreadable(f"{status}, but {answer.flaw}", status=status)
    if status in {429, 503} and throttled_is_certain:
        return _classify_throttled(answer)
    error, why = _error_of(status)
    if (error is Refused or status == 403) and (is_page(answer) or _says_html(answer)):
        # Vitec's API refuses in JSON, or without a body.
        error, why = ForeignAnswer, PAGE
    return error(f"{status}: {why}", status=status, text=answer.text)


def is_page(answer: UnusableAnswer) -> bool:
    """Whether the body is a page of HTML by how it begins, after blanks, comments and an XML declaration; or a 2xx by its type.

    With a 2xx the API says nothing in HTML, not even nothing; JSON under a wrong name is still JSON.
    """
    begin = answer.body[_BEFORE_A_PAGE.match(answer.body).end() :][:20].lower()  # type: ignore[union-attr]
    if begin.startswith((b"<!doctype html", b"<html")) or (begin[:1] == b"<" and _is_html(answer)):
        return True
    return 200 <= answer.status < 300 and answer.status != 204 and _says_html(answer)


def _is_html(answer: UnusableAnswer) -> bool:
    return "html" in answer.headers.get("Content-Type", "").lower()


def _says_html(answer: UnusableAnswer) -> bool:
    """Whether the answer calls itself HTML and is not JSON under a wrong name; no body is none of JSON."""
    if not _is_html(answer):
        return False
    try:
        json.loads(answer.body)
    except (ValueError, RecursionError):
        return True
    return False


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
