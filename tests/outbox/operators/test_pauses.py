"""A person holds a scope, and ends a hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from models import Hold, HoldReason, Scope
from tests.clock import FixedClock
from tests.factory import MOMENT, make_hold, make_lane, make_operation
from worker.outbox import Database, connect
from worker.outbox.lanes import turns
from worker.outbox.operators import pauses
from worker.outbox.operators.pauses import HoldScope

EVERYTHING = HoldScope(Scope.ENVIRONMENT)
GROUP = HoldScope(Scope.GROUP, "M30001", function_group="crm-contact")
LANE = HoldScope(Scope.LANE, "M30001", kind="comeback")


def holds(db: Database) -> list[Any]:
    """Read all holds."""
    with db.read() as connection:
        return list(connection.execute(select(Hold.__table__).order_by(Hold.id)).all())


def due(db: Database) -> bool:
    """Whether the lane with something to do may be served."""
    return turns.due_kinds(db) == {"comeback": 1}


def give_work(db: Database) -> None:
    """Make an operation that is due."""
    with db.write() as connection:
        make_operation(connection)
    turns.wake_lanes(db, [("M30001", "comeback")])


@pytest.mark.parametrize("span", [EVERYTHING, GROUP, LANE], ids=lambda span: span.scope)
def test_a_paused_scope_is_not_served_until_it_is_resumed(db: Database, clock: FixedClock, span: HoldScope) -> None:
    give_work(db)
    assert due(db)
    assert pauses.pause(db, [span], by="anna", note="stängt") == [span]
    clock.advance(86400 * 365)
    assert not due(db)
    assert pauses.resume(db, [span]) == [span]
    assert due(db)
    assert holds(db) == []


def test_a_pause_records_its_author_and_reason(db: Database) -> None:
    pauses.pause(db, [GROUP], by="anna", note="stängt")
    (hold,) = holds(db)
    assert hold.reason is HoldReason.PAUSED
    assert hold.by == "anna"
    assert hold.note == "stängt"
    assert hold.until is None
    assert hold.since == MOMENT


def test_a_second_pause_changes_nothing(db: Database) -> None:
    pauses.pause(db, [GROUP], by="anna", note="stängt")
    assert pauses.pause(db, [GROUP, LANE], by="bo", note=None) == [LANE]
    assert holds(db)[0].by == "anna"


def test_another_scope_and_another_reason_go_on_holding(db: Database) -> None:
    with db.write() as connection:
        make_hold(connection)
    pauses.pause(db, [GROUP, LANE], by="anna", note=None)
    assert pauses.resume(db, [GROUP]) == [GROUP]
    assert [(hold.scope, hold.reason) for hold in holds(db)] == [
        (Scope.GROUP, HoldReason.UNAUTHORIZED),
        (Scope.LANE, HoldReason.PAUSED),
    ]


def test_ending_another_hold_early_lets_one_go_first(db: Database) -> None:
    with db.write() as connection:
        make_hold(connection, strikes=3)
    give_work(db)
    assert not due(db)
    assert pauses.resume(db, [GROUP], HoldReason.UNAUTHORIZED) == [GROUP]
    (hold,) = holds(db)
    # The row stays, without its strikes: a refusal after a person's word does not double the wait.
    assert (hold.until, hold.strikes) == (MOMENT, 0)
    assert due(db)


def test_an_expired_hold_is_not_resumed(db: Database) -> None:
    with db.write() as connection:
        make_hold(connection, until=MOMENT - timedelta(seconds=1))
    assert pauses.resume(db, [GROUP], HoldReason.UNAUTHORIZED) == []
    assert pauses.resume(db, [GROUP]) == []


def test_kinds_under_a_scope_are_those_with_lanes_there(db: Database) -> None:
    with db.write() as connection:
        make_lane(connection)
        make_lane(connection, kind="order_token")
        make_lane(connection, "M30002", "appointment")
    assert pauses.kinds_under(db, [EVERYTHING]) == {"comeback", "order_token", "appointment"}
    assert pauses.kinds_under(db, [GROUP]) == {"comeback"}
    assert pauses.kinds_under(db, [LANE, HoldScope(Scope.GROUP, "M30002", function_group="crm-contact")]) == {
        "comeback",
        "appointment",
    }


def test_a_pause_works_before_the_first_worker_has_started(database_url: str) -> None:
    engine = FixedClock().rule(connect(database_url))
    empty = Database(engine)
    assert pauses.pause(empty, [EVERYTHING], by="anna", note=None) == [EVERYTHING]
    engine.dispose()


def test_the_environment_is_locked_before_any_hold(pg_db: Database) -> None:
    """An exchange that settles holds the environment: a pause waits for it, and neither for the other in a circle."""
    with pg_db.write() as connection:
        connection.execute(text("SELECT id FROM environments FOR NO KEY UPDATE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            pauses.pause(pg_db, [EVERYTHING], by="anna", note=None)
    assert holds(pg_db) == []
