"""A payload is of use until its own date."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.factory import PAYLOADS
from worker.kind.own_dates import end_of_use
from worker.kinds import KIND_BY_NAME


def until(kind: str, **fields: Any) -> str | None:
    moment = KIND_BY_NAME[kind].from_payload({"customer_id": "M30001", **PAYLOADS[kind], **fields}).wanted_until()
    return None if moment is None else moment.isoformat()


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-12-02T09:15:00+01:00", "2026-12-02T09:15:00+01:00"),
        ("2026-12-02T00:00:00+01:00", "2026-12-03T00:00:00+01:00"),
        ("2026-12-02", "2026-12-03T00:00:00+01:00"),
        ("2027-03-27T00:00:00+01:00", "2027-03-28T00:00:00+01:00"),
        ("2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00"),
    ],
)
def test_a_moment_or_the_end_of_its_day(text: str, end: str) -> None:
    assert end_of_use(text) == datetime.fromisoformat(end)


def test_an_appointment_is_wanted_until_it_begins() -> None:
    assert until("appointment") == "2026-12-10T09:00:00+01:00"


def test_whole_days_are_wanted_until_they_are_over() -> None:
    assert until("appointment", all_day_event=True, ends_at="2026-12-11") == "2026-12-12T00:00:00+01:00"


def test_a_series_is_always_wanted() -> None:
    assert until("appointment", recurrence=True, recurrence_pattern="Daily") is None


def test_a_comeback_is_wanted_until_its_time() -> None:
    assert until("comeback") == "2026-12-11T09:15:00+01:00"


@pytest.mark.parametrize("kind", sorted(set(KIND_BY_NAME) - {"appointment", "comeback"}))
def test_other_kinds_have_no_date_of_their_own(kind: str) -> None:
    assert until(kind) is None


def test_messages_to_people_are_counted() -> None:
    notification = KIND_BY_NAME["notification"]
    row = notification.from_payload({"customer_id": "M1", "message": "x", "recipients": ["HAN1", "HAN2"]})
    assert row.count_messages() == 2
    registration = {"customer_id": "M1", **PAYLOADS["viewing_registration"], "sms_reminder": True}
    assert KIND_BY_NAME["viewing_registration"].from_payload(registration).count_messages() == 1
