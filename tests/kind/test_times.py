"""Times as offices write them and as Vitec writes them, over both nights when Stockholm's clocks change."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.kind import BadCell
from worker.kind.cells import moment, moment_or_day, read_time
from worker.stockholm import STOCKHOLM


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("2026-12-02 09:15", "2026-12-02T09:15:00+01:00"),
        ("2026-12-02 09:15:30", "2026-12-02T09:15:30+01:00"),
        ("2026-07-02T09:15", "2026-07-02T09:15:00+02:00"),
        ("2026-12-02T09:15:30.9999999", "2026-12-02T09:15:30+01:00"),
        ("2026-12-02T09:15:30,5+01:00", "2026-12-02T09:15:30+01:00"),
        ("2026-12-02T23:30:00Z", "2026-12-03T00:30:00+01:00"),
        ("2026-07-02T09:15-0500", "2026-07-02T16:15:00+02:00"),
        ("2026-07-02T09:15+05", "2026-07-02T06:15:00+02:00"),
        ("2027-03-28T01:59:59", "2027-03-28T01:59:59+01:00"),
        ("2027-03-28T03:00", "2027-03-28T03:00:00+02:00"),
        ("2027-03-28T02:30+01:00", "2027-03-28T03:30:00+02:00"),
        ("2027-10-31T01:59", "2027-10-31T01:59:00+02:00"),
        ("2027-10-31T03:00", "2027-10-31T03:00:00+01:00"),
        ("2027-10-31T02:30+02:00", "2027-10-31T02:30:00+02:00"),
        ("2027-10-31T02:30+01:00", "2027-10-31T02:30:00+01:00"),
        ("2027-10-31T00:30Z", "2027-10-31T02:30:00+02:00"),
        ("2099-12-31T23:59:59", "2099-12-31T23:59:59+01:00"),
    ],
)
def test_a_time_is_sent_in_seconds_with_stockholms_offset(written: str, sent: str) -> None:
    assert moment(f" {written} ") == sent


@pytest.mark.parametrize(
    "written",
    [
        "2026-12-02 9:15",
        "2026-12-02  09:15",
        "2026-12-02t09:15",
        "2026-12-02 09.15",
        "2026-12-02 kl. 9.15.00",
        "2026-12-2 09:15",
        "2026/12/02 09:15",
        "2026.12.02 09:15",
        "2026-12-02\u00a009:15",
        "\u200e2026-12-02 09:15",
        "2026\u201112\u201102 09:15",
        "2026\u221212\u221202\u202f9:15",
        '="2026-12-02 09:15"',
        "'2026-12-02 09:15",
        datetime(2026, 12, 2, 9, 15),  # noqa: DTZ001
        datetime(2026, 12, 2, 8, 15, tzinfo=UTC),
    ],
)
def test_a_time_has_many_forms_that_mean_one(written: str | datetime) -> None:
    assert moment(written) == moment_or_day(written) == "2026-12-02T09:15:00+01:00"


@pytest.mark.parametrize(
    "written", ["2026-12-02", "2026-12-2", "2026/12/02", "2026\u201112\u201102", date(2026, 12, 2)]
)
def test_a_whole_day_is_kept_as_its_date(written: str | date) -> None:
    assert moment_or_day(written) == "2026-12-02"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2026-12-02", "without a time of day"),
        ("02.12.2026 9.15", "may stand first"),
        ("12/02/2026 09:15", "may stand first"),
        ("2-12-26 09:15", "may stand first"),
        ("20261202T091500", "without the signs"),
        ("20261202", "without the signs"),
        ("09:15", "without a date"),
        ("46358,38542", "the number that a spreadsheet keeps"),
        ("1764662400", "a number of seconds"),
        ("2026-12-02 9:15 PM", "a clock of twelve hours"),
        ("2026-12-02 09:15 CET", "time zone stands in letters"),
        ("2026-12-02T09:15[Europe/Stockholm]", "time zone stands in letters"),
        ("2026-12-02 i kväll", "not a date with a time"),
    ],
)
def test_a_form_that_is_not_taken_is_named(written: str, reason: str) -> None:
    with pytest.raises(BadCell, match=reason) as caught:
        moment(written)
    assert caught.value.code == "not_a_time"


@pytest.mark.parametrize("year", ["1899", "1900", "1904", "1970", "1999", "2000", "2001", "2100", "9999"])
def test_a_year_that_no_calendar_shows_is_refused(year: str) -> None:
    for read in (moment, moment_or_day):
        with pytest.raises(BadCell, match="between 2002 and 2099"):
            read(f"{year}-12-31 12:00")
    with pytest.raises(BadCell, match="between 2002 and 2099"):
        moment_or_day(f"{year}-12-31")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("2027-03-28T02:00", "no_such_time"),
        ("2027-03-28 02:59:59", "no_such_time"),
        ("2027-10-31T02:00", "ambiguous_time"),
        ("2027-10-31 02:59:59", "ambiguous_time"),
        ("2026-02-29T10:00", "not_a_time"),
        ("2026-12-02", "not_a_time"),
        ("2026-12-02T24:00", "not_a_time"),
        ("2026-12-02T09:60", "not_a_time"),
        ("2026-12-02T09:15:60", "not_a_time"),
        ("2026-12-02T09:15+25:00", "not_a_time"),
        ("02.12.2026 kl. 11:30", "not_a_time"),
        ("2026-12-02T09:15 Europe/Stockholm", "not_a_time"),
        ("٢٠٢٦-12-02T09:15", "not_a_time"),
        ("i morgon", "not_a_time"),
        ("1752-12-31T10:00", "out_of_range"),
        ("1800-01-01T10:00", "out_of_range"),
        ("0000-01-01T10:00", "not_a_time"),
        ("0001-01-01T00:00Z", "out_of_range"),
        ("9999-12-31T23:59:59-05:00", "not_a_time"),
    ],
)
def test_an_impossible_time_is_refused_with_its_own_reason(written: str, code: str) -> None:
    with pytest.raises(BadCell) as caught:
        read_time(written)
    assert caught.value.code == code
    assert written not in caught.value.reason
    assert caught.value.remedy


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_moment_survives_being_written_with_an_offset(at: datetime) -> None:
    at = at.replace(microsecond=0)
    # Two zones are compared as UTC: Python holds an hour that occurs twice for unequal to everything.
    assert read_time(at.isoformat()).astimezone(UTC) == at
    assert read_time(at.astimezone(STOCKHOLM).isoformat()).astimezone(UTC) == at
