"""New content from the CRM is written: over what waits, over what has ended, or beside what is on its way."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, String, Text, bindparam, case, insert, null, select, update

from models import WAITING, Attempt, Event, Operation, State
from worker.outbox import moves
from worker.outbox.database.sql import as_json
from worker.outbox.database.staging import NewOperation
from worker.outbox.lanes.dependencies import parent_is_done
from worker.outbox.lanes.missing_parents import without_parent_code

THE_CRM = "crm"
"""Who decided, in the history of an operation that the CRM has changed."""

_OPERATIONS = Operation.metadata.tables["operations"]
_BY_ID = update(_OPERATIONS).where(_OPERATIONS.c.id == bindparam("the_id"))


@dataclass(frozen=True, slots=True)
class Content:
    """All that a row of the CRM says, and where it stands; what a revision keeps."""

    payload: Mapping[str, Any]
    payload_hash: str
    match_key: str | None
    send_after: datetime | None
    expires_at: datetime | None
    after_kind: str | None
    after_source_id: str | None
    feed_file_id: int | None
    line: int | None

    @classmethod
    def of(cls, row: NewOperation, at: datetime, feed_file_id: int | None) -> Self:
        """The content of a row taken in at `now`, from which its time to expiry counts."""
        expires_at = row.expires_at
        if expires_at is None and row.expires_after is not None:
            expires_at = at + timedelta(seconds=row.expires_after)
        return cls(
            payload=json.loads(row.payload),
            payload_hash=row.payload_hash,
            match_key=row.match_key,
            send_after=row.send_after,
            expires_at=expires_at,
            after_kind=row.after_kind,
            after_source_id=row.after_source_id,
            feed_file_id=feed_file_id,
            line=row.line,
        )

    def as_revision(self) -> dict[str, Any]:
        """As it waits in the row: JSON, moments as ISO text."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in kept.items()}

    @classmethod
    def from_revision(cls, revision: Mapping[str, Any]) -> Self:
        """What `as_revision` gave."""
        moments = {
            name: datetime.fromisoformat(revision[name]) if revision[name] else None
            for name in ("send_after", "expires_at")
        }
        return cls(**{**revision, **moments})


@dataclass(frozen=True, slots=True)
class Change:
    """New content for an operation that is locked. `since`: no attempt before it."""

    id: int
    attempt: int
    state: State
    content: Content
    since: datetime


def drop_revisions(connection: Connection, ids: Sequence[int]) -> None:
    """The CRM says again what is being sent: what it said in between is out of date."""
    if ids:
        connection.execute(update(_OPERATIONS).where(_OPERATIONS.c.id.in_(ids)).values(revision=None))


def store_revisions(connection: Connection, changes: Sequence[Change]) -> None:
    if changes:
        connection.execute(
            _BY_ID.values(revision=bindparam("revision")),
            [{"the_id": one.id, "revision": one.content.as_revision()} for one in changes],
        )


def replace_content(connection: Connection, at: datetime, changes: Sequence[Change]) -> None:
    """New content for rows that wait: what was tried before stays counted."""
    if changes:
        record_changes(connection, at, changes)
        # Leave to send again was got for what was sent; a look-up for something else would prove nothing of it.
        other = _OPERATIONS.c.match_key.is_distinct_from(bindparam("the_match_key", type_=String))
        leave = case((other, null()), else_=_OPERATIONS.c.send_again_until)
        connection.execute(
            _BY_ID.values(**_new_content(), send_again_until=leave, error_code=without_parent_code),
            [_parameters(one) for one in changes],
        )


def requeue_with_content(connection: Connection, at: datetime, changes: Sequence[Change]) -> None:
    """New content for rows that had ended without success: they begin anew, but for the fence."""
    if changes:
        record_changes(connection, at, changes)
        columns = _new_content()
        move = moves.mended(columns["next_attempt_at"], columns["parent_done"])
        connection.execute(_BY_ID.values(columns | move), [_parameters(one) for one in changes])


_SAID = (
    "payload_hash",
    "match_key",
    "send_after",
    "expires_at",
    "after_kind",
    "after_source_id",
    "feed_file_id",
    "line",
)


def _new_content() -> moves.Columns:
    payload = as_json(bindparam("the_payload", type_=Text))
    same = {name: bindparam(f"the_{name}", type_=_OPERATIONS.c[name].type) for name in (*_SAID, "next_attempt_at")}
    done = parent_is_done(_OPERATIONS.c.feed, same["after_kind"], same["after_source_id"])
    return {"payload": payload, "revision": null(), "parent_done": done, **same}


def _parameters(change: Change) -> dict[str, Any]:
    content = change.content
    said = {f"the_{name}": getattr(content, name) for name in _SAID}
    return {
        **said,
        "the_id": change.id,
        "the_payload": json.dumps(content.payload, ensure_ascii=False),
        "the_next_attempt_at": max(change.since, content.send_after or change.since),
    }


def record_changes(connection: Connection, at: datetime, changes: Iterable[Change]) -> None:
    """Write into the history that the CRM has changed its mind, and what about; before it takes effect."""
    changes = list(changes)
    stands = select(_OPERATIONS.c.id, _OPERATIONS.c.payload_hash, _OPERATIONS.c.match_key)
    replaced = {
        row.id: {"payload_hash": row.payload_hash, "match_key": row.match_key}
        for row in connection.execute(stands.where(_OPERATIONS.c.id.in_([one.id for one in changes])))
    }
    entries = [
        {
            "operation_id": one.id,
            "attempt": one.attempt,
            "event": Event.DECIDED,
            "at": at,
            "outcome": (one.state if one.state in WAITING else State.PENDING).value,
            "code": "new_content",
            "replaced": replaced[one.id],
            "by": THE_CRM,
        }
        for one in changes
    ]
    connection.execute(insert(Attempt), entries)
