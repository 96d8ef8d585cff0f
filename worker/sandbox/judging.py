"""What Vitec would say to a request: a refusal, a reading, or a deed to be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from worker.sandbox.access import CLOSED, EXPIRED, FULL, House, exists
from worker.sandbox.answers import Answer, Complaint, json_answer, login_refused, message_answer, refused
from worker.sandbox.binding import Unreadable, Values, bind, parse
from worker.sandbox.calls import Call, Kind, NoSuchPath, WrongMethod, route
from worker.sandbox.validation import complaints_about

#: How the id begins of what a call makes. A ticket is found, not made: its id comes from the token.
_PREFIXES: Final = MappingProxyType(
    {
        Kind.APPOINTMENT: "CAL",
        Kind.COMEBACK: "CAL",
        Kind.VIEWING_REGISTRATION: "LEAD",
        Kind.NOTIFICATION: "NOT",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has arrived whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that the stand-in will carry out, unless a fault keeps it from it."""

    call: Call
    prefix: str = ""
    date: datetime | None = None
    participated: bool = False
    ticket: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A look at what was carried out before."""

    call: Call


Verdict = Answer | Deed | Reading


def judge(request: Request, house: House) -> Verdict:
    """Decide, in the order of a .NET server: route, login, rights, form, ids, rules."""
    call = route(request.method, request.path)
    if isinstance(call, NoSuchPath):
        return message_answer(404, "Ingen resurs hittades för den begärda adressen.")
    if isinstance(call, WrongMethod):
        text = f"Den begärda resursen stöder inte metoden {request.method}."
        return message_answer(405, text, ("Allow", call.allowed))
    if not house.admits(request.headers.get("Authorization", ""), call):
        return login_refused(request.path)
    if house.is_closed(call.customer_id):
        return message_answer(403, "Åtkomst saknas till begärd data.")
    return _look_up(call) if call.kind.is_look_up else _act(call, request)


def _look_up(call: Call) -> Verdict:
    return _unknown_id(call) or Reading(call)


def _act(call: Call, request: Request) -> Verdict:
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type not in {"application/json", "text/json"}:
        return message_answer(415, "Mediatypen stöds inte för den här resursen.")
    body = parse(request.body)
    if isinstance(body, Unreadable):
        return message_answer(400, body.text)
    if answer := _unknown_id(call):
        return answer
    bound = bind(call.kind, body)
    complaints = list(bound.complaints) or complaints_about(call.kind, bound.values)
    complaints += _booking_complaints(call, bound.values)
    if complaints:
        return refused(complaints, request.path + request.body.decode("utf-8", "replace"))
    return _deed(call, bound.values)


def _unknown_id(call: Call) -> Answer | None:
    for identity in (call.customer_id, *call.path_ids):
        if not exists(identity):
            return message_answer(404, f"Hittade inget objekt med id '{identity}'.")
    return None


def _booking_complaints(call: Call, values: Values) -> list[Complaint]:
    """A full or closed slot refuses the registration, unless the request switches that check off."""
    slot, options = call.time_slot_id or "", values.get("options", {})
    if slot.startswith(FULL) and options.get("enableBookingLimitValidation", True):
        return [Complaint("timeSlotId", "Visningstillfället är fullbokat.")]
    if slot.startswith(CLOSED) and options.get("isDeadlineValidationEnabled", True):
        return [Complaint("timeSlotId", "Anmälningstiden har gått ut.")]
    return []


def _deed(call: Call, values: Values) -> Verdict:
    if call.kind is Kind.ORDER_TOKEN:
        return Deed(call, ticket=_ticket(call.customer_id, values["data"]))
    if call.kind is Kind.NOTIFICATION and not any(each and exists(each) for each in values["recipients"]):
        return json_answer(200, value=False)
    participated = bool(values.get("participated", False))
    return Deed(call, _PREFIXES[call.kind], values.get("date"), participated)


def _ticket(customer_id: str, data: str) -> dict[str, Any]:
    """The same token is always redeemed for the same ticket."""
    digest = sha256(f"{customer_id}\0{data}".encode("utf-8", "surrogatepass")).hexdigest().upper()
    return {
        "orderId": f"ORD{digest[:32]}",
        "userId": f"HAN{digest[8:40]}",
        "orderUserId": f"HAN{digest[16:48]}",
        "targetId": f"OBJ{int(digest[:4], 16)}_{int(digest[4:12], 16)}",
        "targetType": "HousingCooperative",
        "tenantId": "T10000",
        "chainId": "K10000",
        "customerId": customer_id,
        "hasExpired": data.startswith(EXPIRED),
    }
