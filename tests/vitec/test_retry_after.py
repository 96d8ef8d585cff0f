"""Retry-After is seconds, or a date read against the answer's own clock; within bounds; or garbage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.vitec.retry_after import GarbageError, retry_after

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("120", None, 120.0),
        (" 120 ", None, 120.0),
        ("0", None, 1.0),
        ("0001", None, 1.0),
        ("3601", None, 3600.0),
        ("9" * 10_000, None, 3600.0),
        ("Sun, 22 Nov 2026 12:01:30 GMT", NOON, 90.0),
        ("Sun, 22 Nov 2026 13:01:30 +0100", NOON, 90.0),
        ("Sunday, 22-Nov-26 12:01:30 GMT", NOON, 90.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", NOON, 1.0),
        ("Mon, 23 Nov 2026 12:00:00 GMT", NOON, 3600.0),
        ("Sun, 22 Nov 2026 12:01:30 -0000", NOON, 90.0),
        ("Sun, 22 Nov 2026 12:01:30 GMT", None, None),
        ("Sun, 22 Nov 2026 12:01:30 GMT", "yesterday", None),
    ],
)
def test_retry_after_becomes_seconds(value: str, date: str | None, seconds: float | None) -> None:
    assert retry_after(value, date) == seconds


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "1.5", "1e3", "٣", "5, 10", "+5", "0x10", "Sun, 99 Nov 2026", "NaN"]
)
def test_garbage_is_called_garbage(value: str) -> None:
    with pytest.raises(GarbageError):
        retry_after(value, NOON)


@given(st.text(), st.none() | st.text())
def test_whatever_comes_it_is_within_bounds_or_garbage(value: str, date: str | None) -> None:
    try:
        seconds = retry_after(value, date)
    except GarbageError:
        return
    assert seconds is None or 1.0 <= seconds <= 3600.0
