"""The list of a contact's comebacks, read and judged: only a well-formed one can prove an absence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from worker.kind.answers import is_id, members, unclear, value_of
from worker.kind.contract import Answer, LookUpResult, Presence
from worker.stockholm import STOCKHOLM

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Meeting:
    """One comeback as Vitec gives it: `at` by the clock in Stockholm, to the second; it was made between the other two."""

    id: str
    at: datetime
    created_earliest: datetime
    created_latest: datetime


def read(answer: Answer, contact_id: str) -> list[Meeting] | None:
    """Read `{contactId, meetings: [{id, createdAt, meetingDate}]}`. None: it is not that, or another contact's."""
    book = members(value_of(answer))
    if answer.status != 200 or book is None or book.get("contactid") != contact_id:
        return None
    listed = book.get("meetings")
    if not isinstance(listed, list):
        return None
    meetings = [meeting for entry in listed if (meeting := _read_meeting(entry)) is not None]
    return meetings if len(meetings) == len(listed) else None


def _read_meeting(entry: Any) -> Meeting | None:
    values = members(entry) or {}
    at, created = read_back_time(values.get("meetingdate")), read_back_time(values.get("createdat"))
    if at is None or created is None or not is_id(values.get("id")):
        return None
    return Meeting(values["id"], at.replace(microsecond=0), *possible_moments(created))


def read_back_time(text: object) -> datetime | None:
    """Read one of Vitec's naive times, with 0 to 7 fractional digits. None: it is not one."""
    parts = _TIME.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        return None
    seconds, fraction = parts.groups()
    try:
        return datetime.fromisoformat(seconds).replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))
    except ValueError:
        return None


def possible_moments(naive: datetime) -> tuple[datetime, datetime]:
    """Give the earliest and the latest moment at which a clock in Stockholm may have shown this; mostly they agree."""
    # Both are UTC: two moments of one zone would be compared by what the clock shows, which is the doubt itself.
    early, late = sorted(naive.replace(tzinfo=STOCKHOLM, fold=fold).astimezone(UTC) for fold in (0, 1))
    return early, late


def judge(candidates: Sequence[Meeting], *, since: datetime) -> LookUpResult:
    """Say whether exactly one of the candidates was made at `since` or later."""
    recent = [meeting for meeting in candidates if meeting.created_latest >= since]
    if not recent:
        return LookUpResult(Presence.ABSENT, "no comeback at that time was made since it was sent")
    if len(recent) > 1:
        return unclear("several comebacks at that time were made since it was sent")
    # In the hour that occurs twice a year a naive time may lie before or after: neither answer would be proven.
    if recent[0].created_earliest < since:
        return unclear("a comeback at that time was made in the hour that occurs twice, perhaps before it was sent")
    return LookUpResult(Presence.PRESENT, "one comeback at that time was made since it was sent", recent[0].id)
