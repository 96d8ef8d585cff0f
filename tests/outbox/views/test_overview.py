"""How the whole stands, at a glance."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from models import HoldReason, Scope, State
from tests.factory import BASE_URL, MOMENT, make_feed_file, make_hold, make_operation, make_rejected_row
from worker.outbox import Database
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.lanes import turns
from worker.outbox.views.overview import LATEST_FILES, read_overview

if TYPE_CHECKING:
    from tests.clock import FixedClock


def test_an_empty_outbox_has_nothing_to_tell(db: Database) -> None:
    overview = read_overview(db)
    assert overview.counts == {}
    assert overview.due_since is None
    assert overview.due_lanes == 0
    assert overview.held == 0
    assert overview.need_person == 0
    assert overview.holds == []
    assert overview.turns == []
    assert overview.files == []
    assert overview.unreported == 0
    assert overview.unreported_rejected == 0
    assert overview.at == MOMENT
    assert overview.base_url == BASE_URL
    assert overview.dispatched_at is None


def test_operations_are_counted_by_kind_and_state(db: Database) -> None:
    with db.write() as connection:
        for state in State:
            make_operation(connection, state)
        make_operation(connection, kind="appointment")
    counts = read_overview(db).counts
    assert counts == {("appointment", State.PENDING): 1, **{("comeback", state): 1 for state in State}}


def test_ended_rows_can_be_left_out(db: Database) -> None:
    with db.write() as connection:
        for state in State:
            make_operation(connection, state)
    alive = {State.PENDING, State.RETRYABLE, State.IN_FLIGHT, State.IN_DOUBT}
    assert read_overview(db, finals=False).counts == {("comeback", state): 1 for state in alive}


def test_the_overview_shows_the_longest_waiting_lane(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        make_operation(connection, next_attempt_at=MOMENT)
        make_operation(connection, kind="appointment", next_attempt_at=MOMENT - timedelta(seconds=30))
        make_operation(connection, kind="notification", next_attempt_at=MOMENT + timedelta(hours=1))
    turns.wake_lanes(db, [("M30001", kind) for kind in ("comeback", "appointment", "notification")])
    clock.advance(10)
    overview = read_overview(db)
    assert (overview.due_since, overview.due_lanes) == (MOMENT - timedelta(seconds=30), 2)


def test_held_rows_are_not_due(db: Database) -> None:
    with db.write() as connection:
        make_operation(connection)
        make_operation(connection, State.FAILED)
        make_operation(connection, customer_id="M30002", next_attempt_at=MOMENT)
        make_hold(connection)
    turns.wake_lanes(db, [("M30001", "comeback"), ("M30002", "comeback")])
    overview = read_overview(db)
    assert (overview.held, overview.due_lanes) == (1, 1)


def test_each_hold_knows_how_many_it_covers(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        everything = make_hold(connection, Scope.ENVIRONMENT, reason=HoldReason.UNAVAILABLE)
        group = make_hold(connection)
        for state in State:
            make_operation(connection, state)
        make_operation(connection, State.IN_DOUBT, needs_person=False)
        make_operation(connection, customer_id="M30002")
    assert read_overview(db).hold_counts == {everything: 4, group: 3}
    clock.advance(7200)
    assert read_overview(db).hold_counts == {everything: 4, group: 3}


def test_a_kind_outside_its_hours_is_not_due(db: Database) -> None:
    with db.write() as connection:
        make_operation(connection, next_attempt_at=MOMENT)
        make_operation(connection, kind="notification", next_attempt_at=MOMENT)
    turns.wake_lanes(db, [("M30001", "comeback"), ("M30001", "notification")])
    closed = Database(db.engine, SendingHours.of({"notification": "12:00-20:00"}))
    assert [due.kind for due in read_overview(db).due] == ["comeback", "notification"]
    assert [due.kind for due in read_overview(closed).due] == ["comeback"]


def test_holds_come_with_those_of_people_first(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        make_hold(connection)
        make_hold(connection, Scope.LANE, reason=HoldReason.PAUSED, until=None)
    clock.advance(7200)
    assert [(hold["reason"], bool(hold["holds"])) for hold in read_overview(db).holds] == [
        (HoldReason.PAUSED, True),
        (HoldReason.UNAUTHORIZED, False),
    ]


def test_a_turn_is_shown_while_its_lease_lasts(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        make_operation(connection, State.IN_FLIGHT)
    assert [turn["worker"] for turn in read_overview(db).turns] == ["host:4711"]
    clock.advance(46)
    assert read_overview(db).turns == []


def test_the_latest_files_come_first(db: Database) -> None:
    with db.write() as connection:
        for number in range(LATEST_FILES + 1):
            make_feed_file(connection, name=f"{number}.csv")
    assert [file["name"] for file in read_overview(db).files] == [f"{n}.csv" for n in range(LATEST_FILES, 0, -1)]


def test_unreported_rows_are_counted(db: Database) -> None:
    with db.write() as connection:
        make_operation(connection, State.PENDING)
        make_operation(connection, State.SUCCEEDED)
        make_operation(connection, State.IN_DOUBT)
        make_operation(connection, State.FAILED, reported_at=MOMENT)
        make_rejected_row(connection)
        make_rejected_row(connection, reported_at=MOMENT)
    overview = read_overview(db)
    assert overview.unreported == 2
    assert overview.unreported_rejected == 1
    assert overview.need_person == 1
