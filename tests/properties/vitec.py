"""A Vitec with a memory and without a wire: it may act now, later or never, and its answers may be lost.

What it remembers is the truth that the outbox is held against. Time is the test's own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from worker.errors import Barred, Refused, ServerError, Throttled, Unanswered, Unreachable, VitecError
from worker.kind import Answer

STOCKHOLM = ZoneInfo("Europe/Stockholm")


class Fate(StrEnum):
    """What becomes of a request. Where nobody can tell whether Vitec acts, chance says so, and when."""

    ANSWERED = "answered"
    GARBLED = "garbled"
    """Carried out, and answered with 2xx that cannot be read."""
    LOST = "lost"
    BROKEN = "broken"
    """A 500."""
    REFUSED = "refused"
    THROTTLED = "throttled"
    BARRED = "barred"
    UNREACHABLE = "unreachable"


ALWAYS_ACTS = frozenset({Fate.ANSWERED, Fate.GARBLED})
MAY_ACT = frozenset({Fate.LOST, Fate.BROKEN})


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose bytes were written. `acts_at` None: it is never carried out."""

    operation: int
    attempt: int
    kind: str
    payload: Mapping[str, Any]
    fate: Fate
    acts_at: datetime | None

    @property
    def remote_id(self) -> str:
        """What it is called at Vitec, if it is carried out."""
        return f"ID{self.operation}X{self.attempt}"

    def acted(self, now: datetime) -> bool:
        """Whether it has been carried out by now."""
        return self.acts_at is not None and self.acts_at <= now


@dataclass(slots=True)
class Vitec:
    """Everything that was ever written to it."""

    requests: list[Request] = field(default_factory=list)

    def receive(
        self, operation: int, attempt: int, kind: str, payload: Mapping[str, Any], fate: Fate, acts_at: datetime | None
    ) -> Request:
        """Take in the bytes of a request."""
        request = Request(operation, attempt, kind, payload, fate, acts_at)
        self.requests.append(request)
        return request

    def of(self, operation: int) -> list[Request]:
        """All requests of an operation."""
        return [request for request in self.requests if request.operation == operation]

    def times_acted(self, operation: int, now: datetime) -> int:
        """How often the operation has been carried out by now."""
        return sum(request.acted(now) for request in self.of(operation))

    def will_act(self, operation: int) -> bool:
        """Whether it has been, or ever will be."""
        return any(request.acts_at is not None for request in self.of(operation))

    def answer_to_look_up(self, kind: str, payload: Mapping[str, Any], as_of: datetime) -> Answer:
        """What a read-back shows: the truth of an earlier moment."""
        mine = [one for one in self.requests if one.kind == kind and one.acted(as_of) and _alike(one.payload, payload)]
        shown = _comebacks(payload, mine) if kind == "comeback" else _registrations(mine)
        return Answer(200, json.dumps(shown).encode())


def answer(request: Request) -> Answer | VitecError:
    """The answer to a request, or the error that it ends in."""
    match request.fate:
        case Fate.ANSWERED:
            return Answer(200, _success(request))
        case Fate.GARBLED:
            return Answer(200, b'{"half of')
        case Fate.LOST | Fate.BROKEN | Fate.REFUSED | Fate.THROTTLED | Fate.BARRED | Fate.UNREACHABLE:
            return error_of(request.fate)
        case _:
            assert_never(request.fate)


def error_of(fate: Fate) -> VitecError:
    """The error that a fate without an answer ends in."""
    errors: dict[Fate, VitecError] = {
        Fate.LOST: Unanswered("cut"),
        Fate.BROKEN: ServerError("broken", status=500),
        Fate.REFUSED: Refused("no", status=400),
        Fate.THROTTLED: Throttled("slower", retry_after=60, status=429),
        Fate.BARRED: Barred("no", status=401),
        Fate.UNREACHABLE: Unreachable("no route"),
    }
    return errors[fate]


def _success(request: Request) -> bytes:
    if request.kind == "viewing_registration":
        return b""
    if request.kind == "order_token":
        return json.dumps({"orderId": request.remote_id, "hasExpired": False}).encode()
    return json.dumps(request.remote_id).encode()


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("customer_id", "contact_id", "viewing_id") if key in other)


def _comebacks(payload: Mapping[str, Any], made: list[Request]) -> dict[str, Any]:
    meetings = [
        {"id": one.remote_id, "createdAt": _naive(one.acts_at), "meetingDate": one.payload["date"][:19]} for one in made
    ]
    return {"contactId": payload["contact_id"], "meetings": meetings}


def _registrations(made: list[Request]) -> list[dict[str, Any]]:
    return [{key: one.payload[_OURS[key]] for key in _OURS} for one in made]


_OURS = {"timeSlotId": "time_slot_id", "contactId": "contact_id", "viewingId": "viewing_id"}


def _naive(moment: datetime | None) -> str:
    assert moment is not None
    return (moment.astimezone(STOCKHOLM) + timedelta(0)).replace(tzinfo=None).isoformat()
