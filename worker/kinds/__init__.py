"""The kinds that there are. A sixth is one file and one more name in `KINDS`; see docs/adding_a_kind.md."""

from typing import Final

from worker.kind import Kind
from worker.kinds.appointment import Appointment
from worker.kinds.comeback import Comeback
from worker.kinds.notification import Notification
from worker.kinds.order_token import OrderToken
from worker.kinds.viewing_registration import ViewingRegistration

KINDS: Final[tuple[type[Kind], ...]] = (Appointment, Comeback, ViewingRegistration, Notification, OrderToken)

_BY_NAME: Final = {kind.kind: kind for kind in KINDS}


class UnknownKind(LookupError):  # noqa: N818 (a fact about a name that came from outside)
    """No kind has this name. The text lists those that there are."""

    def __init__(self) -> None:
        super().__init__(f"there is no such kind; there are {', '.join(_BY_NAME)}")


def by_name(kind: str) -> type[Kind]:
    """Give the class of a kind by its name (`appointment`). Raises UnknownKind."""
    try:
        return _BY_NAME[kind]
    except KeyError:
        raise UnknownKind from None


__all__ = [
    "KINDS",
    "Appointment",
    "Comeback",
    "Kind",
    "Notification",
    "OrderToken",
    "UnknownKind",
    "ViewingRegistration",
    "by_name",
]
