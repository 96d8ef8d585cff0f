"""One request to Vitec in; a complete 2xx answer, or exactly one error of the tree, out."""

import os
import random
import re
import time
from collections.abc import Callable
from http.client import HTTPException
from itertools import chain, count
from pathlib import Path
from typing import Any, Protocol

from requests import PreparedRequest
from tenacity import RetryCallState, Retrying, retry_if_result
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.util.timeout import Timeout

from worker import failpoints
from worker.errors import Barred, Revoked, Unanswered, Unreachable, Unsendable, VitecError
from worker.kind import Answer, Call
from worker.kind.contract import LOOK_UP_METHOD, METHODS
from worker.vitec.classify import NO_2XX, UnusableAnswer, classify, is_page
from worker.vitec.connection import Adapter
from worker.vitec.credentials import CredentialsError, Login
from worker.vitec.error_text import error_text
from worker.vitec.http_attempt import HttpAttempt, Permit, Watchdog, WithdrawnError
from worker.vitec.observed import trace_of_unusable
from worker.vitec.response import BodyError, read_body
from worker.vitec.vitec_clock import VitecClock

# Kinds encode their ids by an allow-list; the whole path is checked once more. A segment of dots would collapse.
_PATH = re.compile(r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~%:=+-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~%:=+-]+)*")
_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")
_METHODS = METHODS | {LOOK_UP_METHOD}

_JSON_BEGINS = frozenset(b'"{[tfn-0123456789')
"""The first bytes of JSON: a 2xx that begins so is no page of HTML, and no more of it is looked at."""

READ_LONGER = 1.0
"""Seconds that a read may last beyond the deadline, at which the watchdog ends it."""

TRIES = 3
LONGEST_RETRY_WAIT = 0.2
"""Seconds between two tries. Longer waits belong to the row, not to a thread."""


class Logins(Protocol):
    """The logins, as the client asks for them."""

    def login_for(self, customer_id: str, function_group: str) -> Login:
        """Give the login for that customer's calls of that group; raise CredentialsError if there is none at all."""
        ...

    def name_login(self, customer_id: str, function_group: str) -> str | None:
        """Name the login for that customer's calls of that group; None: there is none."""
        ...

    def note_refusal(self) -> None:
        """Hear that Vitec has refused one of them."""
        ...


