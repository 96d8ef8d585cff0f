"""The state of the whole at a glance: operations by state, lanes that wait, holds, living turns, the latest files."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from models import FILE_REFUSED, CrmRow, Environment, FeedFile, Hold, Lane, Operation, RejectedRow, ResultSink, State
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, read_current_time
from worker.outbox.lanes.missing_parents import count_in_vain
from worker.outbox.predicates import (
    awaiting_parent,
    can_be_looked_up,
    covers,
    hold_is_active,
    in_doubt,
    in_flight,
    in_lane,
    lane_is_due,
    lane_is_held,
    needs_person,
    rejection_is_open,
    sendable,
    unreported,
)
from worker.outbox.views.endings import EndingCount, count_endings_of_a_day, count_untold
from worker.outbox.views.feeds import read_feeds

LATEST_FILES = 5


@dataclass(frozen=True, slots=True)
class DueLanes:
    """Lanes of a kind, within its sending hours, that could be served and are not; the first of them since `since`."""

    kind: str
    since: datetime
    lanes: int


@dataclass(frozen=True, slots=True)
class VitecLead:
    """By how many seconds Vitec's clock led the database's (negative: was behind) `at` a moment, give or take `within`."""

    lead: float
    within: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of the house at `at`, by the database's clock. Rows are mappings of their columns."""

    at: datetime
    base_url: str | None
    dispatched_at: datetime | None
    counts: dict[tuple[str, State], int]
    """By kind and state. Without the final states where they were not asked for: counting those reads every row."""
    due_since: datetime | None
    """Since when the lane that waits longest could be served and is not."""
    due_lanes: int
    due: Sequence[DueLanes]
    """The same by kind, the longest first."""
    look_ups: int
    """Doubts about which Vitec will be asked."""
    failures_in_row: int
    """Requests that have failed since Vitec last answered as it should."""
    held: int
    """Waiting operations that some hold keeps back."""
    need_person: int
    need_person_since: datetime | None
    """Since when the oldest of them that is in doubt is so."""
    lost: int
    """Operations that wait for a parent which is not there, or in a circle."""
    lost_since: datetime | None
    """When the oldest of them was recorded."""
    holds: Sequence[RowMapping]
    hold_counts: Mapping[int, int]
    """By the hold's id: the operations that it covers, waiting or to be looked up, also where it has run out."""
    turns: Sequence[RowMapping]
    files: Sequence[RowMapping]
    unreported: int
    """Operations with a verdict that the CRM has not been told."""
    unreported_rejected: int
    """Open rejected rows of which the CRM has not been told."""
    open_rejected: int
    """Rejected rows that are open: whether told or not, they have neither come again nor been closed."""
    refused_files: int
    """Files that were refused as a whole, and are open."""
    untold: Sequence[EndingCount]
    """Failed and expired operations of which the CRM has not been told."""
    latest: Sequence[EndingCount]
    """The newest endings of a day."""
    clock_step: float = 0.0
    """Seconds by which the database's clock was set, which no person has confirmed; negative: backward."""
    clock_stepped_at: datetime | None = None
    clock_seen_at: datetime | None = None
    """The moment that the clock showed when a process last looked at it."""
    new_rows: int = 0
    """Rows of `crm_rows` that have not been taken in."""
    new_rows_since: datetime | None = None
    """When the oldest of them was written."""
    vitec_clock: VitecLead | None = None
    """Vitec's clock; None: no answer that tells it has come yet."""
    sinks: Sequence[RowMapping] = ()
    """The places to which results have gone by themselves."""
    feeds: Sequence[RowMapping] = ()
    """The feeds that run by themselves (`read_feeds`)."""


_ENVIRONMENT = select(
    Environment.base_url,
    Environment.dispatched_at,
    Environment.failures_in_row,
    (Environment.clock_stepped - Environment.clock_confirmed).label("clock_step"),
    Environment.clock_stepped_at,
    Environment.clock_seen_at,
    Environment.vitec_clock_lead,
    Environment.vitec_clock_within,
    Environment.vitec_clock_at,
)


