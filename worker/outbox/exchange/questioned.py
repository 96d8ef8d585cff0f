"""Answers in question: of attempts that are settled, and may have been answered by what was another operation's answer."""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, false, insert, null, select, update

from models import FINAL, Attempt, Event, Operation, State
from worker.outbox import moves
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time

ANSWER_IN_QUESTION = "answer_in_question"
WHY = "more answers came on its connection than were due: the one it got may be another's"


def question_answers(db: Database, attempts: Iterable[tuple[int, int]], by: str) -> int:
    """Let a person look at operations that were settled by an answer in question: by id and attempt. Returns how many.

    None is sent again by itself: one that was to be is in doubt now. One that has been claimed since is beyond that; its
    history tells.
    """
    count = 0
    for id_, attempt in sorted(set(attempts)):
        with db.write() as connection:
            count += _question(connection, id_, attempt, by)
    return count


def _question(connection: Connection, id_: int, attempt: int, by: str) -> bool:
    row = connection.execute(
        select(Operation.state, Operation.attempt).where(Operation.id == id_).with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        return False
    columns = _columns(row.state) if row.attempt == attempt else {}
    if columns:
        unchanged = and_(Operation.id == id_, Operation.state == row.state, Operation.attempt == attempt)
        connection.execute(update(Operation).where(unchanged).values(columns))
    entry = {"attempt": attempt, "event": Event.LATE, "code": ANSWER_IN_QUESTION, "detail": WHY, "by": by}
    connection.execute(insert(Attempt).values(operation_id=id_, at=current_time, **entry))
    return bool(columns)


def _columns(state: State) -> moves.Columns:
    flag = {"needs_person": True, "error_code": ANSWER_IN_QUESTION, "error_detail": WHY, "reported_at": null()}
    if state in FINAL:
        return flag
    if state is State.RETRYABLE:
        return moves.in_doubt(current_time, ANSWER_IN_QUESTION, WHY, accepted=false(), needs_person=True)
    if state is State.IN_DOUBT:
        # That Vitec accepted it, the answer in question may have said.
        return {**flag, "accepted": False, "acted_at": null()}
    return {}
