"""A wrong clock dates what a client sees, and nothing in the ledger's own column."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from pydantic import ValidationError

from tests.sandbox.client import MEETINGS, call, get
from worker.sandbox import CallKind, Cut, Sandbox, Script, WrongClock
from worker.sandbox.api.times import as_wall_clock

MOMENT = datetime(2026, 7, 9, 12, 30, 45, 123_000, UTC)


@pytest.mark.parametrize(
    ("clock", "shown"),
    [
        (WrongClock(), "2026-07-09T14:30:45.123000"),
        (WrongClock(lead=-45.123), "2026-07-09T14:30:00"),
        (WrongClock(lead=86_400), "2026-07-10T14:30:45.123000"),
        (WrongClock(in_utc=True), "2026-07-09T12:30:45.123000"),
        (WrongClock(cut=Cut.MINUTE), "2026-07-09T14:30:00"),
        (WrongClock(cut=Cut.HOUR, lead=-3600), "2026-07-09T13:00:00"),
        (WrongClock(cut=Cut.DAY, in_utc=True), "2026-07-09T00:00:00"),
    ],
)
def test_the_time_of_making_is_as_wrong_as_asked(clock: WrongClock, shown: str) -> None:
    assert as_wall_clock(clock.date_making(MOMENT)).isoformat() == shown


@pytest.mark.parametrize("clock", [{"lead": 1e9}, {"cut": "year"}, {"ahead": 1}])
def test_a_clock_that_there_is_not_is_refused(clock: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Script.read({"clock": clock})


def test_answers_and_meetings_are_dated_by_the_wrong_clock(sandbox: Sandbox) -> None:
    before = datetime.now(UTC)
    sandbox.play({"clock": {"lead": -7200, "cut": "hour"}})
    dated = parsedate_to_datetime(call(sandbox, CallKind.COMEBACK).headers["Date"])
    assert timedelta(seconds=-2) < dated + timedelta(hours=2) - before < timedelta(seconds=30)
    (meeting,) = get(sandbox, MEETINGS).json["meetings"]
    made = datetime.fromisoformat(meeting["createdAt"])
    assert (made.minute, made.second) == (0, 0)
    assert timedelta(hours=1, minutes=59) < as_wall_clock(before) - made < timedelta(hours=3, seconds=30)
    (entry,) = sandbox.ledger.applied()
    assert datetime.fromisoformat(entry.received_at) >= before


def test_an_end_of_the_faults_sets_the_clock_right(sandbox: Sandbox) -> None:
    sandbox.play({"clock": {"lead": 3600}})
    sandbox.play(None)
    dated = parsedate_to_datetime(call(sandbox, CallKind.COMEBACK).headers["Date"])
    assert abs(dated - datetime.now(UTC)) < timedelta(seconds=30)
