"""What a request's JSON must look like, field by field, as .NET's binder would take it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NoReturn

from worker.sandbox.answers import Complaint
from worker.sandbox.calls import Kind
from worker.sandbox.times import read_time

Values = Mapping[str, Any]
_LARGEST_INTEGER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The body is no JSON object."""

    text: str


@dataclass(frozen=True, slots=True)
class Bound:
    """The known fields by their documented names, with what could not be understood about them."""

    values: Values
    complaints: tuple[Complaint, ...]


def parse(body: bytes) -> dict[str, Any] | Unreadable:
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Unreadable("Begäran innehåller ogiltig JSON.")
    if not isinstance(value, dict):
        return Unreadable("Begäran saknar innehåll." if value is None else "Begäran ska vara ett objekt.")
    return value


def bind(kind: Kind, body: Mapping[str, Any]) -> Bound:
    """Pick the fields of a kind out of a body: names without regard to case, unknown ones ignored, null as unset."""
    return _bind(_FIELDS[kind], body, "")


def _bind(fields: Mapping[str, "_Reader"], body: Mapping[str, Any], prefix: str) -> Bound:
    given = {name.lower(): value for name, value in body.items()}
    values: dict[str, Any] = {}
    complaints: list[Complaint] = []
    for name, read in fields.items():
        value = given.get(name.lower())
        if value is None:
            continue
        if isinstance(read, _Nested):
            inner = read(value, prefix + name)
            complaints += inner.complaints
            values[name] = inner.values
        elif (understood := read(value)) is None:
            complaints.append(Complaint(prefix + name, f"Värdet '{value}' är inte giltigt för {prefix}{name}."))
        else:
            values[name] = understood
    return Bound(MappingProxyType(values), tuple(complaints))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _integer(value: Any) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) <= _LARGEST_INTEGER else None


def _time(value: Any) -> Any:
    return read_time(value) if isinstance(value, str) else None


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return value if all(isinstance(each, str) for each in value) else None


@dataclass(frozen=True, slots=True)
class _Nested:
    fields: Mapping[str, Callable[[Any], Any]]

    def __call__(self, value: Any, name: str) -> Bound:
        if not isinstance(value, dict):
            return Bound({}, (Complaint(name, f"Värdet '{value}' är inte giltigt för {name}."),))
        return _bind(self.fields, value, f"{name}.")


_Reader = Callable[[Any], Any] | _Nested

_FIELDS: Final[Mapping[Kind, Mapping[str, _Reader]]] = MappingProxyType(
    {
        Kind.APPOINTMENT: {
            "subject": _text,
            "location": _text,
            "startsAt": _time,
            "endsAt": _time,
            "allDayEvent": _flag,
            "note": _text,
            "recurrence": _flag,
            "recurrencePattern": _text,
            "recurrenceDayOfWeeks": _texts,
            "recurrenceInterval": _integer,
            "recurrenceMonth": _integer,
            "recurrenceDay": _integer,
        },
        Kind.COMEBACK: {
            "date": _time,
            "meetingId": _text,
            "estateId": _text,
            "participant": _Nested({"userId": _text, "userGroupId": _text, "officeId": _text}),
            "note": _text,
        },
        Kind.VIEWING_REGISTRATION: {
            "participated": _flag,
            "reminderTime": _integer,
            "smsReminder": _flag,
            "mailConfirmation": _flag,
            "smsConfirmation": _flag,
            "contactMessage": _text,
            "leadSourceId": _text,
            "options": _Nested({"isDeadlineValidationEnabled": _flag, "enableBookingLimitValidation": _flag}),
        },
        Kind.NOTIFICATION: {
            "header": _text,
            "message": _text,
            "sms": _flag,
            "express": _flag,
            "recipients": _texts,
        },
        Kind.ORDER_TOKEN: {"data": _text},
    }
)
