"""Rules that a well-formed request may still break; the complaints are in Swedish, as Vitec's are."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from worker.sandbox.api.answers import Complaint
from worker.sandbox.api.binding import Values
from worker.sandbox.api.calls import CallKind

PATTERNS: Final = ("Daily", "Weekly", "Monthly", "Yearly")
DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
STATUSES: Final = ("Error", "OrderReceived", "Delivered", "UserInteraction", "Canceled")
_DAYS_OF_A_MONTH: Final = range(1, 32)
_MONTHS: Final = range(1, 13)


def find_complaints(kind: CallKind, values: Values) -> list[Complaint]:
    return list(_RULES[kind](values))


def _appointment(values: Values) -> Iterator[Complaint]:
    yield from _missing(values, subject="Ämne", startsAt="Startdatum", endsAt="Slutdatum")
    starts, ends = values.get("startsAt"), values.get("endsAt")
    if starts is not None and ends is not None and ends < starts:
        yield Complaint("endsAt", f"Slutdatum {ends:%Y-%m-%d %H:%M} är före startdatum {starts:%Y-%m-%d %H:%M}.")
    yield from _recurrence(values)


def _recurrence(values: Values) -> Iterator[Complaint]:
    """Enumerated values are always checked; the fields that a pattern needs, only when the appointment recurs."""
    pattern = values.get("recurrencePattern")
    days = values.get("recurrenceDayOfWeeks", [])
    if pattern is not None and not _is_among(pattern, PATTERNS):
        yield Complaint("recurrencePattern", f"Värdet '{pattern}' är inte giltigt för recurrencePattern.")
    for day in days:
        if not _is_among(day, DAYS):
            yield Complaint("recurrenceDayOfWeeks", f"Värdet '{day}' är inte giltigt för recurrenceDayOfWeeks.")
    if not values.get("recurrence"):
        return
    if pattern is None:
        yield Complaint("recurrencePattern", "Ett återkommande möte kräver recurrencePattern.")
    if values.get("recurrenceInterval", 1) < 1:
        yield Complaint("recurrenceInterval", "Intervallet måste vara minst 1.")
    yield from _missing_for_pattern((pattern or "").lower(), values)


def _missing_for_pattern(pattern: str, values: Values) -> Iterator[Complaint]:
    if pattern == "weekly" and not values.get("recurrenceDayOfWeeks"):
        yield Complaint("recurrenceDayOfWeeks", "Ett veckomöte kräver minst en veckodag.")
    if pattern in {"monthly", "yearly"} and values.get("recurrenceDay") not in _DAYS_OF_A_MONTH:
        yield Complaint("recurrenceDay", "Dag i månaden måste vara 1 till 31.")
    if pattern == "yearly" and values.get("recurrenceMonth") not in _MONTHS:
        yield Complaint("recurrenceMonth", "Månaden måste vara 1 till 12.")


def _comeback(values: Values) -> Iterator[Complaint]:
    yield from _missing(values, date="Tid och datum för återkomsten")
    participants = [name for name, value in values.get("participant", {}).items() if value]
    if len(participants) > 1:
        yield Complaint("participant", f"Endast en deltagare får anges, inte {' och '.join(participants)}.")


def _viewing_registration(values: Values) -> Iterator[Complaint]:
    if values.get("reminderTime", 0) < 0:
        yield Complaint("reminderTime", "Påminnelsetiden får inte vara negativ.")


def _notification(values: Values) -> Iterator[Complaint]:
    if not any(values.get("recipients", [])):
        yield Complaint("recipients", "Minst en mottagare måste anges.")
    if not (values.get("header") or values.get("message")):
        yield Complaint("message", "Rubrik eller meddelande måste anges.")


def _order_token(values: Values) -> Iterator[Complaint]:
    yield from _missing(values, data="Token data")
    if "%" in values.get("data", ""):
        # Base64 has no per cent sign: this token still has the encoding of the address that it came in.
        yield Complaint("data", "Token är inte giltigt.")


def _order_status(values: Values) -> Iterator[Complaint]:
    yield from _missing(values, id="Id på beställningen", status="Status")
    status = values.get("status")
    if status and not _is_among(status, STATUSES):
        yield Complaint("status", f"Värdet '{status}' är inte giltigt för status.")


def _missing(values: Values, **labels: str) -> Iterator[Complaint]:
    for name, label in labels.items():
        if values.get(name) in {None, ""}:
            yield Complaint(name, f"{label} måste anges.")


def _is_among(value: str, names: tuple[str, ...]) -> bool:
    return value.lower() in {name.lower() for name in names}


_RULES: Final[Mapping[CallKind, Callable[[Values], Iterator[Complaint]]]] = MappingProxyType(
    {
        CallKind.APPOINTMENT: _appointment,
        CallKind.COMEBACK: _comeback,
        CallKind.VIEWING_REGISTRATION: _viewing_registration,
        CallKind.NOTIFICATION: _notification,
        CallKind.ORDER_TOKEN: _order_token,
        CallKind.ORDER_STATUS: _order_status,
    }
)
