"""A Vitec with a memory and without a wire: it may act now, later or never, and its answers may be lost.

Its memory is the truth that the outbox is held against. Time is the test's own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from worker.errors import Barred, Refused, ServerError, Throttled, Unanswered, Unreachable, VitecError
from worker.kind import Answer
from worker.kinds import KIND_BY_NAME

STOCKHOLM = ZoneInfo("Europe/Stockholm")


class Fate(StrEnum):
    """The fate of a request. Where an error leaves open whether Vitec acts, chance says so, and when."""

    ANSWERED = "answered"
    GARBLED = "garbled"
    """Carried out, and answered with 2xx in another shape than its page says; the id may stand in it."""
    LOST = "lost"
    BROKEN = "broken"
    """A 500."""
    REFUSED = "refused"
    THROTTLED = "throttled"
    BARRED = "barred"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class VitecClock:
    """The clock by which Vitec dates its acts: `lead` s ahead of the true time, perhaps in UTC, and cut to so many seconds."""

    lead: float = 0.0
    in_utc: bool = False
    cut: int = 1

    def show(self, moment: datetime) -> str:
        """Write a moment as Vitec does, without an offset."""
        shown = (moment + timedelta(seconds=self.lead)).astimezone(UTC if self.in_utc else STOCKHOLM)
        since_midnight = shown - shown.replace(hour=0, minute=0, second=0, microsecond=0)
        surplus = timedelta(seconds=since_midnight.total_seconds() % self.cut) if self.cut > 1 else timedelta(0)
        return (shown - surplus).replace(tzinfo=None).isoformat()


RIGHT = VitecClock()

ALWAYS_ACTS = frozenset({Fate.ANSWERED, Fate.GARBLED})
MAY_ACT = frozenset({Fate.LOST, Fate.BROKEN})


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was written. `acts_at` None: it is never carried out."""

    operation: int
    attempt: int
    kind: str
    payload: Mapping[str, Any]
    fate: Fate
    acts_at: datetime | None
    clock: VitecClock = RIGHT
    key: str | None = None
    """Its sequence key, with the customer: the thing at Vitec that it sets the state of."""

    @property
    def remote_id(self) -> str:
        """The id it has at Vitec, if it is carried out."""
        return f"ID{self.operation}X{self.attempt}"

    @property
    def when(self) -> datetime:
        """The moment at which it is carried out, of one that ever is."""
        assert self.acts_at is not None
        return self.acts_at

    def acted(self, at: datetime) -> bool:
        """Whether it has been carried out by then."""
        return self.acts_at is not None and self.acts_at <= at


@dataclass(slots=True)
class Vitec:
    """Everything that was ever written to it."""

    requests: list[Request] = field(default_factory=list)
    clock: VitecClock = RIGHT

    def receive(
        self, operation: int, attempt: int, kind: str, payload: Mapping[str, Any], fate: Fate, acts_at: datetime | None
    ) -> Request:
        """Take in the bytes of a request."""
        own_key = KIND_BY_NAME[kind].from_payload(payload).sequence_key()
        key = own_key and f"{payload['customer_id']}/{own_key}"
        request = Request(operation, attempt, kind, payload, fate, acts_at, self.clock, key)
        self.requests.append(request)
        return request

    def requests_of(self, operation: int) -> list[Request]:
        """List all requests of an operation."""
        return [request for request in self.requests if request.operation == operation]

    def times_acted(self, operation: int, at: datetime) -> int:
        """Count how often the operation has been carried out by then."""
        return sum(request.acted(at) for request in self.requests_of(operation))

    def will_act(self, operation: int) -> bool:
        """Whether it has been, or ever will be."""
        return any(request.acts_at is not None for request in self.requests_of(operation))

    def acts(self, at: datetime) -> list[Request]:
        """List what was carried out by then, in the order in which Vitec did it."""
        return sorted((request for request in self.requests if request.acted(at)), key=lambda act: act.when)

    def is_empty(self, cancellation: Request) -> bool:
        """Whether the place that it is to empty is empty already, when it acts."""
        acts = self.acts(cancellation.when)
        before = [act for act in acts[: acts.index(cancellation)] if act.key == cancellation.key]
        return not before or before[-1].kind == cancellation.kind

    def answer_to_look_up(self, kind: str, payload: Mapping[str, Any], as_of: datetime) -> Answer:
        """Answer a look-up with the truth of an earlier moment."""
        acts = [act for act in self.acts(as_of) if _matches(act.payload, payload)]
        if kind == "comeback":
            shown: Any = _comebacks(payload, [act for act in acts if act.kind == kind])
        else:
            last = {act.key: act for act in acts if act.key is not None}
            shown = _registrations([act for act in last.values() if act.kind == kind])
        return Answer(200, json.dumps(shown).encode())


def answer_request(request: Request, vitec: Vitec) -> Answer | VitecError:
    """Give the answer to a request, or the error that it ends in."""
    match request.fate:
        case Fate.ANSWERED if request.kind == "viewing_cancellation" and vitec.is_empty(request):
            return Refused("not there", status=404)
        case Fate.ANSWERED:
            body = _success(request)
            return Answer(200 if body else 204, body)
        case Fate.GARBLED:
            return Answer(200, _garble(request))
        case Fate.LOST | Fate.BROKEN | Fate.REFUSED | Fate.THROTTLED | Fate.BARRED | Fate.UNREACHABLE:
            return error_of(request.fate)
        case _:
            assert_never(request.fate)


def _garble(request: Request) -> bytes:
    id_ = request.remote_id
    shapes = (f'{{"id":"{id_}"}}', id_, "17", f"<string>{id_}</string>", "null", "", f'["{id_}"]', f'"{id_}')
    return shapes[(request.operation + request.attempt) % len(shapes)].encode()


def error_of(fate: Fate) -> VitecError:
    """Give the error that a fate without an answer ends in."""
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
    if request.kind in {"viewing_registration", "viewing_cancellation"}:
        return b""
    if request.kind == "order_status":
        return b"true"
    if request.kind == "order_token":
        return json.dumps({"orderId": request.remote_id, "hasExpired": False}).encode()
    return json.dumps(request.remote_id).encode()


def _matches(received: Mapping[str, Any], looked_up: Mapping[str, Any]) -> bool:
    return all(
        received.get(key) == looked_up[key] for key in ("customer_id", "contact_id", "viewing_id") if key in looked_up
    )


def _comebacks(payload: Mapping[str, Any], made: list[Request]) -> dict[str, Any]:
    meetings = [
        {
            "id": request.remote_id,
            "createdAt": request.clock.show(request.acts_at),
            "meetingDate": request.payload["date"][:19],
        }
        for request in made
        if request.acts_at is not None
    ]
    return {"contactId": payload["contact_id"], "meetings": meetings}


def _registrations(made: list[Request]) -> list[dict[str, Any]]:
    return [{key: request.payload[_OURS[key]] for key in _OURS} for request in made]


_OURS = {"timeSlotId": "time_slot_id", "contactId": "contact_id", "viewingId": "viewing_id"}
