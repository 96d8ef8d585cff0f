# ruff: noqa: DTZ001 (Vitec's times are naive)
"""Vitec's own times: by Stockholm's clock, marked or not, with any number of decimals, and mangled on their way."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.kind.read_back_times import possible_moments, possible_times, read_back_time
from worker.stockholm import STOCKHOLM


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_local_time_means_the_moment_it_was_read(at: datetime) -> None:
    earliest, latest = possible_moments(at.astimezone(STOCKHOLM).replace(tzinfo=None, microsecond=0))
    assert at.replace(microsecond=0) in {earliest, latest}
    assert latest - earliest in {timedelta(0), timedelta(hours=1)}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-09T14:00", datetime(2026, 12, 9, 14)),
        ("2026-12-09T14:00:00", datetime(2026, 12, 9, 14)),
        ("2026-12-09 14:00:00", datetime(2026, 12, 9, 14)),
        ("2026-12-09T14:00:00.3", datetime(2026, 12, 9, 14, 0, 0, 300_000)),
        ("2026-12-09T14:00:00.9970000", datetime(2026, 12, 9, 14, 0, 0, 997_000)),
        ("2026-12-09T14:00:00.123456789012", datetime(2026, 12, 9, 14, 0, 0, 123_456)),
    ],
)
def test_a_time_without_offset_has_any_number_of_decimals(text: str, meant: datetime) -> None:
    time = read_back_time(text)
    assert time is not None
    assert time.at == meant
    assert time.digits == meant
    assert time.earliest == time.latest == meant.replace(tzinfo=STOCKHOLM)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("2026-12-09T13:00:00Z", datetime(2026, 12, 9, 13)),
        ("2026-12-09T13:00:00.0000000z", datetime(2026, 12, 9, 13)),
        ("2026-12-09T14:00:00+01:00", datetime(2026, 12, 9, 14)),
        ("2026-12-09T18:30:00.00+0530", datetime(2026, 12, 9, 18, 30)),
        ("2026-12-09T12:00:00-01", datetime(2026, 12, 9, 12)),
    ],
)
def test_a_time_with_an_offset_means_its_own_moment(text: str, digits: datetime) -> None:
    time = read_back_time(text)
    assert time is not None
    assert time.at == datetime(2026, 12, 9, 14)
    assert time.digits == digits
    assert time.earliest == time.latest == datetime(2026, 12, 9, 13, tzinfo=UTC)


def test_a_time_in_a_repeated_hour_has_two_moments() -> None:
    time, marked = read_back_time("2026-10-25T02:30:00"), read_back_time("2026-10-25T02:30:00+01:00")
    assert time is not None
    assert marked is not None
    assert time.latest - time.earliest == timedelta(hours=1)
    assert marked.earliest == marked.latest == time.latest


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "2026-12-09",
        "2026-12-09T14:00:00.",
        "2026-12-09T14:00:00 Z",
        "2026-12-09T14:00:00+01:00:00",
        "2026-12-09T14:00:00+25:00",
        "2026-02-30T14:00:00",
        "2026-12-09T24:00:00",
        "2026-12-09T14:00:00\n",
        "09/12/2026 14:00:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-05:00",
        "2026-12-09T14:00:00." + "1" * 41,
    ],
)
def test_other_notations_are_no_time_of_vitecs(text: object) -> None:
    assert read_back_time(text) is None


@pytest.mark.parametrize(
    ("text", "placeholder"),
    [
        ("0001-01-02T00:00:00", True),
        ("1753-01-01T00:00:00", True),
        ("1970-01-01T00:00:00Z", True),
        ("9999-12-30T00:00:00", True),
        ("2026-12-09T14:00:00", False),
    ],
)
def test_a_time_that_means_none_is_a_placeholder(text: str, *, placeholder: bool) -> None:
    time = read_back_time(text)
    assert time is not None
    assert time.is_placeholder is placeholder


def test_a_time_may_have_been_cut_or_shifted() -> None:
    assert possible_times(datetime.fromisoformat("2026-07-09T14:30:45+02:00")) == {
        datetime(2026, 7, 9, *clock)
        for clock in (
            *((14, 30, 45), (14, 30), (14, 31), (14, 0), (0, 0)),
            *((12, 30, 45), (12, 30), (12, 31), (12, 0)),
        )
    }
