"""Judges a request as Vitec would: it is refused, it reads something back, or it has an effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from worker.sandbox.api.access import CLOSED, EXPIRED, FULL, AccessRules, id_exists
from worker.sandbox.api.answers import (
    Complaint,
    HttpAnswer,
    json_answer,
    login_refused,
    message_answer,
    validation_refused,
)
from worker.sandbox.api.binding import UnreadableBody, Values, bind_fields, parse_body
from worker.sandbox.api.calls import ApiCall, CallKind, NoSuchPath, WrongMethod, route
from worker.sandbox.api.validation import STATUSES, find_complaints

#: The beginning of the id that a call's new thing is given. An order's ticket is found, not made: its token is its id. Nor
#: is anything made where one is taken away or given a status.
_PREFIXES: Final = MappingProxyType(
    {
        CallKind.APPOINTMENT: "CAL",
        CallKind.COMEBACK: "CAL",
        CallKind.VIEWING_REGISTRATION: "LEAD",
        CallKind.NOTIFICATION: "NOT",
    }
)


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request that has arrived whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect that a valid call has, unless a fault prevents it."""

    call: ApiCall
    prefix: str = ""
    date: datetime | None = None
    participated: bool = False
    ticket: Mapping[str, Any] | None = None
    status: str | None = None
    """The state that the order named by `order_id` is put in."""
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A call that only reads: the things made by earlier calls."""

    call: ApiCall


Judgement = HttpAnswer | Effect | ReadBack


def judge(request: ReceivedRequest, access: AccessRules) -> Judgement:
    """Judge a request in the order of a .NET server: route, login, rights, form, ids, rules."""
    call = route(request.method, request.path)
    if isinstance(call, NoSuchPath):
        return message_answer(404, "Ingen resurs hittades för den begärda adressen.")
    if isinstance(call, WrongMethod):
        text = f"Den begärda resursen stöder inte metoden {request.method}."
        return message_answer(405, text, ("Allow", call.allowed))
    if not access.admits(request.headers.get("Authorization", ""), call):
        return login_refused(request.path)
    if access.is_closed(call.customer_id):
        return message_answer(403, "Åtkomst saknas till begärd data.")
    return _judge_look_up(call) if call.kind.is_look_up else _judge_action(call, request)


def _judge_look_up(call: ApiCall) -> Judgement:
    return _refuse_unknown_id(call) or ReadBack(call)


def _judge_action(call: ApiCall, request: ReceivedRequest) -> Judgement:
    if not call.kind.has_body:
        return _refuse_unknown_id(call) or Effect(call)
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type not in {"application/json", "text/json"}:
        return message_answer(415, "Mediatypen stöds inte för den här resursen.")
    body = parse_body(request.body)
    if isinstance(body, UnreadableBody):
        return message_answer(400, body.text)
    if answer := _refuse_unknown_id(call):
        return answer
    bound = bind_fields(call.kind, body)
    complaints = list(bound.complaints) or find_complaints(call.kind, bound.values)
    complaints += _booking_complaints(call, bound.values)
    if complaints:
        return validation_refused(complaints, request.path + request.body.decode("utf-8", "replace"))
    return _effect_of(call, bound.values)


def _refuse_unknown_id(call: ApiCall) -> HttpAnswer | None:
    for identity in (call.customer_id, *call.path_ids):
        if not id_exists(identity):
            return refuse_missing(identity)
    return None


def refuse_missing(identity: str) -> HttpAnswer:
    """Make a 404 in the API's own words."""
    return message_answer(404, f"Hittade inget objekt med id '{identity}'.")


def _booking_complaints(call: ApiCall, values: Values) -> list[Complaint]:
    """A full or closed slot refuses the registration, unless the request switches that check off."""
    slot, options = call.time_slot_id or "", values.get("options", {})
    if slot.startswith(FULL) and options.get("enableBookingLimitValidation", True):
        return [Complaint("timeSlotId", "Visningstillfället är fullbokat.")]
    if slot.startswith(CLOSED) and options.get("isDeadlineValidationEnabled", True):
        return [Complaint("timeSlotId", "Anmälningstiden har gått ut.")]
    return []


def _effect_of(call: ApiCall, values: Values) -> Judgement:
    if call.kind is CallKind.ORDER_TOKEN:
        return Effect(call, ticket=_ticket(call.customer_id, values["data"]))
    if call.kind is CallKind.NOTIFICATION and not any(id_ and id_exists(id_) for id_ in values["recipients"]):
        return json_answer(200, value=False)
    if call.kind is CallKind.ORDER_STATUS:
        order_id, status = values["id"], _spell(values["status"])
        return Effect(call, order_id=order_id, status=status) if id_exists(order_id) else refuse_missing(order_id)
    participated = bool(values.get("participated", False))
    return Effect(call, _PREFIXES[call.kind], values.get("date"), participated)


def _spell(status: str) -> str:
    """Give the status as it is documented, whatever its case in the request."""
    return next(word for word in STATUSES if word.lower() == status.lower())


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
