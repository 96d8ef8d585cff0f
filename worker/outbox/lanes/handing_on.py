"""Handing on: a parent that has succeeded fills what its child's payload lacks, before the child is claimed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.orm import aliased

from models import Event, Operation, State
from worker.outbox import moves
from worker.outbox.history import insert_entries
from worker.outbox.lanes.turns import Turn
from worker.outbox.predicates import in_named_lane, is_parent, lacks_result, sendable

LACKS_RESULT = "parent_without_result"
"""The code of a child: its parent has succeeded without the result that the child needs."""

BATCH = 500
"""Children that are completed in one transaction: more than are claimed in it."""


@dataclass(frozen=True, slots=True)
class CompleteContent:
    """The payload with all that the parent hands on, and the keys that follow from it."""

    payload: Mapping[str, Any]
    match_key: str | None
    sequence_key: str | None


Complete = Callable[[Mapping[str, Any], str, str | None, Any], CompleteContent | None]
"""Completes a payload by the parent's kind, remote id and answer. None: the parent does not give what is lacking."""


def hand_on(connection: Connection, turn: Turn, complete: Complete) -> bool:
    """Complete the payloads of the lane's children that lack a result of a parent that is done; the lane is locked.

    A child that is not due yet is completed, too: before it has its keys, it keeps no place before later ones. If its parent
    does not give the result, a child fails: sent without it, it would be another request. False: there may be more.
    """
    rows = connection.execute(_LACKING, turn.parameters).all()
    for row in rows:
        content = complete(row.payload or {}, row.parent_kind, row.remote_id, row.answer)
        by_id = update(Operation).where(Operation.id == row.id)
        if content is None:
            connection.execute(by_id.values(moves.orphaned(LACKS_RESULT)))
            entry = {"outcome": State.FAILED.value, "code": LACKS_RESULT}
            connection.execute(insert_entries([row.id], event=Event.CLOSED, **entry))
            continue
        keys = {"match_key": content.match_key, "sequence_key": content.sequence_key}
        connection.execute(by_id.values(payload=dict(content.payload), lacks_result=False, **keys))
    return len(rows) < BATCH


_parent = aliased(Operation, name="parent")
_LACKING = (
    select(
        Operation.id,
        Operation.attempt,
        Operation.payload,
        _parent.kind.label("parent_kind"),
        _parent.remote_id,
        _parent.answer,
    )
    .join(_parent, is_parent(_parent, Operation.feed, Operation.after_kind, Operation.after_source_id))
    .where(and_(in_named_lane, lacks_result, sendable))
    .order_by(Operation.next_attempt_at, Operation.id)
    .limit(BATCH)
    .with_for_update(key_share=True, of=Operation)
)
