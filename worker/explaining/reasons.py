"""Why an operation has not been sent, as values: each is one thing that must fall away, or that is good to know."""

import re
from dataclasses import dataclass
from datetime import datetime

from models import Reason as Because
from models import Scope, State


@dataclass(frozen=True, slots=True)
class NeverStarted:
    """No worker has ever started on this database, so it belongs to no environment yet."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nobody has called for work since `since`; None: ever."""

    since: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """A hold covers its lane. `until` None: until a person ends it."""

    because: Because
    scope: Scope
    customer_id: str
    function_group: str
    kind: str
    since: datetime
    until: datetime | None
    by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class OutsideHours:
    """Its kind is not sent at this time of the day."""

    kind: str
    until: datetime


@dataclass(frozen=True, slots=True)
class WaitsFor:
    """The operation it comes after has not succeeded, for reasons of its own. `id`, `state` None: it is not known."""

    kind: str
    source_id: str
    id: int | None
    state: State | None
    reasons: "tuple[Reason, ...]" = ()


@dataclass(frozen=True, slots=True)
class Circle:
    """It comes, through others perhaps, after itself: nobody can go first."""

    kind: str
    source_id: str


@dataclass(frozen=True, slots=True)
class ParentEnded:
    """The operation it comes after has ended without success."""

    kind: str
    source_id: str
    id: int
    state: State


@dataclass(frozen=True, slots=True)
class TooLate:
    """Its time ran out."""

    since: datetime


@dataclass(frozen=True, slots=True)
class NotBefore:
    """It is not to be sent earlier: the CRM said so, or it was held back for a moment."""

    until: datetime


@dataclass(frozen=True, slots=True)
class AfterFailure:
    """Its latest try surely had no effect, and it waits for the next."""

    failures: int
    max_failures: int
    code: str | None
    until: datetime


@dataclass(frozen=True, slots=True)
class LeaveGrewOld:
    """Two look-ups had found it absent, but so long ago that it is looked up once more at `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class OneGoesFirst:
    """Its scope comes out of a hold, and another operation's answer is awaited before any follows."""

    id: int


@dataclass(frozen=True, slots=True)
class LimitReached:
    """As many requests are in flight as the environment allows."""

    in_flight: int
    limit: int


@dataclass(frozen=True, slots=True)
class PaceUsedUp:
    """The next request may not start before `until`."""

    rate: float
    until: datetime


@dataclass(frozen=True, slots=True)
class NotWoken:
    """Its lane does not know of it yet; housekeeping tells it."""


@dataclass(frozen=True, slots=True)
class LanesBefore:
    """So many lanes of its kind have waited longer for a turn."""

    count: int


@dataclass(frozen=True, slots=True)
class Behind:
    """So many operations of its lane go before it."""

    count: int


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Its request may be on the wire at this moment. `until`: the end of the lease."""

    since: datetime
    attempt: int
    worker: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """It is in flight, but nobody has a turn at its lane: its worker is gone."""

    since: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """Vitec may have acted, and is asked at `until`. `absent`: look-ups, of the two needed, that found it absent."""

    since: datetime | None
    code: str | None
    accepted: bool
    look_ups: int
    absent: int
    found: str | None
    until: datetime


@dataclass(frozen=True, slots=True)
class Alike:
    """Others that a look-up could confuse with it are in flight or in doubt: nothing is concluded meanwhile."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """Only a person can take it on. `found`: what its latest look-up found."""

    id: int
    state: State
    since: datetime | None
    code: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over."""

    state: State
    at: datetime
    code: str | None
    remote_id: str | None


Reason = (
    NeverStarted
    | Silent
    | Held
    | OutsideHours
    | WaitsFor
    | Circle
    | ParentEnded
    | TooLate
    | NotBefore
    | AfterFailure
    | LeaveGrewOld
    | OneGoesFirst
    | LimitReached
    | PaceUsedUp
    | NotWoken
    | LanesBefore
    | Behind
    | UnderWay
    | WorkerGone
    | Doubt
    | Alike
    | NeedsPerson
    | Ended
)
"""What keeps an operation from being sent, or has ended the matter."""


@dataclass(frozen=True, slots=True)
class TurnAtWork:
    """Somebody works on its lane at this moment."""

    worker: str | None
    until: datetime


@dataclass(frozen=True, slots=True)
class Expires:
    """From then on it is too late."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NewContent:
    """The CRM has changed the row, and the new content waits for the verdict on the old."""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """It will be cancelled if nothing has been written to Vitec."""


@dataclass(frozen=True, slots=True)
class Untold:
    """The CRM has not been told how it stands."""


Note = TurnAtWork | Expires | NewContent | CancelAsked | Untold
"""What keeps nothing from being sent, and is good to know all the same."""


def in_words(value: Reason | Note) -> str:
    """The name of a reason or note for programs: `waits_for`."""
    return re.sub("(?<!^)(?=[A-Z])", "_", type(value).__name__).lower()


def until_of(reason: Reason) -> datetime | None:
    """When the reason falls away by itself; None: that is not known."""
    match reason:
        case Held() | OutsideHours() | NotBefore() | AfterFailure() | LeaveGrewOld() | PaceUsedUp() | Doubt():
            return reason.until
        case _:
            return None
