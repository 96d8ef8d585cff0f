"""An appointment: its times, its recurrence, its answer."""

from typing import Any

import pytest

from tests.kinds.reading import is_accepted_in_doubt, problems, row
from worker.kind import Answer, BadCells, OnDoubt
from worker.kinds import Appointment
from worker.outcome import Succeeded

ONCE: dict[str, Any] = {
    "recurrence": "",
    "recurrence_pattern": "",
    "recurrence_day_of_weeks": "",
    "recurrence_interval": "",
    "recurrence_month": "",
    "recurrence_day": "",
}
MORNING = {"starts_at": "2026-12-03T10:00", "ends_at": "2026-12-03T11:00"}


def recurring(pattern: str, **details: str) -> dict[str, str]:
    return {**ONCE, "recurrence": "ja", "recurrence_pattern": pattern, **details}


def test_an_end_before_the_start_is_refused_at_the_end() -> None:
    assert problems(Appointment, starts_at="2026-12-03T10:00", ends_at="2026-12-03T09:00") == [
        ("ends_at", "ends_before_start")
    ]


def test_an_end_at_the_start_is_meant() -> None:
    moment = "2026-12-03T10:00:00+01:00"
    assert row(Appointment, starts_at=moment, ends_at=moment, all_day_event="nej").ends_at == moment


@pytest.mark.parametrize(
    ("last", "ends_at"), [("24", "2026-12-24T00:00:00+01:00"), ("26", "2026-12-26T00:00:00+01:00")]
)
def test_a_whole_day_may_be_a_date(last: str, ends_at: str) -> None:
    days = {"starts_at": " 2026-12-24", "ends_at": f"2026-12-{last}", "all_day_event": "ja"}
    appointment = row(Appointment, **ONCE, **days)
    body = appointment.body()
    assert (body["startsAt"], body["endsAt"]) == ("2026-12-24T00:00:00+01:00", ends_at)
    assert list(body)[:5] == ["subject", "location", "startsAt", "endsAt", "allDayEvent"]
    assert Appointment.from_payload(appointment.payload()) == appointment


def test_a_whole_day_may_end_at_a_time() -> None:
    body = row(Appointment, **ONCE, starts_at="2026-06-06", ends_at="2026-06-06 23:59", all_day_event="ja").body()
    assert (body["startsAt"], body["endsAt"]) == ("2026-06-06T00:00:00+02:00", "2026-06-06T23:59:00+02:00")


@pytest.mark.parametrize("whole", ["", "nej"])
def test_a_date_without_a_time_is_a_whole_day_only(whole: str) -> None:
    days = {"starts_at": "2026-12-24", "ends_at": "2026-12-24 15:00", "all_day_event": whole}
    assert problems(Appointment, **ONCE, **days) == [("starts_at", "not_a_time")]


def test_days_are_checked_like_times() -> None:
    assert problems(Appointment, starts_at="2026-02-30", ends_at="2026-12-24") == [("starts_at", "not_a_time")]
    assert problems(Appointment, starts_at="2026-12-26", ends_at="2026-12-24") == [("ends_at", "ends_before_start")]


def test_start_and_end_are_compared_as_moments() -> None:
    """02:50 of summer time comes before 02:10 of the winter time that follows."""
    night = {"starts_at": "2027-10-31T02:50+02:00", "ends_at": "2027-10-31T02:10+01:00"}
    assert row(Appointment, **night).ends_at == "2027-10-31T02:10:00+01:00"
    assert problems(Appointment, starts_at=night["ends_at"], ends_at=night["starts_at"]) == [
        ("ends_at", "ends_before_start")
    ]


def test_a_time_in_the_spring_gap_is_refused() -> None:
    gap = {"starts_at": "2027-03-28T02:30", "ends_at": "2027-03-28T04:00"}
    assert problems(Appointment, **gap) == [("starts_at", "no_such_time")]


def test_a_time_in_the_autumn_hour_needs_an_offset() -> None:
    twice = {"starts_at": "2027-10-31T02:30", "ends_at": "2027-10-31T04:00"}
    assert problems(Appointment, **twice) == [("starts_at", "ambiguous_time")]
    appointment = row(Appointment, starts_at="2027-10-31T02:30+01:00", ends_at="2027-10-31T04:00+01:00")
    assert appointment.body()["startsAt"] == "2027-10-31T02:30:00+01:00"


def test_a_recurring_appointment_needs_its_pattern() -> None:
    assert problems(Appointment, **{**ONCE, "recurrence": "true"}) == [("recurrence_pattern", "missing")]


def test_an_unknown_pattern_is_reported_once() -> None:
    assert problems(Appointment, **recurring("Quarterly")) == [("recurrence_pattern", "unknown_word")]


def test_a_weekly_appointment_needs_its_days() -> None:
    assert problems(Appointment, **recurring("Weekly")) == [("recurrence_day_of_weeks", "missing")]
    weekly = row(Appointment, **recurring("weekly", recurrence_day_of_weeks=" monday |THURSDAY|"))
    assert weekly.body()["recurrenceDayOfWeeks"] == ("Monday", "Thursday")
    assert weekly.body()["recurrencePattern"] == "Weekly"


@pytest.mark.parametrize("days", ["måndag|torsdag", "mån, tors", "Måndagar;To", "Mon|thu", ["MÅNDAG", "Thursday"]])
def test_days_and_patterns_are_known_in_swedish(days: Any) -> None:
    weekly = row(Appointment, recurrence_pattern="varje vecka", recurrence_day_of_weeks=days)
    assert weekly.recurrence_pattern == "Weekly"
    assert weekly.recurrence_day_of_weeks == ("Monday", "Thursday")


