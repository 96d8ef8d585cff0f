"""New operations are recorded: lanes first, then all rows of a chunk at once, then what the conflicts mean."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
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
from worker.outbox.database.staging import FEW, NewOperation, StagedRows, staged_rows
from worker.outbox.intake.bulk_insert import bulk_insert
from worker.outbox.lanes.dependencies import parent_is_done
from worker.outbox.revisions.judge import IntakeResult, revise

BATCH: Mapping[str, int] = {"postgresql": 5_000, "sqlite": 2_000}
"""Rows per transaction, at most: on SQLite all other writes wait for it."""


def open_lanes(connection: Connection, lanes: Iterable[tuple[str, str, str]]) -> None:
    """Make the lanes (customer_id, kind, function_group) that are not there yet."""
    rows = [dict(zip(("customer_id", "kind", "function_group"), lane, strict=True)) for lane in sorted(set(lanes))]
    if rows:
        connection.execute(insert_if_new(connection.dialect.name, Lane), rows)


class KnownShare(Enum):
    """How many rows of a chunk are recorded already."""

    NONE = auto()
    SOME = auto()
    MOST = auto()


class Recorded(NamedTuple):
    """The results of a chunk, one for each row, in their order."""

    results: list[IntakeResult]
    ids: list[int]
    """The ids of new rows, in their order; empty where no row was expected to be known."""


def record_rows(
    connection: Connection,
    rows: Sequence[NewOperation],
    *,
    feed: str,
    feed_file_id: int | None = None,
    max_failures: int = 12,
    known_share: KnownShare = KnownShare.SOME,
    shown_in_rows: bool = False,
) -> Recorded:
    """Record a chunk of rows, no key of which occurs twice in it.

    The lanes exist already. A row with a known key is not recorded again: `IntakeResult` says what happens to it.
    `known_share`: how many of them are expected to be. It changes the cost and not the results. `shown_in_rows`: rows of
    `crm_rows` will show how the new ones stand.
    """
    if not rows:
        return Recorded([], [])
    all_recorded = [IntakeResult.RECORDED] * len(rows)
    in_bulk = known_share is KnownShare.NONE and len(rows) > FEW and connection.dialect.name == "postgresql"
    if in_bulk and bulk_insert(connection, rows, feed=feed, feed_file_id=feed_file_id, max_failures=max_failures):
        return Recorded(all_recorded, [])
    mostly_known = known_share is KnownShare.MOST
    with staged_rows(connection, rows, erasable=mostly_known) as staged:
        changed = len(rows) - (_delete_unchanged(connection, staged, feed) if mostly_known else 0)
        values = {**staged.values, "feed": feed, "feed_file": feed_file_id, "budget": max_failures}
        values["rows_behind"] = False if shown_in_rows else None
        # All at once: asked for row by row, each passes through three layers on its way here.
        insert_new = _insert_new(connection.dialect.name, staged.table)
        inserted = connection.execute(insert_new, values).all() if changed else []
        ids = [id_ for id_, _, _ in inserted]
        if len(inserted) == len(rows):
            return Recorded(all_recorded, ids)
        results = {(kind, source_id): IntakeResult.RECORDED for _, kind, source_id in inserted}
        if len(inserted) < changed:
            known_rows = [row for row in rows if (row.kind, row.source_id) not in results]
            results |= revise(connection, known_rows, staged, feed=feed, feed_file_id=feed_file_id)
        return Recorded([results.get((row.kind, row.source_id), IntakeResult.UNCHANGED) for row in rows], ids)


def _delete_unchanged(connection: Connection, rows: StagedRows, feed: str) -> int:
    """Take out of the staged rows those that say what is recorded already. Returns how many.

    Content that is recorded already is so neither inserted in vain nor read back: a third of the cost.
    """
    staged: Any = rows.table
    same_key = and_(Operation.feed == feed, Operation.kind == staged.c.kind, Operation.source_id == staged.c.source_id)
    says_the_same = and_(
        Operation.payload_hash == staged.c.payload_hash,
        Operation.customer_id == staged.c.customer_id,
        Operation.revision.is_(None),
    )
    # A subquery that gives a value is run by the unique key for each row: a join would be planned as a scan of them all.
    unchanged = select(says_the_same).where(same_key).correlate(staged).scalar_subquery()
    return connection.execute(delete(staged).where(unchanged)).rowcount


@cached_statement
def _insert_new(dialect: str, rows: FromClause) -> Any:
    """Compose the insertion of the rows with new keys, in the order of the file, which returns their ids and keys."""
    new, feed = rows.c, bindparam("feed", type_=String)
    own_expiry = case((new.expires_after.is_not(None), later(current_time, new.expires_after)))
    as_staged = ("kind", "customer_id", "source_id", "line", "payload_hash", "match_key", "sequence_key", "send_after")
    columns: dict[str, ColumnElement[Any]] = {
        name: new[name] for name in (*as_staged, "after_kind", "after_source_id", "lacks_result")
    }
    columns |= {
        "feed": feed,
        "feed_file_id": bindparam("feed_file", type_=RowId),
        "payload": as_json(new.payload),
        "max_failures": bindparam("budget", type_=Integer),
        "rows_behind": bindparam("rows_behind", type_=Boolean),
        "next_attempt_at": case((new.send_after > current_time, new.send_after), else_=current_time),
        "expires_at": func.coalesce(new.expires_at, own_expiry, type_=UtcDateTime),
        "created_at": current_time,
        "parent_done": parent_is_done(feed, new.after_kind, new.after_source_id),
    }
    # SQLite reads the ON of ON CONFLICT as a join's unless a WHERE stands between.
    values = select(*columns.values()).where(new.number >= 0).order_by(new.number)
    return (
        insert_if_new(dialect, Operation, ("feed", "kind", "source_id"))
        .from_select(list(columns), values, include_defaults=False)
        .returning(Operation.id, Operation.kind, Operation.source_id)
    )
