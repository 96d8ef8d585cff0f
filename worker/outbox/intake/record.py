"""New operations are recorded: lanes first, then all rows of a chunk at once, then what the conflicts mean."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
)

from models import Lane, Operation, UtcDateTime
from models.base import RowId
from worker.outbox.database.sql import as_json, cached_statement, current_time, insert_if_new, later
from worker.outbox.database.staging import NewOperation, StagedRows, staged_rows
from worker.outbox.intake.bulk_insert import bulk_insert
from worker.outbox.lanes.dependencies import parent_is_done
from worker.outbox.revisions.judge import IntakeResult, revise

BATCH: Mapping[str, int] = {"postgresql": 5_000, "sqlite": 2_000}
"""Rows per transaction, at most: on SQLite everybody else's writes wait for it."""


def open_lanes(connection: Connection, lanes: Iterable[tuple[str, str, str]]) -> None:
    """Make the lanes (customer_id, kind, function_group) that are not there yet."""
    rows = [dict(zip(("customer_id", "kind", "function_group"), lane, strict=True)) for lane in sorted(set(lanes))]
    if rows:
        connection.execute(_lane(connection.dialect.name), rows)


@cached_statement
def _lane(dialect: str) -> Any:
    return insert_if_new(dialect, Lane)


class KnownShare(Enum):
    """How many rows of a chunk are recorded already."""

    NONE = auto()
    SOME = auto()
    MOST = auto()


class Recorded(NamedTuple):
    """What became of rows: a verdict for each, in their order."""

    verdicts: list[IntakeResult]
    ids: list[int]
    """Of those that were new, in their order; none where no row was expected to be known."""


def record_rows(
    connection: Connection,
    rows: Sequence[NewOperation],
    *,
    feed: str,
    feed_file_id: int | None = None,
    max_failures: int = 12,
    known: KnownShare = KnownShare.SOME,
) -> Recorded:
    """Record a chunk of rows, no key of which occurs twice in it.

    The lanes exist already. Rows whose key is known are not recorded again: see `Verdict` for what happens to them.
    `known`: how many of them are expected to be. It changes the cost and not the verdicts.
    """
    if not rows:
        return Recorded([], [])
    if known is KnownShare.NONE and bulk_insert(
        connection, rows, feed=feed, feed_file_id=feed_file_id, max_failures=max_failures
    ):
        return Recorded([IntakeResult.RECORDED] * len(rows), [])
    familiar = known is KnownShare.MOST
    with staged_rows(connection, rows, erasable=familiar) as new:
        left = len(rows) - (_pass_unchanged(connection, new, feed) if familiar else 0)
        values = {**new.values, "feed": feed, "feed_file": feed_file_id, "budget": max_failures}
        fresh = _insert(connection, new, values) if left else []
        ids = [id_ for id_, _, _ in fresh]
        if len(fresh) == len(rows):
            return Recorded([IntakeResult.RECORDED] * len(rows), ids)
        judged = {(kind, source_id): IntakeResult.RECORDED for _, kind, source_id in fresh}
        if len(fresh) < left:
            others = [row for row in rows if (row.kind, row.source_id) not in judged]
            judged |= revise(connection, others, new, feed=feed, feed_file_id=feed_file_id)
        return Recorded([judged.get((row.kind, row.source_id), IntakeResult.UNCHANGED) for row in rows], ids)


def _pass_unchanged(connection: Connection, rows: StagedRows, feed: str) -> int:
    """Take out of the rows those that say what is recorded already. Returns how many.

    What nobody needs to write is so neither inserted in vain nor read back: a third of the cost.
    """
    staged: Any = rows.table
    same = and_(Operation.feed == feed, Operation.kind == staged.c.kind, Operation.source_id == staged.c.source_id)
    says_the_same = and_(
        Operation.payload_hash == staged.c.payload_hash,
        Operation.customer_id == staged.c.customer_id,
        Operation.revision.is_(None),
    )
    # A subquery that gives a value is run by the unique key for each row: a join would be planned as a scan of them all.
    unchanged = select(says_the_same).where(same).correlate(staged).scalar_subquery()
    return connection.execute(delete(staged).where(unchanged)).rowcount


def _insert(connection: Connection, rows: StagedRows, values: Mapping[str, Any]) -> Sequence[Any]:
    """Record the rows whose key is new, in the order of the file, and return their ids and keys."""
    # All at once: asked for row by row, each passes through three layers on its way here.
    return connection.execute(_new(connection.dialect.name, rows.table), values).all()


@cached_statement
def _new(dialect: str, rows: FromClause) -> Any:
    new, feed = rows.c, bindparam("feed", type_=String)
    own_expiry = case((new.expires_after.is_not(None), later(current_time, new.expires_after)))
    same = ("kind", "customer_id", "source_id", "line", "payload_hash", "match_key", "send_after")
    picked: dict[str, ColumnElement[Any]] = {name: new[name] for name in (*same, "after_kind", "after_source_id")}
    picked |= {
        "feed": feed,
        "feed_file_id": bindparam("feed_file", type_=RowId),
        "payload": as_json(new.payload),
        "max_failures": bindparam("budget", type_=Integer),
        "next_attempt_at": case((new.send_after > current_time, new.send_after), else_=current_time),
        "expires_at": func.coalesce(new.expires_at, own_expiry, type_=UtcDateTime),
        "created_at": current_time,
        "parent_done": parent_is_done(feed, new.after_kind, new.after_source_id),
    }
    # SQLite reads the ON of ON CONFLICT as a join's unless a WHERE stands between.
    read = select(*picked.values()).where(new.number >= 0).order_by(new.number)
    return (
        insert_if_new(dialect, Operation, ("feed", "kind", "source_id"))
        .from_select(list(picked), read, include_defaults=False)
        .returning(Operation.id, Operation.kind, Operation.source_id)
    )
