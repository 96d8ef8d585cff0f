"""What it means to be a kind: the declaration of one of Vitec's calls, as a validated, frozen payload."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from worker.outcome import Outcome


class OnDoubt(StrEnum):
    """What to do when Vitec may have acted and did not say so."""

    RESEND = "resend"
    """Twice is harmless: simply send again."""

    LOOK_UP = "look_up"
    """Ask Vitec by read-back first."""

    HOLD = "hold"
    """Nobody but a person can find out."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to Vitec, without its login. `path` is relative to the base URL, its ids already encoded."""

    method: str
    path: str
    body: bytes | None
    customer_id: str
    function_group: str
    request_id: str
    """Goes along as X-Request-Id: `<operation id>.<attempt>`, for reading logs side by side; Vitec ignores it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete 2xx answer: status, body (at most 1 MiB, decoded), tries, and the seconds it took."""

    status: int
    body: bytes
    tries: int = 1


class Presence(StrEnum):
    """What a look-up found."""

    THERE = "there"
    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Sighting:
    """The verdict of one look-up. `remote_id` where the read-back tells it. `why` is a plain sentence, without data."""

    presence: Presence
    why: str
    remote_id: str | None = None


class Kind(BaseModel):
    """An operation's payload, and the declaration of the call it belongs to.

    A subclass is one file of `worker/kinds`: class variables, fields, `read` and, with LOOK_UP, `find`.
    An instance is what stands in `operations.payload`, validated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    kind: ClassVar[str]
    path: ClassVar[str]
    """With {field} for the ids: `Meeting/Comeback/{customer_id}/{contact_id}`."""
    read_back: ClassVar[str | None] = None
    """The path of the look-up, likewise."""
    on_doubt: ClassVar[OnDoubt] = OnDoubt.HOLD
    function_group: ClassVar[str]
    expires_after: ClassVar[timedelta | None] = None
    """When it is too late, counted from enqueueing, unless the row says otherwise."""

    customer_id: str

    def body(self) -> dict[str, Any]:
        """The JSON body by Vitec's names; unset keys left out."""
        raise NotImplementedError

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """Judge a complete 2xx answer."""
        raise NotImplementedError

    def match_key(self) -> str | None:
        """What a look-up could confuse with another operation of this kind and customer."""
        return None

    def find(self, answer: Answer, *, sent_at: datetime, known_ids: frozenset[str]) -> Sighting:
        """Judge the read-back's answer: is what was sent at `sent_at` there? `known_ids` belong to others."""
        raise NotImplementedError

    @classmethod
    def headings(cls) -> Mapping[str, str]:
        """Every spelling of every field, folded as a heading is compared, to the field's name."""
        raise NotImplementedError
