"""The feeds' own rows: one run at a time has a feed, by a lease and a token, and writes how it ended."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, select, update

from models import Feed
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, insert_if_new, later, read_current_time
from worker.outbox.intake.feed_files import FileCounts

LEASE = 30.0
"""Seconds for which a run has its feed unless it renews the lease. So long a feed waits after its worker was killed."""

ASKING = ("consent_needed", "too_many_absent")
"""Findings that ask: a person who starts the feed then has agreed."""


@dataclass(frozen=True, slots=True)
class FeedTable:
    """A feed as the file of feeds has it, as far as its row here is concerned."""

    name: str
    source: str
    source_hash: str
    schedule: str
    silent_after: float | None


@dataclass(frozen=True, slots=True)
class FeedMemory:
    """Facts that a feed's runs leave to the next."""

    cursor: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    content_hash: str | None = None
    headings: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedClaim:
    """The right of one run to a feed, and the memory that it begins with."""

    name: str
    token: int
    failures: int
    memory: FeedMemory
    agreed: bool = False
    """A person has agreed to whatever the next export does."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run: its counts, the memory for the next one, and the finding, if it has one."""

    memory: FeedMemory
    counts: FileCounts = field(default_factory=FileCounts)
    files: int = 0
    has_new: bool = False
    """It gave something that was not there before: the feed is not silent."""
    finding_code: str | None = None
    finding: str | None = None
    stops: bool = False
    """The finding stops the feed until a person starts it, or its table is changed."""
    is_failure: bool = False


_MEMORY = (Feed.cursor, Feed.etag, Feed.last_modified, Feed.content_hash, Feed.headings, Feed.observed)
_FORGOTTEN = dict.fromkeys(("cursor", "etag", "last_modified", "content_hash", "headings", "observed"))
_has_run: ColumnElement[bool] = and_(Feed.lease_until.is_not(None), Feed.lease_until > current_time)
_is_due = and_(Feed.removed_at.is_(None), Feed.stopped_at.is_(None), Feed.next_run_at <= current_time)


def register(db: Database, tables: Sequence[FeedTable], first_run: Callable[[str, datetime], datetime]) -> None:
    """Bring the feeds' rows into line with the file of feeds. Nothing is written where nothing has changed.

    `first_run`: from a feed's name and the present moment, when a feed runs first, or next after its schedule changed.
    """
    with db.read() as connection:
        rows = {row.name: row for row in connection.execute(select(Feed.__table__))}
    changed = [table for table in tables if table.name not in rows or _differs(table, rows[table.name])]
    gone = rows.keys() - {table.name for table in tables} - {row.name for row in rows.values() if row.removed_at}
    if not changed and not gone:
        return
    with db.write() as connection:
        present = read_current_time(connection)
        for table in changed:
            _write_table(connection, table, rows.get(table.name), first_run(table.name, present))
        if gone:
            connection.execute(update(Feed).where(Feed.name.in_(gone)).values(removed_at=current_time))


def _differs(table: FeedTable, row: Any) -> bool:
    return row.removed_at is not None or any(getattr(row, name) != value for name, value in asdict(table).items())


def _write_table(connection: Connection, table: FeedTable, row: Any, next_run_at: datetime) -> None:
    values: dict[str, Any] = {**asdict(table), "removed_at": None}
    if row is None:
        new = insert_if_new(connection.dialect.name, Feed).values(**values, next_run_at=next_run_at)
        connection.execute(new)
        return
    if row.schedule != table.schedule or row.removed_at is not None:
        values["next_run_at"] = next_run_at
    if row.source_hash != table.source_hash:
        # Rows that are read again are recorded already, and nothing comes of it. A stop by a person stands.
        own_stop = Feed.stopped_by.is_(None)
        values |= {**_FORGOTTEN, "next_run_at": next_run_at, "failures": 0}
        values |= {"finding_code": None, "finding": None, "finding_since": None}
        values["stopped_at"] = case((own_stop, None), else_=Feed.stopped_at)
    connection.execute(update(Feed).where(Feed.name == table.name).values(**values))


def claim_due(
    db: Database, worker: str, process: str, names: Collection[str], without: Collection[str]
) -> FeedClaim | None:
    """Claim the feed that is due and has waited longest, of `names` but `without`; None: there is none to claim.

    `process`: the beginning of `worker` that all children of one worker have. One of them at most runs a feed, so that
    the others go on sending. All rows are locked, so that two that claim at once find each other.
    """
    with db.write() as connection:
        rows = connection.execute(
            select(Feed.name, Feed.worker, Feed.next_run_at, _is_due.label("is_due"), _has_run.label("has_run"))
            .order_by(Feed.name)
            .with_for_update()
        ).all()
        if any(row.has_run and (row.worker or "").startswith(process) for row in rows):
            return None
        due = [row for row in rows if row.is_due and not row.has_run and row.name in names and row.name not in without]
        if not due:
            return None
        return _claim(connection, min(due, key=lambda row: row.next_run_at).name, worker)


