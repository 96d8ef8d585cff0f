"""Refused logins: how a few refusals with one login become one hold of that login.

A 401 says that the login is wrong, or that it lacks the function group; and it may do so for one customer alone. So the
first one holds that customer's function group, as any refusal does, and makes the login a suspect: its operations
go one at a time until a good answer has shown that it opens something. A few groups refused in a row with no good
answer between hold the login: in that function group, or as a whole if it was refused in several. The holds of the groups
which that explains are taken away, so that there is one cause, one half-open probe and one cure.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from models import Hold, HoldReason, Scope
from worker.backoff import Backoff
from worker.outbox.database.sql import current_time, later
from worker.outbox.lanes.turns import Turn

REFUSALS = 3
"""So many groups refused in a row hold the login."""

NO_LONGER_SUSPECT = ""
"""The `refused_login` of a hold after the login has opened the function group for another customer."""


def find_login_hold(connection: Connection, turn: Turn) -> dict[str, Any] | None:
    """Give the key of the hold of the turn's login that covers its lane; a refusal there is one more of its own."""
    if turn.login is None:
        return None
    values = {"name": turn.login, "groups": ["", turn.function_group]}
    row = connection.execute(_LOGIN_HOLD, values).one_or_none()
    return None if row is None else _key_of(turn.login, row.function_group)


def hold_refused_login(connection: Connection, turn: Turn, cause: str | None, backoff: Backoff) -> None:
    """Hold the turn's login if enough of its groups have been refused in a row; the environment is locked."""
    suspicions = connection.execute(_SUSPICIONS, {"name": turn.login}).all()
    in_group = [hold for hold in suspicions if hold.function_group == turn.function_group]
    as_whole = [hold for hold in suspicions if not hold.login_works]
    if len({hold.function_group for hold in as_whole}) > 1 and _count_groups(as_whole) >= REFUSALS:
        _replace(connection, turn, as_whole, "", cause, backoff)
    elif _count_groups(in_group) >= REFUSALS:
        _replace(connection, turn, in_group, turn.function_group, cause, backoff)


def trust_login(connection: Connection, turn: Turn) -> None:
    """Withdraw the suspicions that a good answer with the turn's login has disproved; the environment is locked."""
    suspect = (Hold.refused_login == turn.login, Hold.reason == HoldReason.UNAUTHORIZED)
    same_group = (Hold.scope == Scope.GROUP, Hold.function_group == turn.function_group)
    connection.execute(update(Hold).where(*suspect, *same_group).values(refused_login=NO_LONGER_SUSPECT))
    connection.execute(update(Hold).where(*suspect).values(login_works=True))


def _count_groups(suspicions: Sequence[Any]) -> int:
    return sum(REFUSALS if hold.scope is Scope.LOGIN else 1 for hold in suspicions)


def _key_of(login: str, function_group: str) -> dict[str, Any]:
    return {
        "scope": Scope.LOGIN,
        "customer_id": "",
        "function_group": function_group,
        "kind": "",
        "login": login,
        "reason": HoldReason.UNAUTHORIZED,
    }


def _replace(
    connection: Connection,
    turn: Turn,
    suspicions: Sequence[Any],
    function_group: str,
    cause: str | None,
    backoff: Backoff,
) -> None:
    """Let one hold of the login, in one function group or as a whole (empty), stand for the holds that raised suspicion."""
    connection.execute(delete(Hold).where(Hold.id.in_([hold.id for hold in suspicions])))
    held = {
        **_key_of(turn.login or "", function_group),
        "since": min(hold.since for hold in suspicions),
        "until": later(current_time, backoff.seconds(1)),
        "strikes": 1,
        "cause": cause,
        # Refused in another function group as well, it is held as a whole.
        "refused_login": turn.login if function_group else None,
    }
    connection.execute(insert(Hold).values(held))


_LOGIN_HOLD = (
    select(Hold.function_group)
    .where(
        Hold.scope == Scope.LOGIN,
        Hold.login == bindparam("name"),
        Hold.function_group.in_(bindparam("groups", expanding=True)),
        Hold.reason == HoldReason.UNAUTHORIZED,
    )
    .order_by(Hold.function_group)
    .limit(1)
)
_SUSPICIONS = select(Hold.id, Hold.scope, Hold.function_group, Hold.login_works, Hold.since).where(
    Hold.refused_login == bindparam("name"), Hold.reason == HoldReason.UNAUTHORIZED
)
