"""Routes: the paths that the interface has, and the call that each of them is."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import unquote_to_bytes


class CallKind(StrEnum):
    """The calls that do something, and the two that read back what was done."""

    APPOINTMENT = "appointment"
    COMEBACK = "comeback"
    VIEWING_REGISTRATION = "viewing_registration"
    VIEWING_CANCELLATION = "viewing_cancellation"
    NOTIFICATION = "notification"
    ORDER_TOKEN = "order_token"  # noqa: S105  The name of a call, not a secret.
    ORDER_STATUS = "order_status"
    COMEBACK_LOOK_UP = "comeback_look_up"
    VIEWING_REGISTRATION_LOOK_UP = "viewing_registration_look_up"

    @property
    def is_look_up(self) -> bool:
        return self in {CallKind.COMEBACK_LOOK_UP, CallKind.VIEWING_REGISTRATION_LOOK_UP}

    @property
    def has_body(self) -> bool:
        return not self.is_look_up and self is not CallKind.VIEWING_CANCELLATION


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request's method and path, understood. Ids keep their case, as Vitec's do."""

    kind: CallKind
    customer_id: str
    user_id: str | None = None
    contact_id: str | None = None
    viewing_id: str | None = None
    time_slot_id: str | None = None

    @property
    def path_ids(self) -> tuple[str, ...]:
        """The ids beside the customer's, for the question whether they exist."""
        return tuple(filter(None, (self.user_id, self.contact_id, self.viewing_id, self.time_slot_id)))


@dataclass(frozen=True, slots=True)
class NoSuchPath:
    """The interface has nothing at this path."""


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path exists, but takes other methods: `DELETE, POST`."""

    allowed: str


@dataclass(frozen=True, slots=True)
class _Route:
    kind: CallKind
    method: str
    template: str
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        ids = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)
        object.__setattr__(self, "pattern", re.compile(f"/{ids}", re.IGNORECASE))


_PLACE: Final = "Viewing/{customer_id}/{viewing_id}/{time_slot_id}/Participant/{contact_id}"

_ROUTES: Final = (
    _Route(CallKind.APPOINTMENT, "POST", "Appointment/{customer_id}/{user_id}"),
    _Route(CallKind.COMEBACK, "POST", "Meeting/Comeback/{customer_id}/{contact_id}"),
    _Route(CallKind.VIEWING_REGISTRATION, "POST", _PLACE),
    _Route(CallKind.VIEWING_CANCELLATION, "DELETE", _PLACE),
    _Route(CallKind.NOTIFICATION, "POST", "User/Notify/{customer_id}"),
    _Route(CallKind.ORDER_TOKEN, "POST", "Service/Order/Token/{customer_id}"),
    _Route(CallKind.ORDER_STATUS, "PUT", "Service/Order/Status/{customer_id}"),
    _Route(CallKind.COMEBACK_LOOK_UP, "GET", "CRM/Contact/{customer_id}/{contact_id}/ComebackMeeting"),
    _Route(
        CallKind.VIEWING_REGISTRATION_LOOK_UP,
        "GET",
        "ViewingParticipant/{customer_id}/{contact_id}/{viewing_id}",
    ),
)


def route(method: str, path: str) -> ApiCall | NoSuchPath | WrongMethod:
    """Find the call that a request line names. Fixed parts of a path are compared without case, as .NET's router does.

    The query string belongs to none of these calls and is ignored. An id that does not decode to UTF-8 has no path.
    """
    bare = path.partition("?")[0]
    allowed = set()
    for candidate in _ROUTES:
        matched = candidate.pattern.fullmatch(bare)
        if matched is None:
            continue
        if candidate.method != method:
            allowed.add(candidate.method)
            continue
        try:
            ids = {name: unquote_to_bytes(value).decode() for name, value in matched.groupdict().items()}
        except UnicodeDecodeError:
            return NoSuchPath()
        return ApiCall(candidate.kind, **ids)
    return WrongMethod(", ".join(sorted(allowed))) if allowed else NoSuchPath()
