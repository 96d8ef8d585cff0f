"""The list of a contact's comebacks, read and judged: only a well-formed one can prove an absence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.kind.answers import is_id, members, unclear, value_of
from worker.kind.contract import Answer, LookUpResult, Presence
from worker.kind.stockholm import possible_moments, read_back_time


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
