"""Wrong answers: well-formed answers with the wrong status, headers or body, one for each fault of that sort."""

import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from types import MappingProxyType
from typing import Final

from worker.sandbox.api.answers import JSON, HttpAnswer, html_answer, login_refused, message_answer
from worker.sandbox.faults.fault import Fault
from worker.sandbox.faults.script import ActiveFault

HUGE: Final = 2 * 1024 * 1024
BOMB: Final = 32 * 1024 * 1024
_RETRY_AFTER: Final = 1.0
_ID: Final = re.compile(rb'(?<=^")\w+|(?<="orderId": ")\w+')
"""The id in an answer: alone, or in a ticket."""

_REDIRECTS: Final[Mapping[Fault, int]] = MappingProxyType(
    {
        Fault.REDIRECT_301: 301,
        Fault.REDIRECT_302: 302,
        Fault.REDIRECT_303: 303,
        Fault.REDIRECT_307: 307,
        Fault.REDIRECT_308: 308,
    }
)
_STATUSES: Final[Mapping[Fault, HttpAnswer]] = MappingProxyType(
    {
        Fault.BAD_REQUEST: message_answer(400, "Begäran är ogiltig."),
        Fault.FORBIDDEN: message_answer(403, "Åtkomst saknas till begärd data."),
        Fault.NOT_FOUND: message_answer(404, "Hittade inget objekt med angivet id."),
        Fault.NOT_FOUND_HTML: html_answer(404, "404 - File or directory not found."),
        Fault.PROXY_LOGIN: html_answer(407, "407 Proxy Authentication Required"),
        Fault.MAINTENANCE_PAGE: html_answer(200, "Underhåll pågår"),
        Fault.CONFLICT: message_answer(409, "Objektet ändras av någon annan."),
        Fault.THROTTLED: message_answer(429, "För många anrop."),
        Fault.THROTTLED_SECONDS: message_answer(429, "För många anrop."),
        Fault.THROTTLED_DATE: message_answer(429, "För många anrop."),
        Fault.THROTTLED_GARBAGE: message_answer(429, "För många anrop."),
        Fault.THROTTLED_HUGE: message_answer(429, "För många anrop."),
        Fault.SERVER_ERROR: message_answer(500, "Ett oväntat fel har inträffat, kontakta Vitec."),
        Fault.SERVER_ERROR_AFTER_PROCESSING: message_answer(500, "Ett oväntat fel har inträffat, kontakta Vitec."),
        Fault.BAD_GATEWAY_HTML: html_answer(502, "502 Bad Gateway"),
        Fault.UNAVAILABLE: html_answer(503, "503 Service Unavailable"),
        Fault.UNAVAILABLE_RETRY_AFTER: html_answer(503, "503 Service Unavailable"),
        Fault.GATEWAY_TIMEOUT: html_answer(504, "504 Gateway Time-out"),
    }
)


def answer_under_fault(active_fault: ActiveFault, honest: HttpAnswer, path: str, current_time: datetime) -> HttpAnswer:
    """Make the answer to give instead of the honest one. Faults on the wire leave it as it is and cut it later."""
    fault = active_fault.fault
    if fault in _STATUSES:
        return replace(_STATUSES[fault], headers=_retry_after(active_fault, current_time))
    if fault in _REDIRECTS:
        # Nothing lies there, so a client that follows shows in the ledger, with method and body.
        return HttpAnswer(_REDIRECTS[fault], headers=(("Location", f"/Elsewhere{path}"),))
    if fault is Fault.UNAUTHORIZED:
        return login_refused(path)
    return _with_body(fault, honest) if fault in _BODIES else honest


def name_another(honest: HttpAnswer) -> HttpAnswer:
    """Make the answer to another call of the kind: with another id, if it has any."""
    return replace(honest, body=_ID.sub(lambda id_: b"OTHER" + id_[0][::-1], honest.body))


def _retry_after(active_fault: ActiveFault, current_time: datetime) -> tuple[tuple[str, str], ...]:
    seconds = active_fault.seconds or _RETRY_AFTER
    match active_fault.fault:
        case Fault.THROTTLED_SECONDS | Fault.UNAVAILABLE_RETRY_AFTER:
            value = str(round(seconds))
        case Fault.THROTTLED_DATE:
            value = format_datetime(current_time + timedelta(seconds=seconds), usegmt=True)
        case Fault.THROTTLED_GARBAGE:
            value = "snart"
        case Fault.THROTTLED_HUGE:
            value = "99999999999999999999"
        case _:
            return ()
    return (("Retry-After", value),)


def _with_body(fault: Fault, honest: HttpAnswer) -> HttpAnswer:
    """Keep the honest status and replace the body; a 204 becomes a 200, since it can have none."""
    status = 200 if honest.status == 204 else honest.status
    packing = (("Content-Encoding", "gzip"),) if fault in {Fault.GZIP_BOMB, Fault.BROKEN_GZIP} else ()
    return HttpAnswer(status, _BODIES[fault](honest.body), JSON, (*honest.headers, *packing))


def _without_id(body: bytes) -> bytes:
    """Give an empty string for a string, a ticket without its order id, and null for an answer that has no id."""
    if body.startswith(b'"'):
        return b'""'
    return b'{"hasExpired": false}' if body.startswith(b"{") else b"null"


@cache
def _bomb() -> bytes:
    return gzip.compress(b'"' + b"A" * BOMB + b'"', mtime=0)


def _badly_packed(body: bytes) -> bytes:
    """Pack with gzip, with a wrong checksum in the last bytes."""
    return gzip.compress(body, mtime=0)[:-8] + b"\xff" * 8


_BODIES: Final[Mapping[Fault, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        Fault.WRONG_JSON_TYPE: lambda _: b"[42]",
        Fault.MISSING_ID: _without_id,
        Fault.BROKEN_JSON: lambda _: b'{"id": "CAL',
        Fault.EMPTY_BODY: lambda _: b"",
        Fault.HUGE_BODY: lambda _: b'"' + b"A" * HUGE + b'"',
        Fault.GZIP_BOMB: lambda _: _bomb(),
        Fault.BROKEN_GZIP: _badly_packed,
    }
)
