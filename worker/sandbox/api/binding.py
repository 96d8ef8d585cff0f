"""The binder: reads a request's JSON field by field, as .NET's model binder does."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NoReturn

from worker.sandbox.api.answers import Complaint
from worker.sandbox.api.calls import CallKind
from worker.sandbox.api.times import read_time

Values = Mapping[str, Any]
_LARGEST_INTEGER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class UnreadableBody:
    """The body is no JSON object."""

    text: str


@dataclass(frozen=True, slots=True)
class BoundFields:
    """The known fields by their documented names, and a complaint for each that could not be understood."""

    values: Values
    complaints: tuple[Complaint, ...]


def parse_body(body: bytes) -> dict[str, Any] | UnreadableBody:
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return UnreadableBody("Begäran innehåller ogiltig JSON.")
    if not isinstance(value, dict):
        return UnreadableBody("Begäran saknar innehåll." if value is None else "Begäran ska vara ett objekt.")
    return value


def bind_fields(kind: CallKind, body: Mapping[str, Any]) -> BoundFields:
    """Pick a kind's fields out of a body. Names ignore case, unknown fields are dropped, null means not given."""
    return _bind_object(_FIELDS[kind], body, "")


def _bind_object(fields: Mapping[str, "_Reader"], body: Mapping[str, Any], prefix: str) -> BoundFields:
    values_by_name = {name.lower(): value for name, value in body.items()}
    values: dict[str, Any] = {}
    complaints: list[Complaint] = []
    for name, read in fields.items():
        value = values_by_name.get(name.lower())
        if value is None:
            continue
        if isinstance(read, _Nested):
            nested = read(value, prefix + name)
            complaints += nested.complaints
            values[name] = nested.values
        elif (parsed := read(value)) is None:
            complaints.append(Complaint(prefix + name, f"Värdet '{value}' är inte giltigt för {prefix}{name}."))
        else:
            values[name] = parsed
    return BoundFields(MappingProxyType(values), tuple(complaints))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _as_flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_integer(value: Any) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) <= _LARGEST_INTEGER else None


def _as_time(value: Any) -> Any:
    return read_time(value) if isinstance(value, str) else None


def _as_texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return value if all(isinstance(item, str) for item in value) else None


@dataclass(frozen=True, slots=True)
class _Nested:
    fields: Mapping[str, Callable[[Any], Any]]

    def __call__(self, value: Any, name: str) -> BoundFields:
        if not isinstance(value, dict):
            return BoundFields({}, (Complaint(name, f"Värdet '{value}' är inte giltigt för {name}."),))
        return _bind_object(self.fields, value, f"{name}.")


_Reader = Callable[[Any], Any] | _Nested

_FIELDS: Final[Mapping[CallKind, Mapping[str, _Reader]]] = MappingProxyType(
    {
        CallKind.APPOINTMENT: {
            "subject": _as_text,
            "location": _as_text,
            "startsAt": _as_time,
            "endsAt": _as_time,
            "allDayEvent": _as_flag,
            "note": _as_text,
            "recurrence": _as_flag,
            "recurrencePattern": _as_text,
            "recurrenceDayOfWeeks": _as_texts,
            "recurrenceInterval": _as_integer,
            "recurrenceMonth": _as_integer,
            "recurrenceDay": _as_integer,
        },
        CallKind.COMEBACK: {
            "date": _as_time,
            "meetingId": _as_text,
            "estateId": _as_text,
            "participant": _Nested({"userId": _as_text, "userGroupId": _as_text, "officeId": _as_text}),
            "note": _as_text,
        },
        CallKind.VIEWING_REGISTRATION: {
            "participated": _as_flag,
            "reminderTime": _as_integer,
            "smsReminder": _as_flag,
            "mailConfirmation": _as_flag,
            "smsConfirmation": _as_flag,
            "contactMessage": _as_text,
            "leadSourceId": _as_text,
            "options": _Nested({"isDeadlineValidationEnabled": _as_flag, "enableBookingLimitValidation": _as_flag}),
        },
        CallKind.NOTIFICATION: {
            "header": _as_text,
            "message": _as_text,
            "sms": _as_flag,
            "express": _as_flag,
            "recipients": _as_texts,
        },
        CallKind.ORDER_TOKEN: {"data": _as_text},
        CallKind.ORDER_STATUS: {"id": _as_text, "status": _as_text, "comment": _as_text},
    }
)
