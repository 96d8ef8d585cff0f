"""Blanks what finished operations said and were answered, once it is old; the row with its key stays for ever.

Without the key, a re-export by the CRM would send everything a second time.
"""

from sqlalchemy import Connection, and_, null, or_, select, update

from models import Attempt, Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import later

_SAID = (Attempt.detail, Attempt.answer, Attempt.replaced)

STEP = 500
"""Rows of one transaction: few enough that nobody waits for it."""


def prune_content(db: Database, older_than: float, *, steps: int = 200) -> int:
    """Blank the content of operations that ended more than `older_than` seconds ago; return how many.

    At most `steps` transactions of `STEP` rows each: what is left is done the next time.
    """
    blanked = 0
    for _ in range(steps):
        with db.write() as connection:
            some = _some_old(db, connection, older_than)
            _blank(connection, some)
        blanked += len(some)
        if len(some) < STEP:
            break
    return blanked


def _some_old(db: Database, connection: Connection, older_than: float) -> list[int]:
    old = (
        select(Operation.id)
        .where(
            # Both conditions of the partial index, in its own words; the other contents never outlive the payload.
            Operation.finalized_at.is_not(None),
            Operation.payload.is_not(None),
            Operation.finalized_at < later(db.clock.now(), -older_than),
        )
        .order_by(Operation.finalized_at)
        .limit(STEP)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return sorted(connection.scalars(old))


def _blank(connection: Connection, ids: list[int]) -> None:
    if not ids:
        return
    connection.execute(
        update(Operation)
        .where(Operation.id.in_(ids))
        .values(payload=null(), answer=null(), revision=null(), match_key=None, error_detail=None)
    )
    said = and_(Attempt.operation_id.in_(ids), or_(*(one.is_not(None) for one in _SAID)))
    connection.execute(update(Attempt).where(said).values(detail=None, answer=null(), replaced=null()))
