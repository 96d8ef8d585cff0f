"""A person holds a scope, and ends a hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from models import Hold, Reason, Scope
from tests.factory import MOMENT, make_hold, make_lane, make_operation
from worker.outbox import FixedClock, Outbox, connect
from worker.outbox.lanes import turns as lanes
from worker.outbox.operators import pauses as pausing
from worker.outbox.operators.pauses import Span

EVERYTHING = Span(Scope.ENVIRONMENT)
GROUP = Span(Scope.GROUP, "M30001", function_group="crm-contact")
LANE = Span(Scope.LANE, "M30001", kind="comeback")


def holds(box: Outbox) -> list[Any]:
    """Read all holds."""
    with box.read() as connection:
        return list(connection.execute(select(Hold.__table__).order_by(Hold.id)).all())


def due(box: Outbox) -> bool:
    """Whether the lane with something to do may be served."""
    return lanes.due_kinds(box) == {"comeback": 1}


def give_work(box: Outbox) -> None:
    """Make an operation that is due."""
    with box.write() as connection:
        make_operation(connection)
    lanes.wake(box, [("M30001", "comeback")])


@pytest.mark.parametrize("span", [EVERYTHING, GROUP, LANE], ids=lambda span: span.scope)
def test_a_paused_scope_is_not_served_until_it_is_resumed(box: Outbox, clock: FixedClock, span: Span) -> None:
    give_work(box)
    assert due(box)
    assert pausing.pause(box, [span], by="anna", note="stängt") == [span]
    clock.advance(86400 * 365)
    assert not due(box)
    assert pausing.resume(box, [span]) == [span]
    assert due(box)
    assert holds(box) == []


def test_a_pause_says_who_and_why(box: Outbox) -> None:
    pausing.pause(box, [GROUP], by="anna", note="stängt")
    (hold,) = holds(box)
    assert (hold.reason, hold.by, hold.note, hold.until, hold.since) == (Reason.PAUSED, "anna", "stängt", None, MOMENT)


def test_a_second_pause_changes_nothing(box: Outbox) -> None:
    pausing.pause(box, [GROUP], by="anna", note="stängt")
    assert pausing.pause(box, [GROUP, LANE], by="bo", note=None) == [LANE]
    assert holds(box)[0].by == "anna"


def test_another_scope_and_another_reason_go_on_holding(box: Outbox) -> None:
    with box.write() as connection:
        make_hold(connection)
    pausing.pause(box, [GROUP, LANE], by="anna", note=None)
    assert pausing.resume(box, [GROUP]) == [GROUP]
    assert [(hold.scope, hold.reason) for hold in holds(box)] == [
        (Scope.GROUP, Reason.UNAUTHORIZED),
        (Scope.LANE, Reason.PAUSED),
    ]


def test_ending_another_hold_early_lets_one_go_first(box: Outbox) -> None:
    with box.write() as connection:
        make_hold(connection, strikes=3)
    give_work(box)
    assert not due(box)
    assert pausing.resume(box, [GROUP], Reason.UNAUTHORIZED) == [GROUP]
    (hold,) = holds(box)
    # The row stays, with its strikes: if the reason comes back, the next wait is longer.
    assert (hold.until, hold.strikes) == (MOMENT, 3)
    assert due(box)


def test_nothing_is_ended_twice(box: Outbox) -> None:
    with box.write() as connection:
        make_hold(connection, until=MOMENT - timedelta(seconds=1))
    assert pausing.resume(box, [GROUP], Reason.UNAUTHORIZED) == []
    assert pausing.resume(box, [GROUP]) == []


def test_the_kinds_to_ring_for_are_those_with_lanes_under_the_scope(box: Outbox) -> None:
    with box.write() as connection:
        make_lane(connection)
        make_lane(connection, kind="order_token")
        make_lane(connection, "M30002", "appointment")
    assert pausing.kinds_under(box, [EVERYTHING]) == {"comeback", "order_token", "appointment"}
    assert pausing.kinds_under(box, [GROUP]) == {"comeback"}
    assert pausing.kinds_under(box, [LANE, Span(Scope.GROUP, "M30002", function_group="crm-contact")]) == {
        "comeback",
        "appointment",
    }


def test_a_pause_works_before_the_first_worker_has_started(database_url: str) -> None:
    engine = connect(database_url)
    empty = Outbox(engine, FixedClock())
    assert pausing.pause(empty, [EVERYTHING], by="anna", note=None) == [EVERYTHING]
    engine.dispose()


def test_the_environment_is_locked_before_any_hold(pg_box: Outbox) -> None:
    """Whoever settles holds the environment: a pause waits for it, and neither for the other in a circle."""
    with pg_box.write() as connection:
        connection.execute(text("SELECT id FROM environments FOR NO KEY UPDATE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            pausing.pause(pg_box, [EVERYTHING], by="anna", note=None)
    assert holds(pg_box) == []
