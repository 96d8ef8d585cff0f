"""The login of each lane: noted by its turns, and anew for all lanes when the logins have changed."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import and_, or_, select, tuple_, update

from models import Environment, Hold, HoldReason, Lane
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time
from worker.outbox.lanes.turns import LoginOf

_AT_ONCE = 100
"""So many groups have their lanes changed by one statement."""


def note_logins(db: Database, login_of: LoginOf) -> int:
    """Let every lane have the login that `login_of` names: one that is held has no turn to note it. Counts the groups."""
    with db.read() as connection:
        groups = connection.execute(select(Lane.customer_id, Lane.function_group, Lane.login).distinct()).all()
    changed: dict[str | None, list[tuple[str, str]]] = defaultdict(list)
    for group in groups:
        login = login_of(group.customer_id, group.function_group)
        if login != group.login:
            changed[login].append((group.customer_id, group.function_group))
    for login, keys in changed.items():
        for start in range(0, len(keys), _AT_ONCE):
            of_groups = tuple_(Lane.customer_id, Lane.function_group).in_(sorted(keys)[start : start + _AT_ONCE])
            with db.write() as connection:
                # In order, as every transaction locks lanes.
                in_order = select(Lane.token).where(of_groups).order_by(Lane.customer_id, Lane.kind)
                connection.execute(in_order.with_for_update(key_share=True))
                connection.execute(update(Lane).where(of_groups).values(login=login))
    return sum(map(len, changed.values()))


def try_changed_logins(db: Database, names: Collection[str]) -> int:
    """Let one operation go first now under each hold that was set since one of these logins was refused. Counts the holds.

    Their passwords have changed: the wait was for the old one. The strikes begin anew, as where a person says `resume`.
    """
    if not names:
        return 0
    of_login = or_(Hold.login.in_(sorted(names)), Hold.refused_login.in_(sorted(names)))
    refused = and_(Hold.reason == HoldReason.UNAUTHORIZED, of_login, Hold.until > current_time)
    with db.write() as connection:
        connection.execute(select(Environment.id).with_for_update(key_share=True))
        return connection.execute(update(Hold).where(refused).values(until=current_time, strikes=0)).rowcount
