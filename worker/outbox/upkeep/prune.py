"""Blanks the content and answers of finished operations, once they are old; the row with its key stays for ever.

Without the key, a re-export by the CRM would send everything a second time.
"""

from sqlalchemy import Connection, and_, null, or_, select, update

from models import Attempt, Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, later

_CONTENT = (Attempt.detail, Attempt.answer, Attempt.replaced, Attempt.answer_text)

STEP = 500
"""Rows of one transaction: few enough that no other transaction waits long."""


def blank_content(db: Database, older_than: float, *, steps: int = 200) -> int:
    """Blank the content of operations that ended more than `older_than` seconds ago; return how many.

    At most `steps` transactions of `STEP` rows each; the next call goes on.
    """
    blanked = 0
    for _ in range(steps):
        with db.write() as connection:
            ids = _lock_old(connection, older_than)
            _blank(connection, ids)
        blanked += len(ids)
        if len(ids) < STEP:
            break
    return blanked


def _lock_old(connection: Connection, older_than: float) -> list[int]:
    old = (
        select(Operation.id)
        .where(
            # Both conditions of the partial index, in its own words; the other contents never outlive the payload.
            Operation.finalized_at.is_not(None),
            Operation.payload.is_not(None),
            Operation.finalized_at < later(current_time, -older_than),
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
        .values(payload=null(), answer=null(), revision=null(), match_key=None, sequence_key=None, error_detail=None)
    )
    with_content = and_(Attempt.operation_id.in_(ids), or_(*(column.is_not(None) for column in _CONTENT)))
    connection.execute(
        update(Attempt).where(with_content).values(detail=None, answer_text=None, answer=null(), replaced=null())
    )
