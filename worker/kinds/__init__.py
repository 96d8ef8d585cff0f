"""The kinds that there are. A new one is one file and one more name in `KINDS`; see docs/adding_a_kind.md."""

from collections.abc import Mapping
from typing import Final, NoReturn

from worker.kind import Kind
from worker.kinds.appointment import Appointment
from worker.kinds.comeback import Comeback
from worker.kinds.notification import Notification
from worker.kinds.order_status import OrderStatus
from worker.kinds.order_token import OrderToken
from worker.kinds.viewing_cancellation import ViewingCancellation
from worker.kinds.viewing_registration import ViewingRegistration

KINDS: Final[tuple[type[Kind], ...]] = (
    Appointment,
    Comeback,
    ViewingRegistration,
    ViewingCancellation,
    Notification,
    OrderToken,
    OrderStatus,
)


class UnknownKind(LookupError):  # noqa: N818 (a fact about a name that came from outside)
    """No kind has this name. The text lists those that there are."""

    def __init__(self) -> None:
        super().__init__(f"there is no such kind; there are {', '.join(KIND_BY_NAME)}")


class _KindByName(dict[str, type[Kind]]):
    def __missing__(self, name: str) -> NoReturn:
        raise UnknownKind


KIND_BY_NAME: Final[Mapping[str, type[Kind]]] = _KindByName((kind.kind, kind) for kind in KINDS)
"""The class of a kind by its name (`appointment`). `KIND_BY_NAME[name]` raises UnknownKind."""


__all__ = [
    "KINDS",
    "KIND_BY_NAME",
    "Appointment",
    "Comeback",
    "Kind",
    "Notification",
    "OrderStatus",
    "OrderToken",
    "UnknownKind",
    "ViewingCancellation",
    "ViewingRegistration",
]
