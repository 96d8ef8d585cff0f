"""Writes new content from the CRM: over operations that wait or have ended, or beside those that are on their way."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, String, Text, bindparam, case, insert, null, select, update

from models import THE_CRM, WAITING, Attempt, Event, Operation, State
from worker.outbox import moves
from worker.outbox.database.sql import as_json
from worker.outbox.database.staging import NewOperation
from worker.outbox.lanes.dependencies import parent_is_done
from worker.outbox.lanes.missing_parents import without_parent_code

_OPERATIONS = Operation.metadata.tables["operations"]
_BY_ID = update(_OPERATIONS).where(_OPERATIONS.c.id == bindparam("the_id"))


@dataclass(frozen=True, slots=True)
class Content:
    """All that a row of the CRM says, and where it stands; a revision keeps it."""

    payload: Mapping[str, Any]
    payload_hash: str
    match_key: str | None
    send_after: datetime | None
    expires_at: datetime | None
    after_kind: str | None
    after_source_id: str | None
    feed_file_id: int | None
    line: int | None
    sequence_key: str | None = None
    lacks_result: bool = False
    withdrawn: bool = False
    """The CRM does not want the operation any more; there is no other content."""

    @classmethod
    def of(cls, row: NewOperation, at: datetime, feed_file_id: int | None) -> Self:
        """The content of a row taken in at the moment `at`, from which its time to expiry counts."""
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
            sequence_key=row.sequence_key,
            lacks_result=row.lacks_result,
        )

    def as_revision(self) -> dict[str, Any]:
        """Give the content as it waits in the row: JSON, moments as ISO text."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in kept.items()}

    @classmethod
    def from_revision(cls, revision: Mapping[str, Any]) -> Self:
        """Read the content that `as_revision` gave."""
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
    """Drop waiting content: the CRM says again what is being sent, so what it said in between is out of date."""
    if ids:
        connection.execute(update(_OPERATIONS).where(_OPERATIONS.c.id.in_(ids)).values(revision=None))


def store_revisions(connection: Connection, changes: Sequence[Change]) -> None:
    if changes:
        connection.execute(
            _BY_ID.values(revision=bindparam("revision")),
            [{"the_id": change.id, "revision": change.content.as_revision()} for change in changes],
        )


def replace_content(connection: Connection, at: datetime, changes: Sequence[Change]) -> None:
    """Replace the content of rows that wait; earlier attempts stay counted."""
    if changes:
        record_changes(connection, at, changes)
        # The resend permission was got for the content that was sent; a look-up for another proves nothing of it.
        new_key = _OPERATIONS.c.match_key.is_distinct_from(bindparam("the_match_key", type_=String))
        permission = case((new_key, null()), else_=_OPERATIONS.c.send_again_until)
        connection.execute(
            _BY_ID.values(**_new_content(), send_again_until=permission, error_code=without_parent_code),
            [_parameters(change) for change in changes],
        )


def requeue_with_content(connection: Connection, at: datetime, changes: Sequence[Change]) -> None:
    """Requeue rows that had ended without success, with new content; only `attempt`, the fence, goes on counting."""
    if changes:
        record_changes(connection, at, changes)
        columns = _new_content()
        move = moves.mended(columns["next_attempt_at"], columns["parent_done"])
        connection.execute(_BY_ID.values(columns | move), [_parameters(change) for change in changes])


_CONTENT_COLUMNS = (
    "payload_hash",
    "match_key",
    "sequence_key",
    "send_after",
    "expires_at",
    "after_kind",
    "after_source_id",
    "lacks_result",
    "feed_file_id",
    "line",
)


def _new_content() -> moves.Columns:
    payload = as_json(bindparam("the_payload", type_=Text))
    columns = {
        name: bindparam(f"the_{name}", type_=_OPERATIONS.c[name].type)
        for name in (*_CONTENT_COLUMNS, "next_attempt_at")
    }
    parent_done = parent_is_done(_OPERATIONS.c.feed, columns["after_kind"], columns["after_source_id"])
    return {"payload": payload, "revision": null(), "parent_done": parent_done, **columns}


def _parameters(change: Change) -> dict[str, Any]:
    content = change.content
    columns = {f"the_{name}": getattr(content, name) for name in _CONTENT_COLUMNS}
    return {
        **columns,
        "the_id": change.id,
        "the_payload": json.dumps(content.payload, ensure_ascii=False),
        "the_next_attempt_at": max(change.since, content.send_after or change.since),
    }


def record_changes(connection: Connection, at: datetime, changes: Iterable[Change]) -> None:
    """Add to the history that the CRM has changed the content, with what it replaces; before it takes effect."""
    changes = list(changes)
    stored = select(_OPERATIONS.c.id, _OPERATIONS.c.payload_hash, _OPERATIONS.c.match_key)
    replaced = {
        row.id: {"payload_hash": row.payload_hash, "match_key": row.match_key}
        for row in connection.execute(stored.where(_OPERATIONS.c.id.in_([change.id for change in changes])))
    }
    entries = [
        {
            "operation_id": change.id,
            "attempt": change.attempt,
            "event": Event.DECIDED,
            "at": at,
            "outcome": (change.state if change.state in WAITING else State.PENDING).value,
            "code": "new_content",
            "replaced": replaced[change.id],
            "by": THE_CRM,
        }
        for change in changes
    ]
    connection.execute(insert(Attempt), entries)
