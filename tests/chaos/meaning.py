"""Says for each of the stand-in's faults how it leaves an operation, as the contract with Vitec has it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from models import HoldReason, State
from worker.sandbox import Fault


class Effect(Enum):
    """May Vitec have acted?"""

    UNREACHED = auto()
    """No: nothing was written. It is tried again."""
    UNHEARD = auto()
    """No: something before Vitec's API answered. It is tried again, and nothing is used up."""
    REFUSED = auto()
    """No: it said so. It has failed."""
    HELD = auto()
    """No: it said not now, or not you. The scope rests, the operation waits, its budget is untouched."""
    UNCLEAR = auto()
    """Perhaps: in doubt."""
    ACCEPTED = auto()
    """Yes, but the answer is lost: in doubt, never sent again."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The effect of a fault, and the error codes it may leave. `holds`: the reason of the hold that must have come."""

    effect: Effect
    codes: tuple[str, ...]
    holds: HoldReason | None = None
    seconds: float | None = None
    """The length to give the fault, where its own would not show its meaning."""


_UNREACHED = Meaning(Effect.UNREACHED, ("unreachable", "revoked"))
_UNANSWERED = Meaning(Effect.UNCLEAR, ("unanswered",))
_THROTTLED = Meaning(Effect.HELD, ("throttled",), HoldReason.THROTTLED)
_SERVER_ERROR = Meaning(Effect.UNCLEAR, ("server_error",))
_REDIRECTED = Meaning(Effect.UNCLEAR, ("redirected",), HoldReason.REDIRECTED)
_UNHEARD = Meaning(Effect.UNHEARD, ("foreign_answer",))
_ACCEPTED = Meaning(Effect.ACCEPTED, ("unreadable_answer",))

MEANINGS: dict[Fault, Meaning] = {
    Fault.REFUSE_CONNECTIONS: _UNREACHED,
    Fault.CONNECT_HANG: _UNREACHED,
    Fault.TLS_FAILURE: _UNREACHED,
    Fault.TLS_HANG: _UNREACHED,
    Fault.RESET_ON_ACCEPT: _UNANSWERED,
    Fault.RESET_BEFORE_READING: _UNANSWERED,
    Fault.CLOSE_BEFORE_READING: _UNANSWERED,
    Fault.RESET_BEFORE_PROCESSING: _UNANSWERED,
    Fault.RESET_AFTER_PROCESSING: _UNANSWERED,
    Fault.CLOSE_AFTER_PROCESSING: _UNANSWERED,
    Fault.HANG_BEFORE_PROCESSING: _UNANSWERED,
    Fault.HANG_AFTER_PROCESSING: _UNANSWERED,
    Fault.ACT_LATE: Meaning(Effect.UNCLEAR, ("unanswered",), seconds=3.5),
    Fault.SLOW_DRIP: Meaning(Effect.UNCLEAR, ("unanswered",), seconds=0.5),
    Fault.CHUNKED_DRIP: Meaning(Effect.ACCEPTED, ("unreadable_answer",), seconds=2.0),
    Fault.TRUNCATED_HEADER: _ACCEPTED,
    Fault.TRUNCATED_BODY: _ACCEPTED,
    Fault.BAD_REQUEST: Meaning(Effect.REFUSED, ("refused",)),
    Fault.UNAUTHORIZED: Meaning(Effect.HELD, ("unauthorized",), HoldReason.UNAUTHORIZED),
    Fault.FORBIDDEN: Meaning(Effect.HELD, ("forbidden",), HoldReason.FORBIDDEN),
    Fault.NOT_FOUND: Meaning(Effect.REFUSED, ("not_found",)),
    Fault.NOT_FOUND_HTML: _UNHEARD,
    Fault.PROXY_LOGIN: _UNHEARD,
    Fault.MAINTENANCE_PAGE: Meaning(Effect.UNCLEAR, ("foreign_answer",)),
    Fault.CONFLICT: Meaning(Effect.UNCLEAR, ("conflict",)),
    Fault.THROTTLED: _THROTTLED,
    Fault.THROTTLED_SECONDS: _THROTTLED,
    Fault.THROTTLED_DATE: _THROTTLED,
    Fault.THROTTLED_GARBAGE: _THROTTLED,
    Fault.THROTTLED_HUGE: _THROTTLED,
    Fault.SERVER_ERROR: _SERVER_ERROR,
    Fault.SERVER_ERROR_AFTER_PROCESSING: _SERVER_ERROR,
    Fault.BAD_GATEWAY_HTML: _SERVER_ERROR,
    Fault.UNAVAILABLE: _SERVER_ERROR,
    Fault.UNAVAILABLE_RETRY_AFTER: _THROTTLED,
    Fault.GATEWAY_TIMEOUT: _SERVER_ERROR,
    Fault.REDIRECT_301: _REDIRECTED,
    Fault.REDIRECT_302: _REDIRECTED,
    Fault.REDIRECT_303: _REDIRECTED,
    Fault.REDIRECT_307: _REDIRECTED,
    Fault.REDIRECT_308: _REDIRECTED,
    Fault.WRONG_JSON_TYPE: _ACCEPTED,
    Fault.MISSING_ID: _ACCEPTED,
    Fault.BROKEN_JSON: _ACCEPTED,
    Fault.EMPTY_BODY: _ACCEPTED,
    Fault.HUGE_BODY: _ACCEPTED,
    Fault.GZIP_BOMB: _ACCEPTED,
    Fault.BROKEN_GZIP: _ACCEPTED,
}

