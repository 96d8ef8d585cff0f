"""The state of the whole at a glance: operations by state, lanes that wait, holds, living turns, the latest files."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from models import Environment, FeedFile, Hold, Lane, Operation, RejectedRow, State
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, read_current_time
from worker.outbox.lanes.missing_parents import count_in_vain
from worker.outbox.predicates import (
    awaiting_parent,
    hold_is_active,
    in_doubt,
    in_flight,
    lane_is_due,
    lane_is_held,
    needs_person,
    sendable,
    unreported,
)

LATEST_FILES = 5


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
    held: int
    """Waiting operations that some hold keeps back."""
    need_person: int
    lost: int
    """Operations that wait for a parent which is not there, or in a circle."""
    lost_since: datetime | None
    """When the oldest of them was recorded."""
    holds: Sequence[RowMapping]
    turns: Sequence[RowMapping]
    files: Sequence[RowMapping]
    unreported: int
    """Operations with a verdict that the CRM has not been told."""
    unreported_rejected: int


def read_overview(db: Database, *, finals: bool = True) -> Overview:
    """Read how everything stands, in one transaction."""
    with db.read() as connection:
        environment = connection.execute(select(Environment.base_url, Environment.dispatched_at)).one_or_none()
        due = connection.execute(
            select(func.min(Lane.due_at).label("since"), func.count().label("lanes")).where(lane_is_due)
        ).one()
        lost, lost_since = count_in_vain(connection)
        return Overview(
            at=read_current_time(connection),
            base_url=environment.base_url if environment else None,
            dispatched_at=environment.dispatched_at if environment else None,
            counts=_counts(connection, finals=finals),
            due_since=due.since,
            due_lanes=due.lanes,
            held=_held(connection),
            need_person=_count(connection, needs_person),
            lost=lost,
            lost_since=lost_since,
            holds=_holds(connection),
            turns=_turns(connection),
            files=_files(connection),
            unreported=_count(connection, unreported),
            unreported_rejected=connection.scalar(
                select(func.count()).select_from(RejectedRow).where(RejectedRow.reported_at.is_(None))
            )
            or 0,
        )


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


def _turns(connection: Connection) -> Sequence[RowMapping]:
    at_work = select(Lane.__table__).where(Lane.lease_until.is_not(None), Lane.lease_until > current_time)
    return connection.execute(at_work.order_by(Lane.customer_id, Lane.kind)).mappings().all()


def _files(connection: Connection) -> Sequence[RowMapping]:
    latest = select(FeedFile.__table__).order_by(FeedFile.id.desc()).limit(LATEST_FILES)
    return connection.execute(latest).mappings().all()