def claim_named(db: Database, worker: str, name: str) -> FeedClaim | None:
    """Claim a feed, due or not, for a person; None: another run has it at this moment, or it is stopped."""
    with db.write() as connection:
        ready = and_(Feed.name == name, Feed.removed_at.is_(None), Feed.stopped_at.is_(None), ~_has_run)
        if connection.scalar(select(Feed.name).where(ready).with_for_update()) is None:
            return None
        return _claim(connection, name, worker)


def _claim(connection: Connection, name: str, worker: str) -> FeedClaim:
    claimed = (
        update(Feed)
        .where(Feed.name == name)
        .values(
            token=Feed.token + 1, lease_until=later(current_time, LEASE), worker=worker[:100], started_at=current_time
        )
        .returning(Feed.token, Feed.failures, Feed.agreed, *_MEMORY)
        .execution_options(synchronize_session=False)
    )
    row = connection.execute(claimed).one()
    memory = FeedMemory(
        row.cursor, row.etag, row.last_modified, row.content_hash, row.headings or {}, row.observed or {}
    )
    return FeedClaim(name, row.token, row.failures, memory, row.agreed)


def renew(db: Database, claim: FeedClaim) -> bool:
    """Renew the lease of a run. False: another run has the feed, or a person has stopped it."""
    with db.write() as connection:
        renewed = connection.execute(
            update(Feed)
            .where(_is_of(claim), Feed.stopped_at.is_(None))
            .values(lease_until=later(current_time, LEASE))
            .execution_options(synchronize_session=False)
        )
    return renewed.rowcount == 1


def end_run(db: Database, claim: FeedClaim, end: RunEnd, next_run: Callable[[datetime], datetime]) -> bool:
    """Write how a run ended, and when the next one begins. False: another run has the feed since, and nothing is written."""
    with db.write() as connection:
        present = read_current_time(connection)
        values: dict[str, Any] = {
            **{name: getattr(end.memory, name) for name in _FORGOTTEN},
            "lease_until": None,
            "finished_at": current_time,
            "next_run_at": next_run(present),
            "files": Feed.files + end.files,
            "failures": Feed.failures + 1 if end.is_failure else 0,
            "finding_code": end.finding_code,
            "finding": end.finding,
            "finding_since": None if end.finding_code is None else _since(end.finding_code),
        }
        values |= {name: getattr(Feed, name) + count for name, count in asdict(end.counts).items()}
        if end.has_new:
            values |= {"last_new_at": current_time, "agreed": False}
        if end.stops:
            values["stopped_at"] = func.coalesce(Feed.stopped_at, current_time)
        ended = connection.execute(
            update(Feed).where(_is_of(claim)).values(**values).execution_options(synchronize_session=False)
        )
    return ended.rowcount == 1


def stop(db: Database, name: str, *, by: str, reason: str | None) -> bool:
    """Stop a feed until a person starts it. Its run, if one is under way, ends between two chunks. False: there is none."""
    with db.write() as connection:
        stopped = {"stopped_at": current_time, "stopped_by": by[:100], "stopped_reason": reason}
        which = and_(Feed.name == name, Feed.removed_at.is_(None))
        return connection.execute(update(Feed).where(which).values(stopped)).rowcount == 1


def start(db: Database, name: str) -> bool:
    """Start a stopped feed: it runs at once, whatever form its next export has. False: it is not stopped."""
    with db.write() as connection:
        started = dict.fromkeys((
            "stopped_at", "stopped_by", "stopped_reason", "finding_code", "finding", "finding_since", "headings",
        ))  # fmt: skip
        which = and_(Feed.name == name, Feed.removed_at.is_(None), Feed.stopped_at.is_not(None))
        values = {
            **started,
            "failures": 0,
            "next_run_at": current_time,
            "agreed": func.coalesce(Feed.finding_code, "").in_(ASKING),
        }
        return connection.execute(update(Feed).where(which).values(values)).rowcount == 1


def _is_of(claim: FeedClaim) -> ColumnElement[bool]:
    return and_(Feed.name == claim.name, Feed.token == claim.token)


def _since(code: str) -> ColumnElement[Any]:
    """Give the moment since when a finding lasts: one that has come before keeps its own."""
    came_before = and_(Feed.finding_code == code, Feed.finding_since.is_not(None))
    return case((came_before, Feed.finding_since), else_=current_time)