@pytest.mark.parametrize("days", ["måndag och torsdag", "mån-fre", "1|4", "blåndag, tisdag"])
def test_unknown_days_are_refused_by_the_known_ones(days: str) -> None:
    with pytest.raises(BadCells, match="Sunday, Monday"):
        row(Appointment, recurrence_pattern="Weekly", recurrence_day_of_weeks=days)


def test_an_end_a_year_after_the_start_is_a_slip() -> None:
    assert problems(Appointment, starts_at="2026-12-02 09:15", ends_at="2027-12-02 10:15") == [
        ("ends_at", "lasts_too_long")
    ]
    assert row(Appointment, starts_at="2026-12-02 09:15", ends_at="2027-12-01 09:15").ends_at.startswith("2027-12-01")
    assert problems(Appointment, all_day_event="ja", starts_at="2026-12-02", ends_at="2062-12-02") == [
        ("ends_at", "lasts_too_long")
    ]


def test_a_monthly_appointment_needs_its_day() -> None:
    assert problems(Appointment, **recurring("Monthly")) == [("recurrence_day", "missing")]
    assert row(Appointment, **recurring("Monthly", recurrence_day="31")).recurrence_day == 31


def test_a_yearly_appointment_needs_its_day_and_its_month() -> None:
    assert problems(Appointment, **recurring("Yearly")) == [
        ("recurrence_month", "missing"),
        ("recurrence_day", "missing"),
    ]
    assert row(Appointment, **recurring("Yearly", recurrence_day="29", recurrence_month="2")).recurrence_month == 2


def test_a_day_that_its_month_never_has_is_refused() -> None:
    assert problems(Appointment, **recurring("Yearly", recurrence_day="30", recurrence_month="2")) == [
        ("recurrence_day", "out_of_range")
    ]


@pytest.mark.parametrize("recurrence", ["", "nej"])
def test_details_of_a_recurrence_need_one(recurrence: str) -> None:
    given = {**ONCE, "recurrence": recurrence, "recurrence_pattern": "Daily", "recurrence_day": "3"}
    assert problems(Appointment, **given) == [
        ("recurrence_pattern", "not_recurring"),
        ("recurrence_day", "not_recurring"),
    ]


def test_an_interval_without_a_pattern_is_accepted() -> None:
    assert row(Appointment, **{**ONCE, "recurrence": "nej", "recurrence_interval": "1"}).recurrence_interval == 1


@pytest.mark.parametrize(
    ("field", "cell", "code"),
    [
        ("recurrence_interval", "0", "out_of_range"),
        ("recurrence_interval", "1.5", "not_a_number"),
        ("recurrence_interval", "٣", "not_a_number"),
        ("recurrence_month", "13", "out_of_range"),
        ("recurrence_day", "32", "out_of_range"),
        ("recurrence_day", "0", "out_of_range"),
        ("recurrence_day_of_weeks", "Monday|Someday", "unknown_word"),
        ("all_day_event", "kanske", "not_a_flag"),
        ("subject", "", "missing"),
        ("subject", "a" * 10_001, "too_long"),
        ("note", "bell\x07", "control_character"),
        ("starts_at", "14.12.2026 kl. 14:30", "not_a_time"),
        ("viewing_id", "VIS1", "unknown_field"),
    ],
)
def test_a_bad_cell_is_refused_for_its_own_reason(field: str, cell: str, code: str) -> None:
    assert problems(Appointment, **{field: cell}) == [(field, code)]


def test_all_faults_are_reported_in_field_order() -> None:
    bad = {**MORNING, "ends_at": "2026-12-03T09:00", "recurrence_day": "x", "user_id": "../..", "subject": ""}
    assert problems(Appointment, **bad) == [
        ("user_id", "bad_id"),
        ("subject", "missing"),
        ("ends_at", "ends_before_start"),
        ("recurrence_day", "not_a_number"),
    ]


def test_a_note_keeps_line_breaks_and_loses_surrounding_blanks() -> None:
    appointment = row(Appointment, note="  Två rader\r\nmed radbrytning\rtill\t. ")
    assert appointment.note == "Två rader\nmed radbrytning\ntill\t."
    assert b'"note":"Tv\xc3\xa5 rader\\nmed radbrytning\\ntill\\t."' in (appointment.call("1.1").body or b"")


def test_json_rows_may_bring_their_own_types() -> None:
    appointment = row(
        Appointment, all_day_event=False, recurrence=True, recurrence_day_of_weeks=["Monday"], recurrence_day=8
    )
    assert appointment.all_day_event is False
    assert appointment.recurrence_day_of_weeks == ("Monday",)
    assert appointment.recurrence_day == 8
    assert problems(Appointment, subject=["a"], starts_at=20261203, recurrence_day=True) == [
        ("subject", "wrong_type"),
        ("starts_at", "wrong_type"),
        ("recurrence_day", "wrong_type"),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"null", b'""', b'" "', b"4711", b'{"id":"a"}', b'["a"]', b'"a', b'"a\\u0000"', b"\xff"]
)
def test_an_answer_without_an_id_is_accepted_in_doubt(body: bytes) -> None:
    assert is_accepted_in_doubt(Appointment.read(Answer(200, body)))


def test_an_overlong_remote_id_is_accepted_in_doubt() -> None:
    assert Appointment.read(Answer(200, b'"' + b"C" * 200 + b'"')) == Succeeded("C" * 200)
    assert is_accepted_in_doubt(Appointment.read(Answer(200, b'"' + b"C" * 201 + b'"')))


def test_in_doubt_it_waits_for_a_person() -> None:
    assert (Appointment.on_doubt, Appointment.function_group) == (OnDoubt.HOLD, "crm-contact")
    assert row(Appointment).look_up_call("1.1") is None
