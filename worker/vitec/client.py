"""One request to Vitec in; a complete 2xx answer, or exactly one error of the tree, out."""

import os
import re
import time
from pathlib import Path

from requests import PreparedRequest
from urllib3 import HTTPResponse
from urllib3.util.timeout import Timeout

from worker import failpoints
from worker.errors import Barred, Revoked, Unanswered, Unreachable, VitecError
from worker.kind import Answer, Call
from worker.vitec import body
from worker.vitec.adapter import Adapter
from worker.vitec.classify import UnusableAnswer, classify
from worker.vitec.credentials import Credentials, CredentialsError, Login
from worker.vitec.error_text import error_text
from worker.vitec.http_attempt import HttpAttempt, WithdrawnError, bound_to_thread
from worker.vitec.permit import Permit
from worker.vitec.retrying import with_tries
from worker.vitec.watchdog import Watchdog

# Ids come encoded, from an allow-list; this is the second lock on the same door. A segment of dots would collapse.
_PATH = re.compile(r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~%:=+-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~%:=+-]+)*")
_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")
_METHODS = frozenset({"GET", "POST"})


class Client:
    """Vitec Connect at one base URL. Safe to use from many threads; one per process, made after the fork.

    `timeout` bounds a whole request, from name look-up to the last byte of the answer, where the permit's own deadline
    does not come first. `throttled_is_certain`: whether 429, and 503 with Retry-After, mean that Vitec did not act.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        timeout: float = 30.0,
        pool_size: int = 50,
        ca_bundle: Path | None = None,
        throttled_is_certain: bool = True,
    ) -> None:
        self._base = base_url.rstrip("/") + "/"
        self._credentials = credentials
        self._timeout = timeout
        self._throttled_is_certain = throttled_is_certain
        self._adapter = Adapter(self._base, pool_size=pool_size, ca_bundle=ca_bundle)
        self._watchdog = Watchdog()
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
        prepared = self._composed(call)
        if isinstance(prepared, VitecError):
            return prepared
        return with_tries(
            lambda tries: self._try(prepared, HttpAttempt(permit, deadline, call.method), tries),
            lambda: deadline - time.monotonic(),
        )

    def close(self) -> None:
        """Close the pooled connections and end the watchdog. Nothing may be on its way any more."""
        self._watchdog.close()
        self._adapter.close()

    def _composed(self, call: Call) -> PreparedRequest | VitecError:
        if call.method not in _METHODS or not _PATH.fullmatch(call.path) or not _TOKEN.fullmatch(call.request_id):
            return Unreachable("not sent: the call's method, path or request id is not one that may go on the wire")
        try:
            login = self._credentials.for_(call.customer_id, call.function_group)
        except CredentialsError:
            # The same consequence as Vitec's own 401: this customer and function group rest, and a person is told.
            return Barred("not sent: no login is configured for this customer and function group")
        return self._prepared(call, login)

    def _prepared(self, call: Call, login: Login) -> PreparedRequest:
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
        prepared = PreparedRequest()
        prepared.method, prepared.url, prepared.body = call.method, self._base + call.path, call.body
        # Not the dictionary of requests that ignores case, which nobody here needs and which is read four times.
        prepared.headers = headers  # type: ignore[assignment]
        return prepared

    def _try(self, prepared: PreparedRequest, flight: HttpAttempt, tries: int) -> Answer | VitecError:
        answer: Answer | VitecError
        if flight.permit.revoked or flight.remaining() <= 0:
            answer = Revoked("withdrawn before it was tried")
        else:
            self._watchdog.watch(flight)
            try:
                with bound_to_thread(flight):
                    answer = self._exchanged(prepared, flight, tries)
            finally:
                self._watchdog.leave(flight)
        if isinstance(answer, VitecError):
            answer.tries = tries
        return answer

    def _exchanged(self, prepared: PreparedRequest, flight: HttpAttempt, tries: int) -> Answer | VitecError:
        # The watchdog keeps the deadline. The sockets' own timeouts are for the phases where nothing is written yet.
        patience = max(0.001, flight.remaining())
        try:
            stream = self._adapter.send(prepared, stream=True, timeout=Timeout(patience)).raw  # type: ignore[arg-type]
        except WithdrawnError:
            return Revoked("withdrawn before the first byte")
        except Exception as error:  # noqa: BLE001 (the class decides nothing: the flight does)
            return self._without_answer(flight, type(error).__name__)
        try:
            return self._read(stream, flight, tries)
        finally:
            # Read to its end it is back in the pool by now; otherwise the connection is thrown away.
            if not stream.closed:
                stream.close()

    def _read(self, stream: HTTPResponse, flight: HttpAttempt, tries: int) -> Answer | VitecError:
        flaw = None
        try:
            data = body.read(stream, stream.headers.get("Content-Encoding"))
            if failpoints.hook:
                failpoints.hook("after_body")
        except body.NotWholeError as error:
            data, flaw = error.begun, str(error)
        status, flaw = flight.status, _flaw(flight) or flaw
        if status is None:
            return self._without_answer(flight, "cut off in its status line")
        if 200 <= status < 300 and flaw is None:
            return Answer(status, data, tries)
        headers = stream.headers if flight.head else {}
        return self._judged(UnusableAnswer(status, headers, error_text(data), flaw or "it is no 2xx"))

    def _without_answer(self, flight: HttpAttempt, what: str) -> VitecError:
        """What it means that requests raised something: the flight's marks decide, never the exception's class."""
        if flight.status is not None:
            return self._judged(UnusableAnswer(flight.status, {}, None, _flaw(flight) or "its head cannot be read"))
        if flight.cut:
            return Unanswered("no complete answer before the deadline")
        if flight.permit.written:
            return Unanswered(f"the connection ended before a complete answer ({what})")
        if flight.permit.revoked and flight.remaining() > 0:
            return Revoked("withdrawn before the first byte")
        return Unreachable(flight.trouble)

    def _judged(self, heard: UnusableAnswer) -> VitecError:
        return classify(heard, throttled_is_certain=self._throttled_is_certain)


def _flaw(flight: HttpAttempt) -> str | None:
    """Why the answer, whatever it looks like, is not a complete one."""
    if flight.cut:
        return "the answer was still coming at the deadline"
    if not flight.head:
        return "the answer was cut off in its head"
    if not flight.framed:
        return "the answer does not say where its body ends, or ended before that"
    return None
