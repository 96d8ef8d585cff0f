"""Times are Swedish wall-clock times, stored in steps of 1/300 s."""

from datetime import UTC, datetime

import pytest

from worker.sandbox.api.times import as_wall_clock, format_time, read_time, round_as_stored


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-12-03T10:00:00", datetime(2026, 12, 3, 10)),  # noqa: DTZ001  Naive is the point.
        ("2026-12-03T10:00", datetime(2026, 12, 3, 10)),  # noqa: DTZ001
        ("2026-12-03T10:00:00+01:00", datetime(2026, 12, 3, 10)),  # noqa: DTZ001
        ("2026-12-03T10:00:00Z", datetime(2026, 12, 3, 11)),  # noqa: DTZ001
        ("2026-07-03T10:00:00Z", datetime(2026, 7, 3, 12)),  # noqa: DTZ001
        ("2024-05-03T00:07:34.8013926+02:00", datetime(2024, 5, 3, 0, 7, 34, 801392)),  # noqa: DTZ001
    ],
)
def test_a_time_is_read_as_stockholms(text: str, time: datetime) -> None:
    assert read_time(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-12-03",
        "2026-13-03T10:00:00",
        "2026-02-30T10:00:00",
        "2026-12-03T24:30:00",
        "2026-12-03 10:00:00",
        "2026-12-03T10:00:00.12345678",
        "2026-12-03T10:00:00+25:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.9999999-01:00",
        "i morgon",
    ],
)
def test_an_unreadable_time_is_none(text: str) -> None:
    assert read_time(text) is None


def test_stored_times_have_sql_servers_steps() -> None:
    second = datetime(2026, 1, 1)  # noqa: DTZ001
    microseconds = [0, 1_000, 2_000, 5_000, 999_000]
    fractions = [round_as_stored(second.replace(microsecond=microsecond)).microsecond for microsecond in microseconds]
    assert fractions == [0, 0, 3_000, 7_000, 0]


def test_storing_rounds_into_the_next_second() -> None:
    assert round_as_stored(datetime(2026, 1, 1, 0, 0, 59, 999_500)) == datetime(2026, 1, 1, 0, 1)  # noqa: DTZ001


def test_a_time_has_the_decimals_asked_for_or_needed() -> None:
    whole, broken = datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 1, 2, 3, 4, 5, 7_000)  # noqa: DTZ001
    assert [format_time(whole, digits) for digits in (0, 1, 7)] == [
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05.0",
        "2026-01-02T03:04:05.0000000",
    ]
    assert format_time(broken, 1) == "2026-01-02T03:04:05.007"


def test_the_wall_clock_knows_summer_time() -> None:
    assert as_wall_clock(datetime(2026, 7, 1, 10, tzinfo=UTC)) == datetime(2026, 7, 1, 12)  # noqa: DTZ001
