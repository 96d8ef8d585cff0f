"""How an attempt ended: exactly one of four values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from models import HoldReason, Scope


class Health(StrEnum):
    """The health of the environment as a whole, as far as an outcome shows it."""

    WELL = "well"
    """It answered as it should: the circuit breaker's count starts anew."""

    ILL = "ill"
    """It did not: one more towards the breaker."""

    FOREIGN = "foreign"
    """It was not the API that answered: ill, and counted for the lane as well, should only some calls be answered so."""

    UNKNOWN = "unknown"
    """The outcome shows nothing of it: a wrong password is no outage."""


ILL = frozenset({Health.ILL, Health.FOREIGN})
"""The healths that count towards the circuit breaker."""


@dataclass(frozen=True, slots=True)
class HoldWanted:
    """A scope that should rest. `seconds` None: as long as the ladder of its reason says (doubling each time)."""

    scope: Scope
    reason: HoldReason
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Vitec acted, and said so completely. `remote_id` where the call gives one; `answer` goes back to the CRM.

    `documented`: the answer is as its page says, so that nothing more of it need be kept (`worker.vitec.observed`).
    """

    remote_id: str | None = None
    answer: Any | None = None
    documented: bool = True


@dataclass(frozen=True, slots=True)
class Retryable:
    """Vitec surely did not act: it may be sent again. `counts`: whether it uses up the budget.

    An answer of foreign health uses it up where others of the lane are answered well (`DecisionFacts.singled_out`).
    `cause`: as of a doubt.
    """

    code: str
    detail: str | None = None
    counts: bool = True
    hold: HoldWanted | None = None
    health: Health = Health.UNKNOWN
    cause: str | None = None
    documented: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Vitec may have acted. `accepted`: it surely did (2xx), only the answer is lost. Then it is sent again only where twice is harmless."""

    code: str
    detail: str | None = None
    accepted: bool = False
    hold: HoldWanted | None = None
    health: Health = Health.UNKNOWN
    cause: str | None = None
    """The failure in our own words, should it set a hold. Without data, so that it may be shown anywhere."""
    documented: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Vitec refused: sending the same again would be refused again. `answer`: its words, where they are data.

    `documented`: it is a no in the form of a yes, as its page describes it.
    """

    code: str
    detail: str | None = None
    answer: Any | None = None
    documented: bool = False


Outcome = Succeeded | Retryable | InDoubt | Failed