def read_overview(db: Database, *, finals: bool = True) -> Overview:
    """Read how everything stands, in one transaction."""
    with db.read() as connection:
        environment = connection.execute(_ENVIRONMENT).one_or_none()
        due = _due(connection, db.closed_kinds(connection))
        lost, lost_since = count_in_vain(connection)
        return Overview(
            at=read_current_time(connection),
            base_url=environment.base_url if environment else None,
            dispatched_at=environment.dispatched_at if environment else None,
            counts=_counts(connection, finals=finals),
            due_since=due[0].since if due else None,
            due_lanes=sum(kind.lanes for kind in due),
            due=due,
            look_ups=_count(connection, can_be_looked_up),
            failures_in_row=environment.failures_in_row if environment else 0,
            held=_held(connection),
            need_person=_count(connection, needs_person),
            need_person_since=connection.scalar(select(func.min(Operation.doubt_since)).where(needs_person)),
            lost=lost,
            lost_since=lost_since,
            holds=_holds(connection),
            hold_counts=_hold_counts(connection),
            turns=_turns(connection),
            files=_files(connection),
            unreported=_count(connection, unreported),
            unreported_rejected=_count_rejected(
                connection, RejectedRow.reported_at.is_(None), RejectedRow.code != FILE_REFUSED
            ),
            open_rejected=_count_rejected(connection, RejectedRow.code != FILE_REFUSED),
            refused_files=_count_rejected(connection, RejectedRow.code == FILE_REFUSED),
            untold=count_untold(connection),
            latest=count_endings_of_a_day(connection),
            **_clock(environment),
            **_new_rows(connection),
            vitec_clock=_vitec_clock(environment),
            sinks=_sinks(connection),
            feeds=read_feeds(connection),
        )


_NEW_ROWS = select(func.count(), func.min(CrmRow.created_at)).where(CrmRow.taken_at.is_(None))


def _new_rows(connection: Connection) -> dict[str, Any]:
    return dict(zip(("new_rows", "new_rows_since"), connection.execute(_NEW_ROWS).one(), strict=True))


def _clock(environment: Any) -> dict[str, Any]:
    names = ("clock_step", "clock_stepped_at", "clock_seen_at")
    return {} if environment is None else {name: getattr(environment, name) for name in names}


def _vitec_clock(environment: Any) -> VitecLead | None:
    if environment is None or environment.vitec_clock_at is None:
        return None
    return VitecLead(environment.vitec_clock_lead, environment.vitec_clock_within, environment.vitec_clock_at)


def _due(connection: Connection, closed: Collection[str]) -> list[DueLanes]:
    since = func.min(Lane.due_at)
    lanes = select(Lane.kind, since, func.count()).where(lane_is_due, Lane.kind.not_in(sorted(closed)))
    rows = connection.execute(lanes.group_by(Lane.kind).order_by(since))
    return [DueLanes(kind, earliest, count) for kind, earliest, count in rows if earliest is not None]


def _counts(connection: Connection, *, finals: bool) -> dict[tuple[str, State], int]:
    """Count by kind and state: the living through their partial indexes, the final states by reading every row."""
    of = select(Operation.kind, Operation.state, func.count().label("number")).group_by(Operation.kind, Operation.state)
    parts = [of] if finals else [of.where(part) for part in (sendable, awaiting_parent, in_flight, in_doubt)]
    counts: Counter[tuple[str, State]] = Counter()
    for part in parts:
        counts += Counter({(row.kind, row.state): row.number for row in connection.execute(part)})
    return dict(counts)


def _count(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(Operation).where(which)) or 0


def _count_rejected(connection: Connection, *which: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(RejectedRow).where(rejection_is_open, *which)) or 0


def _held(connection: Connection) -> int:
    if connection.scalar(select(Hold.id).where(hold_is_active).limit(1)) is None:
        return 0
    in_lane = (Operation.customer_id == Lane.customer_id) & (Operation.kind == Lane.kind)
    return (
        connection.scalar(select(func.count()).select_from(Lane).join(Operation, in_lane).where(sendable, lane_is_held))
        or 0
    )


def _holds(connection: Connection) -> Sequence[RowMapping]:
    """Read all holds, those of people first; `holds` is false where one operation is to go first."""
    order = (Hold.reason != "paused", Hold.since)
    return connection.execute(select(Hold.__table__, hold_is_active.label("holds")).order_by(*order)).mappings().all()


def _hold_counts(connection: Connection) -> dict[int, int]:
    counts: Counter[int] = Counter()
    if connection.scalar(select(Hold.id).limit(1)) is None:
        return counts
    for part in (sendable, can_be_looked_up):
        covered = select(Hold.id, func.count()).join(Lane, covers(Hold, Lane)).join(Operation, in_lane(Lane))
        rows = connection.execute(covered.where(part).group_by(Hold.id))
        counts += Counter({row[0]: row[1] for row in rows})
    return dict(counts)


def _turns(connection: Connection) -> Sequence[RowMapping]:
    at_work = select(Lane.__table__).where(Lane.lease_until.is_not(None), Lane.lease_until > current_time)
    return connection.execute(at_work.order_by(Lane.customer_id, Lane.kind)).mappings().all()


def _sinks(connection: Connection) -> Sequence[RowMapping]:
    return connection.execute(select(ResultSink.__table__).order_by(ResultSink.name)).mappings().all()


def _files(connection: Connection) -> Sequence[RowMapping]:
    latest = select(FeedFile.__table__).order_by(FeedFile.id.desc()).limit(LATEST_FILES)
    return connection.execute(latest).mappings().all()
