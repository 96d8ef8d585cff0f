"""Sending hours: the clock in Stockholm decides, and outside them nothing of the kind is due."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import State
from tests import factory
from tests.clock import FixedClock
from tests.outbox.steps import release
from worker.outbox import Database
from worker.outbox.database.sending_hours import SendingHours, Window
from worker.outbox.lanes import turns
from worker.stockholm import STOCKHOLM

DAY = Window(time(8), time(20))
NIGHT = Window(time(22), time(6))


def at(text: str) -> datetime:
    """A moment by the clock in Stockholm."""
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


@pytest.mark.parametrize(
    ("window", "clock", "holds"),
    [
        (DAY, "2026-12-01T07:59:59", False),
        (DAY, "2026-12-01T08:00", True),
        (DAY, "2026-12-01T20:00", False),
        (DAY, "2026-07-01T08:00", True),
        (NIGHT, "2026-12-01T23:00", True),
        (NIGHT, "2026-12-01T05:59", True),
        (NIGHT, "2026-12-01T06:00", False),
    ],
)
def test_the_clock_in_stockholm_decides(window: Window, clock: str, *, holds: bool) -> None:
    assert window.holds(at(clock).astimezone(UTC)) is holds


@pytest.mark.parametrize(
    ("window", "moment", "opens"),
    [
        (DAY, "2026-12-01T03:00", "2026-12-01T08:00"),
        (DAY, "2026-12-01T21:00", "2026-12-02T08:00"),
        (DAY, "2026-12-01T12:00", "2026-12-01T12:00"),
        (NIGHT, "2026-12-01T12:00", "2026-12-01T22:00"),
        (DAY, "2027-03-27T21:00", "2027-03-28T08:00"),
    ],
)
def test_a_window_opens_at_its_next_beginning(window: Window, moment: str, opens: str) -> None:
    assert window.opens(at(moment).astimezone(UTC)) == at(opens)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)), st.times(), st.times())  # noqa: DTZ001
def test_a_window_is_open_when_it_opens(moment: datetime, begins: time, ends: time) -> None:
    if begins != ends:
        window = Window(begins, ends)
        opening = window.opens(moment.replace(tzinfo=UTC))
        # In the hour that summer time skips no clock shows the beginning: it opens with the next one that is shown.
        assert (
            window.holds(opening)
            or opening.astimezone(STOCKHOLM).utcoffset() != moment.replace(tzinfo=UTC).astimezone(STOCKHOLM).utcoffset()
        )


@pytest.mark.parametrize("written", ["8-20", "08:00-08:00", "25:00-26:00", "", "08:00-20:00 Mon"])
def test_hours_that_cannot_be_meant_are_refused_with_the_remedy(written: str) -> None:
    with pytest.raises(ValueError, match="08:00-20:00"):
        Window.of(written)


def test_outside_its_hours_nothing_of_the_kind_is_due(db: Database, clock: FixedClock) -> None:
    limited = Database(db.engine, SendingHours.of({"comeback": "12:00-20:00"}))
    with db.write() as connection:
        factory.make_operation(connection, State.PENDING)
        factory.make_operation(connection, State.PENDING, kind="appointment")
    keys = [("M30001", "comeback"), ("M30001", "appointment")]
    turns.wake_lanes(limited, keys)
    # It is ten o'clock in Stockholm.
    assert turns.due_kinds(limited) == {"appointment": 1}
    assert turns.take_turn(limited, "comeback", lease=45, worker="here:1") is None
    assert turns.is_outside_hours(limited, "comeback")
    clock.advance(2 * 3600)
    assert turns.due_kinds(limited) == {"appointment": 1, "comeback": 1}
    turn = turns.take_turn(limited, "comeback", lease=45, worker="here:1")
    assert turn is not None
    clock.advance(8 * 3600)
    assert release(limited, turn) is None
    assert turns.take_turn(limited, "appointment", lease=45, worker="here:1") is not None
    assert not turns.any_lane_is_due(limited)