AMBIGUOUS = {fault.value for fault, meaning in MEANINGS.items() if meaning.effect in {Effect.UNCLEAR, Effect.ACCEPTED}}
"""Faults that are a reason for doubt."""

LOOKED_UP = {"comeback", "viewing_registration"}
SENT_AGAIN = {"order_token", "order_status", "viewing_cancellation"}


@dataclass(frozen=True, slots=True)
class Expected:
    """The columns of a row after one attempt under a fault."""

    state: State
    codes: tuple[str, ...]
    written: bool
    counted: bool
    """Whether it used up one of the budget."""
    needs_person: bool = False
    accepted: bool = False


def allowed(fault: Fault, kind: str) -> tuple[Expected, ...]:
    """List the outcomes that an attempt of this kind may have under the fault; the row must show one of them.

    There is only one, except for a connection reset as soon as it is made, which may be noticed before the first byte.
    """
    if fault is Fault.RESET_ON_ACCEPT:
        return expected(fault, kind), expected(Fault.REFUSE_CONNECTIONS, kind)
    return (expected(fault, kind),)


def expected(fault: Fault, kind: str) -> Expected:
    """Give the outcome as the fault's meaning says."""
    meaning = MEANINGS[fault]
    match meaning.effect:
        case Effect.UNREACHED:
            return Expected(State.RETRYABLE, meaning.codes, written=False, counted=False)
        case Effect.REFUSED:
            own = ("not_registered",) if (fault, kind) == (Fault.NOT_FOUND, "viewing_cancellation") else meaning.codes
            return Expected(State.FAILED, own, written=True, counted=False)
        case Effect.HELD | Effect.UNHEARD:
            return Expected(State.RETRYABLE, meaning.codes, written=True, counted=False)
        case Effect.UNCLEAR | Effect.ACCEPTED if kind in SENT_AGAIN:
            # A page in the place of any answer uses up nothing where twice is harmless.
            counted = fault is not Fault.MAINTENANCE_PAGE
            return Expected(State.RETRYABLE, meaning.codes, written=True, counted=counted)
        case Effect.UNCLEAR | Effect.ACCEPTED:
            accepted = meaning.effect is Effect.ACCEPTED
            person = kind not in LOOKED_UP
            return Expected(State.IN_DOUBT, meaning.codes, True, True, needs_person=person, accepted=accepted)
