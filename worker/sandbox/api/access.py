"""Logins, closed offices, and ids with a particular meaning: the stand-in's made-up world."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from worker.sandbox.api.calls import ApiCall

#: A login that opens nothing anywhere else, and says so.
USER: Final = "sandbox-user"
PASSWORD: Final = "not-a-real-password"  # noqa: S105  It is what it says.

#: An id with this beginning does not exist: 404 in a path, and as a recipient it receives nothing.
UNKNOWN: Final = "UNKNOWN"
#: An order token with this beginning can no longer be used.
EXPIRED: Final = "EXPIRED"
#: A time slot with this beginning has no place left, one with the other has closed its list.
FULL: Final = "FULL"
CLOSED: Final = "CLOSED"
#: From a time slot with this beginning a contact can be removed who is not there: 204, where others answer 404.
LENIENT: Final = "LENIENT"

_LONGEST_ID: Final = 40


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The login that is let in, the offices closed to it, and the passwords that differ from the usual one.

    `passwords` is keyed by a customer (`M30001`) or a customer's kind of call (`M30001/order_token`); the narrower
    wins. An office in `closed` answers 403 to a right login.
    """

    user: str = USER
    password: str = field(default=PASSWORD, repr=False)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    closed: frozenset[str] = frozenset()

    def admits(self, authorization: str, call: ApiCall) -> bool:
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        customer, narrow = call.customer_id, f"{call.customer_id}/{call.kind}"
        password = self.passwords.get(narrow, self.passwords.get(customer, self.password))
        return hmac.compare_digest(credentials, f"{self.user}:{password}".encode())

    def is_closed(self, customer_id: str) -> bool:
        return customer_id in self.closed


def id_exists(identity: str) -> bool:
    return len(identity) <= _LONGEST_ID and not identity.startswith(UNKNOWN)


def _credentials(authorization: str) -> bytes | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
