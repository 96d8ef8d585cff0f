"""Holds in words: their scope, end and cause, and the remedy with its command. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from models import HoldReason, Scope
from worker.explaining.wording import format_moment, name_scope, write_scope_options

HoldRow = Mapping[str, Any] | RowMapping
"""The columns of a hold, with `holds`: false where it has run out and one operation goes first."""

_TEXTS = {
    HoldReason.UNAUTHORIZED: ("Vitec refuses the login", "401"),
    HoldReason.FORBIDDEN: ("Vitec grants no right", "403"),
    HoldReason.THROTTLED: ("Vitec asked to wait", "429, 503"),
    HoldReason.UNAVAILABLE: ("Vitec is unavailable", "failures in a row"),
    HoldReason.REDIRECTED: ("Vitec's address answers with a redirect", ""),
    HoldReason.FOREIGN_ANSWER: ("what answers is not Vitec's API", ""),
}
"""The meaning of each reason, and the cause where none was noted."""

_AT_ONCE = "It is tried by itself; at once:"
_REMEDIES = {
    HoldReason.PAUSED: "To go on:",
    HoldReason.UNAUTHORIZED: "Correct the login, then:",
    HoldReason.FORBIDDEN: "Ask Vitec for the right, then:",
    HoldReason.THROTTLED: "It goes on by itself. If it comes often, lower VITEC_REQUESTS_PER_SECOND. At once:",
    HoldReason.UNAVAILABLE: f"See that Vitec can be reached at VITEC_BASE_URL, and works. {_AT_ONCE}",
    HoldReason.REDIRECTED: "Correct VITEC_BASE_URL and restart the workers, then:",
    HoldReason.FOREIGN_ANSWER: (
        "Check VITEC_BASE_URL, and what stands between (proxy, portal, an application that is not deployed)."
        f" {_AT_ONCE}"
    ),
}
_CAUSE_REMEDIES = {
    "certificate is not accepted": (
        "Set VITEC_CA_BUNDLE to the certificates that are to be trusted, or correct VITEC_BASE_URL;"
        " restart the workers, then:"
    ),
    "TLS handshake": f"See that TLS is spoken at VITEC_BASE_URL, and by a proxy on the way. {_AT_ONCE}",
    "name of the host": f"Correct VITEC_BASE_URL and restart the workers, or mend the name server. {_AT_ONCE}",
    "no login is configured": "Add the login to the credentials (VITEC_CREDENTIALS_FILE), then:",
}
"""The remedies of causes, by words that these have."""


def describe_reason(hold: HoldRow) -> str:
    """Say why it is held, as part of a sentence: `Vitec refuses the login (401)`. A pause: its note, or nothing."""
    reason = hold["reason"]
    if reason is HoldReason.PAUSED:
        return hold["note"] or ""
    text, usual_cause = _TEXTS[reason]
    cause = hold["cause"] or usual_cause
    return f"{text} ({cause})" if cause else text


def describe_end(hold: HoldRow, at: datetime) -> str:
    """Say when it ends: at a moment, when one operation goes first; or by a person."""
    if hold["until"] is None:
        return "somebody resumes it"
    return f"{format_moment(hold['until'], at)}, when one goes first"


def describe_hold(hold: HoldRow, at: datetime) -> str:
    """Say in a sentence what is held, since when, until when, and why."""
    paused = hold["reason"] is HoldReason.PAUSED
    scope = "Everything" if hold["scope"] is Scope.ENVIRONMENT else f"{name_scope(hold)},"
    by = f" by {hold['by']}" if hold["by"] else ""
    why = describe_reason(hold)
    text = f"{scope} is {'paused' if paused else 'held'} since {format_moment(hold['since'], at)}{by} until"
    return f"{text} {describe_end(hold, at)}{f': {why}' if why else ''}."


def find_advice(hold: HoldRow) -> str:
    """Give the deed that helps; it ends with a colon, and the command of `write_resume` follows."""
    by_cause = (advice for words, advice in _CAUSE_REMEDIES.items() if words in (hold["cause"] or ""))
    return next(by_cause, _REMEDIES[hold["reason"]])


def write_resume(hold: HoldRow) -> str:
    """Write the command that ends a pause, or lets one operation go first now."""
    reason = hold["reason"]
    option = "" if reason is HoldReason.PAUSED else f" --reason {reason.value}"
    return f"vitec-sync resume {write_scope_options(hold)}{option}"
