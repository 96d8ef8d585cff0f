"""Numbers of a workbook as a person sees them."""

import pytest

from worker.sheets.shown import make_shown as make
from worker.sheets.shown import show_iso_moment, show_number, show_time_of_day


def shown(number: float, number_format: str = "", *, epoch_1904: bool = False) -> str:
    return make(number_format, epoch_1904=epoch_1904)(number)


@pytest.mark.parametrize(
    ("number", "number_format", "text"),
    [
        (4711, "", "4711"),
        (4711, "General", "4711"),
        (4711, "0", "4711"),
        (4711, "0.00", "4711"),
        (4711, "#,##0", "4711"),
        (4711, "# ##0", "4711"),
        (4711, "#,##0.00_-;[Red]-#,##0.00", "4711"),
        (4711, "@", "4711"),
        (-3, "", "-3"),
        (12.5, "", "12.5"),
        (0.1 + 0.2, "", "0.3"),
        (4710.999999999999999, "", "4711"),
        (123, "000000", "000123"),
        (1234567, "000000", "1234567"),
        (123, '"K-"0000', "K-0123"),
        (123, r"\K\-0000", "K-0123"),
        (123, "000-000", "000-123"),
        (-12, "0000", "-0012"),
        (5, '0" st"', "5 st"),
        (199901012384, "000000-0000", "19990101-2384"),
        (12.5, "000000", "12.5"),
        (123, "[>100]000000;0", "123"),
        (123, ";;;", "123"),
        (0.125, "0.0%", "12.5%"),
        (0.5, "0%", "50%"),
        (123456789012, "0.00E+00", "123456789012"),
        (123, "# ?/?", "123"),
    ],
)
def test_number_is_shown_by_its_format(number: float, number_format: str, text: str) -> None:
    assert shown(number, number_format) == text


def test_number_with_lost_digits_is_no_longer_an_id() -> None:
    assert show_number(999_999_999_999_999) == "999999999999999"
    assert show_number(1_234_567_890_123_456) == "1.23456789012346E+15"


@pytest.mark.parametrize(
    ("number", "number_format", "text"),
    [
        (46358, "yyyy-mm-dd", "2026-12-02"),
        (46358, "yyyy-mm-dd hh:mm", "2026-12-02 00:00"),
        (46358, "[$-41D]d mmmm yyyy;@", "2026-12-02"),
        (46358, "mmm-yy", "2026-12-02"),
        (46358.385416666664, "yyyy-mm-dd hh:mm", "2026-12-02 09:15"),
        (46358.385416666664, "yyyy-mm-dd", "2026-12-02 09:15"),
        (46358.385416666664, "hh:mm", "2026-12-02 09:15"),
        (46358.3854166551, "yyyy-mm-dd hh:mm:ss", "2026-12-02 09:15"),
        (46358.385763888888, "d/m/yy h:mm AM/PM", "2026-12-02 09:15:30"),
        (46358.999999, "yyyy-mm-dd hh:mm", "2026-12-03 00:00"),
        (0.385416666664, "hh:mm", "09:15"),
        (0.385416666664, "h:mm:ss AM/PM", "09:15"),
        (0.385416666664, "yyyy-mm-dd hh:mm", "09:15"),
        (1.5, "[h]:mm", "36:00"),
        (-0.25, "[h]:mm", "-06:00"),
        (1, "yyyy-mm-dd", "1900-01-01"),
        (59, "yyyy-mm-dd", "1900-02-28"),
        (60, "yyyy-mm-dd", "1900-02-29"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (2958465, "yyyy-mm-dd", "9999-12-31"),
        (2958466, "yyyy-mm-dd", "########"),
        (-1, "yyyy-mm-dd", "########"),
        (float("inf"), "yyyy-mm-dd", "########"),
        (float("nan"), "yyyy-mm-dd", "########"),
    ],
)
def test_date_and_time_are_shown_to_the_second(number: float, number_format: str, text: str) -> None:
    assert shown(number, number_format) == text


@pytest.mark.parametrize(
    ("number", "number_format", "text"),
    [
        (44896.38541666666, "yyyy-mm-dd hh:mm", "2026-12-02 09:15"),
        (0, "yyyy-mm-dd", "1904-01-01"),
        (0.5, "hh:mm", "12:00"),
        (2957003, "yyyy-mm-dd", "9999-12-31"),
        (2957004, "yyyy-mm-dd", "########"),
    ],
)
def test_calendar_from_1904(number: float, number_format: str, text: str) -> None:
    assert shown(number, number_format, epoch_1904=True) == text


def test_last_half_second_of_a_day_is_not_the_next() -> None:
    assert show_time_of_day(0.99999999) == "23:59:59"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("2026-12-02T09:15:00", "2026-12-02 09:15"),
        ("2026-12-02T09:14:59.999900000", "2026-12-02 09:15"),
        ("2026-12-02T09:15:30", "2026-12-02 09:15:30"),
        ("2026-12-02T09:15:00Z", "2026-12-02 09:15+00:00"),
        ("2026-12-02", "2026-12-02"),
        ("9999-12-31T23:59:59.9", "9999-12-31T23:59:59.9"),
        ("om en vecka", "om en vecka"),
    ],
)
def test_moment_in_iso_8601_is_shown_the_same_way(text: str, result: str) -> None:
    assert show_iso_moment(text) == result
