"""The types that a kind, the client and a turn share: a call, an answer, a look-up's result, and the way out of doubt."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, get_args

Method = Literal["DELETE", "PATCH", "POST", "PUT"]
"""The method of a call that does something."""

METHODS: Final[frozenset[str]] = frozenset(get_args(Method))
LOOK_UP_METHOD: Final = "GET"


class OnDoubt(StrEnum):
    """The way out of doubt, when Vitec may have acted and did not say so."""

    RESEND = "resend"
    """Twice is harmless: simply send again, also where Vitec has accepted it and only the answer is lost.

    Not so where something else on the same thing came in between: `Kind.sequence_key` keeps those in their order.
    """

    LOOK_UP = "look_up"
    """Ask Vitec by read-back first."""

    HOLD = "hold"
    """Only a person can find out."""


@dataclass(frozen=True, slots=True)
class CodeText:
    """The meaning of a code: a sentence that says what happened, and one that says what to do; both in Swedish, too."""

    text: str
    remedy: str
    swedish: str = ""
    swedish_remedy: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to Vitec, without its login. `path` is relative to the base URL, its ids already encoded."""

    method: str
    path: str
    body: bytes | None = field(repr=False)
    customer_id: str
    function_group: str
    request_id: str
    """Goes along as X-Request-Id: `<operation id>.<attempt>`, for reading logs side by side; Vitec ignores it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete 2xx answer: status, body (at most 1 MiB, decoded), and the number of tries it took."""

    status: int
    body: bytes = field(repr=False)
    tries: int = 1


@dataclass(frozen=True, slots=True)
class ParentResult:
    """A result of a parent: the operation of this kind that a row comes after.

    `member` of its answer (`orderUserId`); None: its remote id.
    """

    kind: str
    member: str | None = None


@dataclass(frozen=True, slots=True)
class DatedAnswer:
    """The `Date` of an answer, in whole seconds; it was written in the `seconds` before `ended` (monotonic, s)."""

    date: datetime
    ended: float
    seconds: float


class Presence(StrEnum):
    """Whether a look-up found it."""

    PRESENT = "there"
    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class LookUpResult:
    """The result of one look-up. `remote_id` where the read-back gives it. `why` is a plain sentence, without data."""

    presence: Presence
    why: str
    remote_id: str | None = None
