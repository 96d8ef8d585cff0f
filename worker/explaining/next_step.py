"""The next step of an operation, and its time. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from models import State
from worker.explaining.reasons import Reason
from worker.explaining.wording import format_moment
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.views.explain import OperationFacts

NextAction = Literal["sent", "looked_up", "answered", "settled", "expired", "failed", "decided", "nothing"]
"""`answered`: its answer comes, or its time is up. `settled`: housekeeping settles what its dead worker left.
`failed`: since the operation it comes after has. `decided`: nothing before a person has decided.
"""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step: `at` the earliest, or at the latest for an answer; None: that is not known.

    `is_now`: nothing keeps it from happening at this moment.
    """

    action: NextAction
    text: str
    at: datetime | None = None
    is_now: bool = False


def find_next_step(facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours) -> NextStep:
    """Find the next step of an operation that is kept by `reasons`."""
    codes = {reason.code for reason in reasons}
    match facts.row["state"]:
        case State.PENDING | State.RETRYABLE if "too_late" in codes:
            return NextStep("expired", "Housekeeping ends it as expired.", is_now=True)
        case State.PENDING | State.RETRYABLE if "parent_ended" in codes:
            return NextStep("failed", "Housekeeping ends it as failed (parent_failed).", is_now=True)
        case State.PENDING | State.RETRYABLE if "leave_grew_old" not in codes:
            return _find_sending(facts, reasons, hours)
        case State.IN_FLIGHT if "worker_gone" in codes:
            text = "Housekeeping settles it within a minute: as in doubt, unless twice is harmless."
            return NextStep("settled", text, is_now=True)
        case State.IN_FLIGHT:
            at, until = facts.environment.at, facts.lane["lease_until"]
            text = f"Its answer comes, or is given up, by {format_moment(until, at)}." if until else "Its answer comes."
            return NextStep("answered", text, until)
        case _ if facts.row["needs_person"]:
            return NextStep("decided", "Nothing, before a person has decided.")
        case State.PENDING | State.RETRYABLE | State.IN_DOUBT:
            return _find_look_up(facts, reasons, hours)
        case _:
            return NextStep("nothing", "Nothing: it has ended.")


def _find_sending(facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours) -> NextStep:
    moment, expires_at = facts.environment.at, facts.row["expires_at"]
    at = _find_earliest(facts, reasons, hours, moment)
    if expires_at is not None and at is not None and at >= expires_at:
        text = f"It expires at {format_moment(expires_at, moment)}, before it could be sent."
        return NextStep("expired", text, expires_at)
    if at is None or not reasons:
        return NextStep(
            "sent", f"It is sent: {_describe_time(at, moment, is_now=not reasons)}.", at, is_now=not reasons
        )
    return NextStep("sent", f"It is sent, not before {format_moment(at, moment)}.", at)


def _find_look_up(facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours) -> NextStep:
    """Find the time of a look-up: reasons that keep only the operation itself do not keep Vitec from being asked."""
    moment, due_at = facts.environment.at, facts.row["next_attempt_at"]
    hindrances = tuple(
        reason for reason in reasons if reason.code not in {"doubt", "leave_grew_old", "alike", "preceded"}
    )
    at, is_now = _find_earliest(facts, hindrances, hours, due_at), not hindrances and due_at <= moment
    text = f"Vitec is asked whether it is there: {_describe_time(at, moment, is_now=is_now)}."
    return NextStep("looked_up", text, at, is_now=is_now)


def _find_earliest(
    facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours, due_at: datetime
) -> datetime | None:
    """Find when the last of the reasons has fallen away, and the kind is within its hours; None: that is not known."""
    ends = [reason.until for reason in reasons if reason.until is not None]
    if len(ends) < len(reasons):
        return None
    at = max(facts.environment.at, due_at, *ends)
    window = hours.windows.get(facts.row["kind"])
    return at if window is None else window.opens(at)


def _describe_time(at: datetime | None, moment: datetime, *, is_now: bool) -> str:
    return "now" if is_now else "as soon as that is over" if at is None else format_moment(at, moment)
