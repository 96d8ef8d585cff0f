"""A look-up of a comeback proves no absence by Vitec's clock, by a time that was mangled, or by an id that is not unique."""

from typing import Any

import pytest

from tests.kinds.test_comeback import ABSENT, SENT, UNCLEAR, answer, comeback, judge, meeting
from worker.kind import Presence

PRESENT = (Presence.PRESENT, "CAL1")


@pytest.mark.parametrize(
    "created",
    [
        "2026-12-01T08:59:54.9999999",
        "2026-12-01T08:59:00",
        "2026-12-01T08:00:01.497",
        "2026-12-01T00:00:00",
        "2026-11-30T08:59:54",
        "2026-11-28T00:00:00",
        "2026-11-01T00:00:00",
        "2026-12-01T07:00:01-12:00",
        "0001-01-02T00:00:00",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59",
        "2026-12-01",
        "i går",
        "",
        None,
        0,
    ],
)
def test_a_meeting_at_our_time_is_never_absent(created: object) -> None:
    """Seconds behind, cut to the minute, in UTC, cut to the day, days behind, cut to the month, none at all."""
    result = comeback().find(answer(meeting(createdAt=created)), sent_at=SENT, known_ids=(), asked_at=SENT)
    assert result.presence is not Presence.ABSENT


@pytest.mark.parametrize(
    "created",
    ["2026-12-01T08:59:54.9999999", "2026-12-01T08:00:01", "2026-12-01T00:00:00", "2026-10-28T00:00:00", None],
)
def test_a_meeting_that_may_be_older_is_unclear(created: str | None) -> None:
    assert judge(answer(meeting(createdAt=created))) == UNCLEAR


def test_a_meeting_over_a_month_old_is_another() -> None:
    old = meeting(createdAt="2026-10-27T08:59:59")
    assert judge(answer(old)) == ABSENT
    assert judge(answer(old, meeting(id="CAL2"))) == (Presence.PRESENT, "CAL2")


def test_a_meeting_without_a_time_of_making_hides_none_elsewhere() -> None:
    assert judge(answer(meeting(), meeting(id="CAL2", createdAt=None, meetingDate="2026-12-08T14:00:00"))) == PRESENT
    assert judge(answer(meeting(createdAt=None, meetingDate="2026-12-08T14:00:00"))) == ABSENT


def test_a_meeting_made_in_the_future_proves_nothing() -> None:
    for created, presence in (("2026-12-01T09:16", Presence.PRESENT), ("2026-12-01T09:17:01", Presence.UNCLEAR)):
        asked_at = SENT.replace(minute=15)
        result = comeback().find(answer(meeting(createdAt=created)), sent_at=SENT, known_ids=(), asked_at=asked_at)
        assert result.presence is presence


@pytest.mark.parametrize("created", ["2026-12-01T08:00:01Z", "2026-12-01T09:00:01.12345678+01:00"])
@pytest.mark.parametrize("date", ["2026-12-09T13:00:00Z", "2026-12-09T14:00:00.0000000+01:00"])
def test_times_with_an_offset_are_read(created: str, date: str) -> None:
    assert judge(answer(meeting(createdAt=created, meetingDate=date))) == PRESENT


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-12-09 14:30:45", "2026-12-09T14:30:00"),
        ("2026-12-09 14:30:45", "2026-12-09T14:31:00"),
        ("2026-12-09 14:30:45", "2026-12-09T14:30:44.9999999"),
        ("2026-12-09 14:30:45", "2026-12-09T14:00:00"),
        ("2026-12-09 14:30:45", "2026-12-09T00:00:00"),
        ("2026-12-09 14:30:45", "2026-12-09T13:30:45"),
        ("2026-12-09 14:30:45", "2026-12-09T13:30:00"),
        ("2026-07-09 14:30:45", "2026-07-09T12:30:45"),
        ("2026-12-09 00:30:00", "2026-12-08T23:30:00"),
        ("2026-12-09 14:30:45", "2026-12-09T14:30:45Z"),
    ],
)
def test_a_time_that_may_stem_from_ours_is_unclear(sent: str, shown: str) -> None:
    """Cut, rounded, told in UTC without a mark, or marked as UTC though it is not."""
    result = comeback(sent).find(answer(meeting(meetingDate=shown)), sent_at=SENT, known_ids=())
    assert result.presence is Presence.UNCLEAR


@pytest.mark.parametrize("shown", ["2026-12-09T14:30:46", "2026-12-09T15:30:45", "2026-12-08T14:30:45"])
def test_another_time_is_absent(shown: str) -> None:
    result = comeback("2026-12-09 14:30:45").find(answer(meeting(meetingDate=shown)), sent_at=SENT, known_ids=())
    assert result.presence is Presence.ABSENT


def test_a_mangled_time_counts_only_where_ours_is_not_there() -> None:
    cut = meeting(id="CAL2", meetingDate="2026-12-09T00:00:00")
    assert judge(answer(meeting(), cut)) == PRESENT
    assert judge(answer(cut), known_ids=("CAL2",)) == ABSENT


@pytest.mark.parametrize(
    ("known_ids", "shown"),
    [
        (("CAL9",), [meeting()]),
        (("CAL1", "CAL1"), [meeting()]),
        (("CAL1",), [meeting(), meeting()]),
        (("CAL1", "CAL1"), [meeting(), meeting(id="CAL2")]),
        (("CAL1", "CAL9"), [meeting(), meeting(id="CAL2")]),
        ((), [meeting(id=None)]),
        (("CAL1",), [meeting(), meeting(id="")]),
    ],
)
def test_an_id_that_tells_no_rival_apart_is_unclear(known_ids: tuple[str, ...], shown: list[Any]) -> None:
    """A rival's id is not listed, or is listed twice; two rivals have the same; or an entry has none."""
    assert judge(answer(*shown), known_ids=known_ids) == UNCLEAR


def test_a_rival_that_is_not_listed_hides_no_absence() -> None:
    assert judge(answer(), known_ids=("CAL9",)) == ABSENT
    assert judge(answer(meeting(meetingDate="2026-12-08T14:00:00")), known_ids=("CAL9", "CAL9")) == ABSENT
