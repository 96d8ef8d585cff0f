"""A database's clock that is set back or forward loses nothing, doubles nothing, and ends nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models import Environment, Hold, HoldReason, Lane, Scope, State
from tests.clock import FixedClock
from tests.factory import MOMENT, make_hold
from tests.outbox.steps import make, read
from worker.clock_watch import ClockWatch, Waits
from worker.outbox import Database
from worker.outbox.upkeep import clock as clocks

HOUR = 3600.0
WAITS = Waits(lease=45, quiet=900)


class Host:
    """A host with a clock of its own that nothing sets."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock, self.seconds = clock, 0.0

    def elapse(self, seconds: float) -> None:
        """Let time pass, for the database too."""
        self.seconds += seconds
        self.clock.advance(seconds)

    def watch(self) -> ClockWatch:
        """Begin to watch in a process of the host."""
        return ClockWatch(lambda: self.seconds)


@pytest.fixture
def host(clock: FixedClock) -> Host:
    return Host(clock)


@pytest.fixture
def watched(db: Database, host: Host) -> Callable[[], bool]:
    """A process that has looked at the clock; it looks again five seconds later, and tells whether it trusts it."""
    watch = host.watch()
    watch.look(db, WAITS)

    def look() -> bool:
        host.elapse(5)
        return watch.look(db, WAITS)

    look()
    return look


def row_of(db: Database, model: Any) -> Any:
    with db.read() as connection:
        return connection.execute(select(model.__table__)).one()


def test_a_clock_that_only_goes_on_is_trusted(db: Database, watched: Callable[[], bool]) -> None:
    assert watched()
    assert row_of(db, Environment).clock_stepped == 0


def test_drift_is_no_step(clock: FixedClock, watched: Callable[[], bool]) -> None:
    clock.advance(9)
    assert watched()


def test_a_first_look_long_after_the_last_trusts_nothing(db: Database, host: Host, watched: Callable[[], bool]) -> None:
    host.elapse(HOUR)
    fresh = host.watch()
    assert not fresh.look(db, WAITS)
    host.elapse(15)
    assert fresh.look(db, WAITS)
    assert watched()


def test_a_step_is_on_record_once(db: Database, clock: FixedClock, host: Host) -> None:
    watches = [host.watch(), host.watch()]
    for watch in watches:
        watch.look(db, WAITS)
    clock.advance(HOUR)
    for _ in range(3):
        host.elapse(5)
        for watch in watches:
            watch.look(db, WAITS)
    assert row_of(db, Environment).clock_stepped == pytest.approx(HOUR, abs=1)


def test_a_step_forward_is_not_trusted_until_confirmed(
    db: Database, clock: FixedClock, watched: Callable[[], bool]
) -> None:
    clock.advance(HOUR)
    assert [watched(), watched(), watched()] == [False, False, False]
    clocks.mend(db, WAITS.lease, WAITS.quiet)
    assert watched()


def test_a_step_that_is_undone_needs_no_confirmation(
    db: Database, clock: FixedClock, watched: Callable[[], bool]
) -> None:
    clock.advance(HOUR)
    watched()
    clock.advance(-HOUR)
    watched()
    assert watched()
    assert clocks.without_drift(row_of(db, Environment).clock_stepped) == 0


def test_a_step_back_without_any_process_is_seen(db: Database, clock: FixedClock, watched: Callable[[], bool]) -> None:
    watched()
    clock.advance(-HOUR)
    Host(clock).watch().look(db, WAITS)
    assert row_of(db, Environment).clock_stepped == pytest.approx(-HOUR, abs=1)


def test_after_a_step_back_nothing_waits_longer(db: Database, clock: FixedClock, watched: Callable[[], bool]) -> None:
    new = make(db, next_attempt_at=clock.moment)
    tried = make(db, State.RETRYABLE, next_attempt_at=clock.moment + timedelta(minutes=10))
    chosen_time = clock.moment + timedelta(hours=3)
    chosen = make(db, next_attempt_at=chosen_time, send_after=chosen_time)
    clock.advance(-HOUR)
    watched()
    assert read(db, new).next_attempt_at <= clock.moment
    assert read(db, tried).next_attempt_at <= clock.moment + timedelta(minutes=10)
    assert read(db, chosen).next_attempt_at == chosen_time
    assert row_of(db, Lane).due_at <= clock.moment


def test_after_a_step_back_holds_and_leases_end_in_time(
    db: Database, clock: FixedClock, watched: Callable[[], bool]
) -> None:
    with db.write() as connection:
        make_hold(connection, at=clock.moment, until=clock.moment + timedelta(minutes=2))
        make_hold(connection, Scope.ENVIRONMENT, at=clock.moment, until=None, reason=HoldReason.PAUSED)
    make(db, State.IN_FLIGHT)
    clock.advance(-HOUR)
    watched()
    with db.read() as connection:
        untils = connection.scalars(select(Hold.until).order_by(Hold.id)).all()
    assert untils[0] is not None
    assert untils[0] <= clock.moment + timedelta(minutes=2)
    assert untils[1] is None
    assert row_of(db, Lane).lease_until <= clock.moment + timedelta(seconds=45)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_doubt_waits_anew_after_a_step(
    db: Database, clock: FixedClock, watched: Callable[[], bool], step: float
) -> None:
    doubtful = make(
        db, State.IN_DOUBT, needs_person=False, next_attempt_at=clock.moment + timedelta(minutes=5), absent_since=MOMENT
    )
    permitted = make(db, State.RETRYABLE, send_again_until=clock.moment + timedelta(minutes=5))
    clock.advance(step)
    watched()
    soonest = clock.moment + timedelta(seconds=WAITS.quiet - 1)
    assert read(db, doubtful).next_attempt_at >= soonest
    assert read(db, doubtful).absent_since is None
    assert read(db, permitted).send_again_until < clock.moment
    assert read(db, permitted).next_attempt_at >= soonest


def test_no_doubt_is_looked_up_while_a_step_forward_stands(
    db: Database, clock: FixedClock, host: Host, watched: Callable[[], bool]
) -> None:
    doubtful = make(db, State.IN_DOUBT, needs_person=False)
    clock.advance(HOUR)
    for _ in range(300):
        host.elapse(10)
        watched()
    assert read(db, doubtful).next_attempt_at > clock.moment


def test_a_confirmed_step_back_is_on_record_for_all(
    db: Database, clock: FixedClock, watched: Callable[[], bool]
) -> None:
    watched()
    clock.advance(-HOUR)
    clocks.mend(db, WAITS.lease, WAITS.quiet)
    assert watched()
    assert row_of(db, Environment).clock_confirmed == pytest.approx(-HOUR, abs=10)
