"""The steps of the database's clock: on record in the environment's row, and their consequences for what waits.

Every due time, lease and hold stands by that clock. Set back, it lets all that was to come wait as much longer; set
forward, it makes rows too late, and waits of doubts end, that have not been waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, case, or_, select, tuple_, update

from models import Environment, Hold, HoldReason, Lane, Operation
from worker.outbox.database.database import Database
from worker.outbox.database.sql import current_time, later
from worker.outbox.lanes import turns
from worker.outbox.predicates import in_doubt, in_lane, sendable

TOLERANCE = 10.0
"""Seconds by which two clocks may drift apart between two looks without a step."""

BATCH = 500
"""Rows per transaction, so that no lock lasts."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """The database's clock `at` one moment, and the record of its steps. Steps in seconds, negative ones backward."""

    at: datetime
    seen_at: datetime | None
    """The moment that it showed at the last look of any process."""
    stepped: float
    """All steps that have been seen, as one sum."""
    confirmed: float
    """As much of that sum as a person has confirmed."""

    @property
    def unconfirmed(self) -> float:
        """The steps that no person has confirmed and that have not been undone; 0 for less than the tolerance."""
        return without_drift(self.stepped - self.confirmed)


def without_drift(seconds: float) -> float:
    """Give the step; 0 where it may be drift."""
    return seconds if abs(seconds) > TOLERANCE else 0.0


def read_clock(db: Database) -> ClockState | None:
    """Read the clock with the record of it; None before a worker has started on the database."""
    with db.read() as connection:
        row = connection.execute(_READ).one_or_none()
    return None if row is None else ClockState(*row)


_READ = select(
    current_time,
    Environment.clock_seen_at,
    Environment.clock_stepped,
    Environment.clock_confirmed,
)


def note_clock(db: Database) -> None:
    """Note the moment that the clock shows."""
    with db.write() as connection:
        connection.execute(update(Environment).values(clock_seen_at=current_time))


def record_step(db: Database, reading: ClockState, step: float) -> bool:
    """Put a step on record, unless another process has since `reading`; return whether this one did."""
    with db.write() as connection:
        recorded = connection.execute(
            update(Environment)
            .where(Environment.clock_stepped == reading.stepped)
            .values(
                clock_seen_at=current_time,
                clock_stepped=Environment.clock_stepped + step,
                clock_stepped_at=current_time,
            )
        )
    return recorded.rowcount > 0


def confirm_clock(db: Database) -> None:
    """Take the clock as it is for right."""
    with db.write() as connection:
        connection.execute(
            update(Environment).values(clock_confirmed=Environment.clock_stepped, clock_seen_at=current_time)
        )


def mend(db: Database, longest_lease: float, quiet: float) -> None:
    """Do what a step that is not confirmed asks for, and confirm the clock as it is."""
    reading = read_clock(db)
    if reading is None:
        return
    behind = without_drift(overdue_by(reading).total_seconds())
    step = without_drift(reading.unconfirmed - behind)
    if behind:
        # On record, so that no running process takes it for a new one.
        record_step(db, reading, -behind)
    if step < 0:
        bring_back(db, -step, longest_lease)
    if step:
        begin_doubts_anew(db, quiet)
    confirm_clock(db)


def bring_back(db: Database, seconds: float, longest_lease: float) -> None:
    """After a step back by `seconds`: bring back by as much what was set by the clock before it.

    Times that people or the CRM chose (send_after, expires_at, pauses) stand. A lease ends no sooner than `longest_lease`
    from now: by any other clock its turn, if it lives, has ended by then.
    """
    earlier = later(Hold.until, -seconds)
    lease_end = later(current_time, longest_lease)
    with db.write() as connection:
        connection.execute(
            update(Environment)
            .where(or_(Environment.next_slot_at > current_time, Environment.dispatched_at > current_time))
            .values(
                next_slot_at=current_time,
                dispatched_at=case((Environment.dispatched_at > current_time, None), else_=Environment.dispatched_at),
            )
        )
        connection.execute(
            update(Hold)
            .where(Hold.until > current_time, Hold.reason != HoldReason.PAUSED)
            .values(until=case((earlier > current_time, earlier), else_=current_time))
        )
        connection.execute(update(Lane).where(Lane.lease_until > lease_end).values(lease_until=lease_end))
    for lane in _read_lanes(db):
        _bring_lane_back(db, lane, seconds)


