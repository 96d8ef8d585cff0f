"""Times are read exactly by the forms of the mapping, or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.kind import UnreadableCell
from worker.mapping.times import BadForm, read_form, read_zone, time_converter


def convert(text: Any, *forms: str, zone: str = "Europe/Stockholm") -> Any:
    return time_converter(forms, zone)(text)


@pytest.mark.parametrize(
    ("form", "text", "reading"),
    [
        ("%d.%m.%Y kl. %H:%M", "02.12.2026 kl. 11:30", "2026-12-02T11:30:00"),
        ("%d.%m.%Y kl. %H:%M", "2.12.2026  KL. 9:30", "2026-12-02T09:30:00"),
        ("%d/%m/%Y %H.%M", "03/02/2026 09.15", "2026-02-03T09:15:00"),
        ("%m/%d/%Y %I:%M %p", "12/31/2026 12:05 a.m.", "2026-12-31T00:05:00"),
        ("%a %d %b %Y %H:%M", "ons 2 dec. 2026 09:15", "2026-12-02T09:15:00"),
        ("%d %B %Y", "2 maj 2026", "2026-05-02"),
        ("%d.%m.%y", "02.12.26", "2026-12-02"),
        ("%Y%m%d%H%M", "202612020915", "2026-12-02T09:15:00"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-12-02 09:15:30 +0300", "2026-12-02T07:15:30+01:00"),
        ("iso", "2026-12-02T09:15Z", "2026-12-02T10:15:00+01:00"),
        ("iso", "2026-12-02", "2026-12-02"),
        ("unix", 1796199300, "2026-12-02T09:15:00+01:00"),
        ("unix_ms", "1796199300000", "2026-12-02T09:15:00+01:00"),
        ("excel", "46358,385416666664", "2026-12-02T09:15:00"),
    ],
)
def test_a_form_is_read(form: str, text: Any, reading: str) -> None:
    assert convert(text, form) == reading


@pytest.mark.parametrize(
    "text", ["2026-12-02 09:15", "32.12.2026", "02.13.2026", "02.12.2026 kl. 24:00", "02.12.2026 x"]
)
def test_another_form_is_not_guessed(text: str) -> None:
    assert convert(text, "%d.%m.%Y kl. %H:%M", "%d.%m.%Y").code == "not_a_time"


def test_two_forms_that_disagree_reject_the_time() -> None:
    assert convert("03/02/2026", "%d/%m/%Y", "%m/%d/%Y").code == "ambiguous_time"
    assert convert("13/02/2026", "%d/%m/%Y", "%m/%d/%Y") == "2026-02-13"


def test_another_zone_is_turned_into_stockholms() -> None:
    assert convert("2026-07-01 09:15", zone="Europe/Helsinki") == "2026-07-01T08:15:00+02:00"
    assert convert("2026-07-01 09:15", zone="-02:00") == "2026-07-01T13:15:00+02:00"


def test_an_hour_that_another_zone_repeats_is_rejected() -> None:
    assert convert("2026-10-25 03:30", zone="Europe/Helsinki").code == "ambiguous_time"


@pytest.mark.parametrize("text", [None, "", "NULL", "-", True, ["x"]])
def test_a_cell_without_digits_is_left_to_the_reader(text: Any) -> None:
    assert convert(text, "%d.%m.%Y") is text


@pytest.mark.parametrize(
    "form", ["", "%H:%M", "%Y-%m", "%Y-%m-%d %I", "%Y-%m-%d-%d", "%Y-%m-%d %q", "%Y %m %d %", "isoo"]
)
def test_a_form_that_tells_no_day_is_refused(form: str) -> None:
    with pytest.raises(BadForm):
        read_form(form)


@pytest.mark.parametrize("zone", ["Mars", "", "../etc", "+99:00", "Europe"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadForm):
        read_zone(zone)


@given(st.text(max_size=40), st.sampled_from(["iso", "%d.%m.%Y %H:%M", "unix", "unix_ms", "excel", "%d %b %y"]))
def test_any_text_gives_a_time_or_a_reason(text: str, form: str) -> None:
    reading = convert(text, form, zone="America/New_York")
    if isinstance(reading, UnreadableCell):
        assert reading.reason
    elif reading != text:
        assert datetime.fromisoformat(reading).year > 0
