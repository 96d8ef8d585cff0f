"""Refused logins: how a few refusals with one login become one hold of that login.

A 401 says that the login is wrong, or that it lacks the function group; and it may do so for one customer alone. A 403 says
that it has no right to a customer's data, or that the office is closed; and where every customer is refused so, that the
login is shut out. So the first refusal holds that customer's function group, and makes the login a suspect: its operations
go one at a time until a good answer has shown that it opens something. A few refusals in a row with no good answer
between hold the login: in that function group, or as a whole if it was refused in several. The holds of the groups
which that explains are taken away, so that there is one cause, one half-open probe and one cure.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from models import Hold, HoldReason, Lane, Scope
from worker.backoff import Backoff
from worker.outbox.database.sql import current_time, later
from worker.outbox.lanes.turns import Turn

REFUSALS = 3
"""So many groups refused in a row by a 401 hold the login."""

FORBIDDEN_CUSTOMERS = 5
"""The customers of so many groups refused in a row by a 403 hold the login: one office may have closed, and a few at once."""

OF_LOGINS = frozenset({HoldReason.UNAUTHORIZED, HoldReason.FORBIDDEN})
"""The reasons that make a login a suspect."""

NO_LONGER_SUSPECT = ""
"""The `refused_login` of a hold after the login has opened the function group for another customer."""


def find_login_hold(connection: Connection, turn: Turn, reason: HoldReason) -> dict[str, Any] | None:
    """Give the key of the hold of the turn's login that covers its lane; a refusal there is one more of its own."""
    if turn.login is None:
        return None
    values = {"name": turn.login, "reason": reason, "groups": ["", turn.function_group]}
    row = connection.execute(_LOGIN_HOLD, values).one_or_none()
    return None if row is None else _key_of(turn.login, row.function_group, reason)


def hold_refused_login(
    connection: Connection, turn: Turn, reason: HoldReason, cause: str | None, backoff: Backoff
) -> None:
    """Hold the turn's login if enough of its groups have been refused in a row; the environment is locked."""
    suspicions = connection.execute(_SUSPICIONS, {"name": turn.login, "reason": reason}).all()
    in_group = [hold for hold in suspicions if hold.function_group == turn.function_group]
    as_whole = [hold for hold in suspicions if not hold.login_works]
    function_groups = {hold.function_group for hold in as_whole}
    if (
        len(function_groups) > 1
        and _are_enough(as_whole, reason)
        and not _are_one_customers(connection, turn, as_whole)
    ):
        _replace(connection, turn, as_whole, _key_of(turn.login or "", "", reason), cause, backoff)
    elif _are_enough(in_group, reason):
        _replace(connection, turn, in_group, _key_of(turn.login or "", turn.function_group, reason), cause, backoff)


def trust_login(connection: Connection, turn: Turn) -> None:
    """Withdraw the suspicions that a good answer with the turn's login has disproved; the environment is locked."""
    suspect = (Hold.refused_login == turn.login, Hold.reason.in_(OF_LOGINS))
    same_group = (Hold.scope == Scope.GROUP, Hold.function_group == turn.function_group)
    connection.execute(update(Hold).where(*suspect, *same_group).values(refused_login=NO_LONGER_SUSPECT))
    connection.execute(update(Hold).where(*suspect).values(login_works=True))


def _are_enough(suspicions: Sequence[Any], reason: HoldReason) -> bool:
    if any(hold.scope is Scope.LOGIN for hold in suspicions):
        return True
    if reason is HoldReason.FORBIDDEN:
        return len({hold.customer_id for hold in suspicions}) >= FORBIDDEN_CUSTOMERS
    return len(suspicions) >= REFUSALS


def _are_one_customers(connection: Connection, turn: Turn, suspicions: Sequence[Any]) -> bool:
    """Tell whether they are all of one customer, while the login may open something for others: a new office, say."""
    if {hold.customer_id for hold in suspicions} != {turn.customer_id}:
        return False
    return connection.execute(_ANOTHER_CUSTOMER, {"name": turn.login, "own": turn.customer_id}).first() is not None


def _key_of(login: str, function_group: str, reason: HoldReason) -> dict[str, Any]:
    return {
        "scope": Scope.LOGIN,
        "customer_id": "",
        "function_group": function_group,
        "kind": "",
        "login": login,
        "reason": reason,
    }


def _replace(
    connection: Connection,
    turn: Turn,
    suspicions: Sequence[Any],
    key: dict[str, Any],
    cause: str | None,
    backoff: Backoff,
) -> None:
    """Let one hold of the login, in one function group or as a whole, stand for the holds that raised suspicion."""
    connection.execute(delete(Hold).where(Hold.id.in_([hold.id for hold in suspicions])))
    held = {
        **key,
        "since": min(hold.since for hold in suspicions),
        "until": later(current_time, backoff.seconds(1)),
        "strikes": 1,
        "cause": cause,
        # Refused in another function group as well, it is held as a whole.
        "refused_login": turn.login if key["function_group"] else None,
    }
    connection.execute(insert(Hold).values(held))


_LOGIN_HOLD = (
    select(Hold.function_group)
    .where(
        Hold.scope == Scope.LOGIN,
        Hold.login == bindparam("name"),
        Hold.function_group.in_(bindparam("groups", expanding=True)),
        Hold.reason == bindparam("reason"),
    )
    .order_by(Hold.function_group)
    .limit(1)
)
_SUSPICIONS = select(Hold.id, Hold.scope, Hold.customer_id, Hold.function_group, Hold.login_works, Hold.since).where(
    Hold.refused_login == bindparam("name"), Hold.reason == bindparam("reason")
)
_ANOTHER_CUSTOMER = (
    # A lane that has had no turn yet does not know its login.
    select(Lane.customer_id)
    .where(Lane.customer_id != bindparam("own"), or_(Lane.login == bindparam("name"), Lane.login.is_(None)))
    .limit(1)
)
