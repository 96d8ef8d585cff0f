"""Who may come in, and which ids mean something particular: the stand-in's made-up world."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from worker.sandbox.calls import Call

#: A login that opens nothing anywhere else, and says so.
USER: Final = "sandbox-user"
PASSWORD: Final = "not-a-real-password"  # noqa: S105  It is what it says.

#: An id with this beginning does not exist: 404 in a path, nobody as a recipient.
UNKNOWN: Final = "UNKNOWN"
#: An order token with this beginning can no longer be used.
EXPIRED: Final = "EXPIRED"
#: A time slot with this beginning has no place left, one with the other has closed its list.
FULL: Final = "FULL"
CLOSED: Final = "CLOSED"

_LONGEST_ID: Final = 40


@dataclass(frozen=True, slots=True)
class House:
    """The login, the offices that are closed to it, and passwords that differ from the usual one.

    `passwords` is keyed by a customer (`M30001`) or a customer's kind of call (`M30001/order_token`); the narrower
    wins. An office in `closed` answers 403 to a right login.
    """

    user: str = USER
    password: str = field(default=PASSWORD, repr=False)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    closed: frozenset[str] = frozenset()

    def admits(self, authorization: str, call: Call) -> bool:
        given = _credentials(authorization)
        if given is None:
            return False
        customer, narrow = call.customer_id, f"{call.customer_id}/{call.kind}"
        password = self.passwords.get(narrow, self.passwords.get(customer, self.password))
        return hmac.compare_digest(given, f"{self.user}:{password}".encode())

    def is_closed(self, customer_id: str) -> bool:
        return customer_id in self.closed


def exists(identity: str) -> bool:
    return len(identity) <= _LONGEST_ID and not identity.startswith(UNKNOWN)


def _credentials(authorization: str) -> bytes | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