def _read_lanes(db: Database) -> Sequence[Any]:
    with db.read() as connection:
        return connection.execute(select(Lane.customer_id, Lane.kind).order_by(Lane.customer_id, Lane.kind)).all()


def _bring_lane_back(db: Database, lane: Row[Any], seconds: float) -> None:
    """Bring the waiting rows of a lane back, in batches in the order of their index, and then wake the lane by them."""
    place: tuple[datetime, int] | None = None
    while True:
        with db.write() as connection:
            too_late = _ahead_in_lane(lane, place)
            rows = connection.execute(too_late.with_for_update(key_share=True, skip_locked=True)).all()
            if rows:
                connection.execute(_earlier([row.id for row in rows], seconds))
        if len(rows) < BATCH:
            break
        place = (rows[-1].next_attempt_at, rows[-1].id)
    with db.write() as connection:
        connection.execute(
            update(Lane)
            .where(Lane.customer_id == lane.customer_id, Lane.kind == lane.kind, Lane.due_at > current_time)
            .values(due_at=None)
        )
    turns.wake_lanes(db, [(lane.customer_id, lane.kind)])


def _ahead_in_lane(lane: Any, place: tuple[datetime, int] | None) -> Any:
    """Select the waiting rows that are due later for another reason than `send_after`."""
    not_chosen = or_(Operation.send_after.is_(None), Operation.send_after < Operation.next_attempt_at)
    waiting_rows = select(Operation.id, Operation.next_attempt_at).where(
        in_lane(lane), sendable, Operation.next_attempt_at > current_time, not_chosen
    )
    if place is not None:
        waiting_rows = waiting_rows.where(tuple_(Operation.next_attempt_at, Operation.id) > place)
    return waiting_rows.order_by(Operation.next_attempt_at, Operation.id).limit(BATCH)


def _earlier(ids: list[int], seconds: float) -> Any:
    earlier = later(Operation.next_attempt_at, -seconds)
    chosen = and_(Operation.send_after.is_not(None), Operation.send_after > earlier)
    soonest = case((chosen, Operation.send_after), else_=earlier)
    moment = case((soonest < current_time, current_time), else_=soonest)
    return (
        update(Operation)
        .where(Operation.id.in_(ids))
        .values(next_attempt_at=moment)
        .execution_options(synchronize_session=False)
    )


def begin_doubts_anew(db: Database, quiet: float) -> None:
    """Let every doubt wait `quiet` seconds from now, void resend permissions, and count no look-up that is under way.

    An absence that was found before counts no more: how long ago that was, the clock cannot tell.
    """
    wait_again = {
        "next_attempt_at": later(current_time, quiet),
        "look_ups": Operation.look_ups + 1,
        "look_up_until": None,
        "absent_since": None,
    }
    is_asked = and_(in_doubt, Operation.needs_person.is_(False))
    permitted = and_(sendable, Operation.send_again_until.is_not(None))
    with db.write() as connection:
        for condition, values in (
            (is_asked, wait_again),
            (permitted, {**wait_again, "send_again_until": later(current_time, -1.0)}),
        ):
            connection.execute(
                update(Operation).where(condition).values(values).execution_options(synchronize_session=False)
            )


def postpone_doubts(db: Database, seconds: float) -> None:
    """Let no look-up begin for `seconds`, and nothing be sent again by its leave: whether the clock is right is not known."""
    due_before = Operation.next_attempt_at < later(current_time, seconds / 2)
    is_asked = and_(in_doubt, Operation.needs_person.is_(False), due_before)
    permitted = and_(sendable, Operation.send_again_until.is_not(None), due_before)
    with db.write() as connection:
        for condition in (is_asked, permitted):
            connection.execute(
                update(Operation)
                .where(condition)
                .values(next_attempt_at=later(current_time, seconds))
                .execution_options(synchronize_session=False)
            )


def overdue_by(reading: ClockState) -> timedelta:
    """By how much the clock stands before the moment that it showed at the last look; zero where it does not."""
    if reading.seen_at is None or reading.at >= reading.seen_at:
        return timedelta(0)
    return reading.seen_at - reading.at
