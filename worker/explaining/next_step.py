"""What becomes of an operation next, and when. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models import State
from worker.explaining.reasons import (
    Alike,
    Doubt,
    LeaveGrewOld,
    ParentEnded,
    Reason,
    TooLate,
    WorkerGone,
    until_of,
)
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.views.explain import OperationFacts


class Deed(StrEnum):
    """What happens next."""

    SENT = "sent"
    LOOKED_UP = "looked_up"
    ANSWERED = "answered"
    """Its answer comes, or its time is up."""

    SETTLED = "settled"
    """Housekeeping settles what its dead worker left."""

    EXPIRED = "expired"
    FAILED = "failed"
    """Since the operation it comes after has."""

    DECIDED = "decided"
    """Nothing before a person has decided."""

    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Coming:
    """What happens next: `at` the earliest, or at the latest for an answer; None: nobody knows when.

    `now`: nothing keeps it from happening at this moment.
    """

    deed: Deed
    at: datetime | None = None
    now: bool = False


def coming(facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours) -> Coming:
    """Say what happens next to an operation that is kept by `reasons`."""
    match facts.row["state"]:
        case State.PENDING | State.RETRYABLE:
            return _of_waiting(facts, reasons, hours)
        case State.IN_FLIGHT if any(isinstance(one, WorkerGone) for one in reasons):
            return Coming(Deed.SETTLED, now=True)
        case State.IN_FLIGHT:
            return Coming(Deed.ANSWERED, facts.lane["lease_until"])
        case State.IN_DOUBT if not facts.row["needs_person"]:
            return _look_up(facts, reasons, hours)
        case _:
            return Coming(Deed.DECIDED if facts.row["needs_person"] else Deed.NOTHING)


def _of_waiting(facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours) -> Coming:
    for reason in reasons:
        match reason:
            case TooLate():
                return Coming(Deed.EXPIRED, now=True)
            case ParentEnded():
                return Coming(Deed.FAILED, now=True)
            case LeaveGrewOld():
                return _look_up(facts, reasons, hours)
            case _:
                pass
    at = _earliest(facts, reasons, hours)
    late = facts.row["expires_at"]
    if late is not None and at is not None and at >= late:
        return Coming(Deed.EXPIRED, late)
    return Coming(Deed.SENT, at, now=not reasons)


def _look_up(facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours) -> Coming:
    """To ask Vitec, it does not matter what keeps the operation itself."""
    its_own = Doubt | LeaveGrewOld | Alike
    others = tuple(one for one in reasons if not isinstance(one, its_own))
    return Coming(
        Deed.LOOKED_UP,
        _earliest(facts, others, hours, facts.row["next_attempt_at"]),
        now=not others and facts.row["next_attempt_at"] <= facts.house.at,
    )


def _earliest(
    facts: OperationFacts, reasons: tuple[Reason, ...], hours: SendingHours, since: datetime | None = None
) -> datetime | None:
    """When the last of the reasons has fallen away, and the kind is within its hours; None: nobody knows."""
    ends = [until_of(reason) for reason in reasons]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return None
    at = max(facts.house.at, *known, since or facts.house.at)
    window = hours.windows.get(facts.row["kind"])
    return at if window is None else window.opens(at)