class Client:
    """Vitec Connect at one base URL. Safe to use from many threads; one per process, made after the fork.

    `timeout` bounds a whole request, from name look-up to the last byte of the answer, where the permit's own deadline
    does not come first. `throttled_is_certain`: whether 429, and 503 with Retry-After, mean that Vitec did not act.
    """

    def __init__(
        self,
        base_url: str,
        logins: Logins,
        *,
        timeout: float = 30.0,
        pool_size: int = 50,
        ca_bundle: Path | None = None,
        throttled_is_certain: bool = True,
    ) -> None:
        self._base = base_url.rstrip("/") + "/"
        self._logins = logins
        self._timeout = timeout
        self._throttled_is_certain = throttled_is_certain
        self._adapter = Adapter(self._base, pool_size=pool_size, ca_bundle=ca_bundle)
        self._watchdog = Watchdog()
        self.clock = VitecClock()
        self._pid = os.getpid()

    def send(self, call: Call, permit: Permit) -> Answer | VitecError:
        """Give a complete 2xx answer, or exactly one VitecError, which holds nothing of what was sent.

        Sent once; tried up to three times, but only as long as nothing was written. A permit is good for one call.
        The error is returned, never raised: an exception raised while another is handled carries that one along, and
        with it the request, its body and its login.
        """
        if os.getpid() != self._pid:
            raise RuntimeError("a Client must be made after the fork")
        deadline = min(permit.deadline, time.monotonic() + self._timeout)
        request = self._prepare(call)
        if isinstance(request, VitecError):
            return request
        result = self._try(request, HttpAttempt(permit, deadline, call.method, call.request_id), 1)
        if not isinstance(result, Unreachable):
            return result
        return retry_unreachable(
            result,
            lambda number: self._try(request, HttpAttempt(permit, deadline, call.method, call.request_id), number),
            lambda: deadline - time.monotonic(),
        )

    def name_login(self, customer_id: str, function_group: str) -> str | None:
        """Name the login with which that customer's calls of that group are sent; None: there is none. No secret."""
        return self._logins.name_login(customer_id, function_group)

    def look_again(self, patience: float = 0.0) -> list[str]:
        """Name the requests that were answered, but perhaps by another's answer: more came on their connections than was due.

        `patience`: seconds for which more is waited for, where a surplus has been seen.
        """
        return self._adapter.kept.look_again(patience)

    def close(self) -> None:
        """Close the pooled connections and end the watchdog. Nothing may be on its way any more."""
        self._watchdog.close()
        self._adapter.close()

    def _prepare(self, call: Call) -> PreparedRequest | VitecError:
        if call.method not in _METHODS or not _PATH.fullmatch(call.path) or not _TOKEN.fullmatch(call.request_id):
            return Unsendable("not sent: the call's method, path or request id is not one that may go on the wire")
        try:
            login = self._logins.login_for(call.customer_id, call.function_group)
        except CredentialsError:
            # The same consequence as Vitec's own 401: this customer and function group rest, and a person is told.
            return Barred("not sent: no login is configured for this customer and function group")
        headers: dict[str, str] = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": login.authorization,
            "User-Agent": "vitec-sync",
            "X-Request-Id": call.request_id,
        }
        if call.body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            headers["Content-Length"] = str(len(call.body))
        request = PreparedRequest()
        request.method, request.url, request.body = call.method, self._base + call.path, call.body
        # Not the dictionary of requests that ignores case, which is not needed here and is read four times.
        request.headers = headers  # type: ignore[assignment]
        return request

    def _try(self, request: PreparedRequest, attempt: HttpAttempt, number: int) -> Answer | VitecError:
        if attempt.permit.revoked or attempt.remaining() <= 0:
            return Revoked("withdrawn before it was tried", tries=number)
        result: Answer | VitecError
        # The watchdog keeps the deadline. The sockets' own timeouts are for the phases where nothing is written yet.
        # While the answer is read it must come first: a read that times out drops what has come so far.
        remaining = max(0.001, attempt.remaining())
        timeout: Any = Timeout(connect=remaining, read=remaining + READ_LONGER)
        with self._watchdog.watch(attempt):
            try:
                stream = self._adapter.send(request, stream=True, timeout=timeout).raw
            except WithdrawnError:
                result = self._error_without_answer(attempt, "withdrawn")
            except Exception as error:  # noqa: BLE001 (the class decides nothing: the attempt's marks do)
                result = self._error_without_answer(attempt, type(error).__name__, ours=not _is_of_network(error))
            else:
                if (answered := time.monotonic()) >= self.clock.due and attempt.head_complete:
                    self.clock.see(stream.headers.get("Date"), attempt.deadline - remaining, answered)
                try:
                    result = self._read_answer(stream, attempt, number)
                finally:
                    # Read to its end it is back in the pool by now; otherwise the connection is thrown away.
                    if not stream.closed:
                        stream.close()
        if isinstance(result, VitecError):
            result.tries = number
            if result.status == 401:
                self._logins.note_refusal()
        return result

    def _read_answer(self, stream: HTTPResponse, attempt: HttpAttempt, number: int) -> Answer | VitecError:
        flaw = None
        try:
            body = read_body(stream, stream.headers.get("Content-Encoding"))
            if failpoints.hook:
                failpoints.hook("after_body")
        except BodyError as error:
            body, flaw = error.begun, str(error)
        status = attempt.status
        if status is None:
            return self._error_without_answer(attempt, "cut off in its status line")
        complete = 200 <= status < 300 and attempt.framed and not attempt.cut and flaw is None
        if complete and (status == 204 or (body and body[0] in _JSON_BEGINS)):
            return Answer(status, body, number)
        headers = stream.headers if attempt.head_complete else {}
        flaw = _flaw_of(attempt) or flaw or NO_2XX
        unusable = UnusableAnswer(status, headers, error_text(body), flaw, body)
        return Answer(status, body, number) if complete and not is_page(unusable) else self._classify(unusable)

    def _error_without_answer(self, attempt: HttpAttempt, reason: str, *, ours: bool = False) -> VitecError:
        """Give the error of a request that raised something: the attempt's marks decide, never the exception's class.

        `ours`: it is no trouble of the network. So it is our own fault if nothing was written, and no outage.
        """
        if attempt.status is not None:
            flaw = _flaw_of(attempt) or "its head cannot be read"
            return self._classify(UnusableAnswer(attempt.status, {}, None, flaw))
        if attempt.cut:
            return Unanswered("no complete answer before the deadline")
        if attempt.permit.written:
            return Unanswered(f"the connection ended before a complete answer ({reason})")
        if attempt.remaining() > 0 and attempt.permit.revoked:
            return Revoked("withdrawn before the first byte")
        if ours:
            return Unsendable(f"not sent: it could not be composed ({reason})")
        # Also where the connection was there only when the deadline had passed: slow again, it would be withdrawn for ever.
        return Unreachable(attempt.connect_error)

    def _classify(self, answer: UnusableAnswer) -> VitecError:
        error = classify(answer, throttled_is_certain=self._throttled_is_certain)
        error.answer_text, error.answer_shape = trace_of_unusable(answer)
        return error


def _is_of_network(error: Exception) -> bool:
    return isinstance(error, OSError | HTTPError | HTTPException)


def _flaw_of(attempt: HttpAttempt) -> str | None:
    """Say why the answer, in spite of its status, is not a complete one. None: it is complete."""
    if attempt.cut:
        return "the answer was still coming at the deadline"
    if not attempt.head_complete:
        return "the answer was cut off in its head"
    if not attempt.framed:
        return "the answer does not say where its body ends, or ended before that"
    return None


def retry_unreachable(
    first: Answer | VitecError,
    attempt: Callable[[int], Answer | VitecError],
    remaining: Callable[[], float],
    *,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> Answer | VitecError:
    """Give the first try's result, or, as long as that is Unreachable and time remains, that of one of two more.

    All within the same claim. `attempt` gets the number of the try, from 2; `remaining` gives seconds.
    """
    results = chain([first], map(attempt, count(2)))
    retrying = Retrying(
        retry=retry_if_result(lambda result: isinstance(result, Unreachable)),
        stop=lambda state: state.attempt_number >= TRIES or remaining() <= LONGEST_RETRY_WAIT,
        wait=lambda _: LONGEST_RETRY_WAIT * chance(),
        sleep=sleep,
        retry_error_callback=_last_result,
    )
    return retrying(lambda: next(results))


def _last_result(state: RetryCallState) -> Answer | VitecError:
    assert state.outcome is not None  # noqa: S101 (tenacity sets it before it asks)
    result: Answer | VitecError = state.outcome.result()
    return result
