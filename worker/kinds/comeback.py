"""A comeback: a follow-up with a contact, on a given day."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from worker.kind import SKEW, Answer, Kind, LookUpResult, OnDoubt, PathId, Presence, Problem, answers
from worker.kind.cells import Cell, body_id, moment, path_id, text
from worker.outcome import Outcome
from worker.stockholm import STOCKHOLM

_PARTICIPANTS = ("participant_user_id", "participant_user_group_id", "participant_office_id")
_EARLIER_MEETING = timedelta(days=1)
"""A meeting at the same time that is older than the attempt by more than this is another one, whatever the clocks say."""

_READ_BACK_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?", re.ASCII)


class Comeback(Kind):
    """In doubt it is looked up among the contact's comebacks, which give a meeting's time but not its author."""

    kind = "comeback"
    path = "Meeting/Comeback/{customer_id}/{contact_id}"
    read_back = "CRM/Contact/{customer_id}/{contact_id}/ComebackMeeting"
    on_doubt = OnDoubt.LOOK_UP
    function_group = "crm-contact"

    contact_id: Annotated[PathId, Cell(path_id, "contactId", "Id på kontakt", "Id på kontakten")]
    date: Annotated[str, Cell(moment, "date", "Tid och datum för återkomsten")]
    meeting_id: Annotated[
        str | None, Cell(body_id, "meetingId", "Id på ursprungligt kundmöte", "Id på ursprungligt kundmötee")
    ] = None
    estate_id: Annotated[str | None, Cell(body_id, "estateId", "Id på bostad")] = None
    participant_user_id: Annotated[str | None, Cell(body_id, "participant.userId", "Deltagare")] = None
    participant_user_group_id: Annotated[str | None, Cell(body_id, "participant.userGroupId", "Deltagargrupp")] = None
    participant_office_id: Annotated[str | None, Cell(body_id, "participant.officeId", "Deltagarkontor")] = None
    note: Annotated[str | None, Cell(text, "note", "Anteckning")] = None

    def rules(self) -> Iterator[Problem]:
        """Vitec takes one participant only, although its sample names three."""
        for name in [name for name in _PARTICIPANTS if self.__dict__[name] is not None][1:]:
            reason = "a user, a group or an office takes part, only one of them may be given"
            yield Problem(name, "second_participant", reason, "Keep one participant and empty the others.")

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is the meeting's id, as a JSON string."""
        return answers.read_id(answer)

    def match_key(self) -> str:
        """Give the contact and the time that a clock in Stockholm shows: the read-back says no more."""
        return f"{self.contact_id}/{self.date[:19]}"

    def find(
        self, answer: Answer, *, sent_at: datetime, known_ids: frozenset[str], skew: timedelta = SKEW
    ) -> LookUpResult:
        """Ours has the time that was sent, was made no earlier than `sent_at` less `skew`, and is no other operation's.

        One that is up to a day older is not proven to be another one: the clocks may be further apart than was believed,
        or `createdAt` be cut to the minute. It is then unclear.
        """
        comebacks = _read_meetings(answer, self.contact_id)
        if comebacks is None:
            return answers.unclear("the answer is not a well-formed list of the contact's comebacks")
        at = datetime.fromisoformat(self.date[:19])
        ours = [meeting for meeting in comebacks if meeting.at == at and meeting.id not in known_ids]
        return _judge(ours, since=sent_at - skew, never_before=sent_at - skew - _EARLIER_MEETING)


@dataclass(frozen=True, slots=True)
class _Meeting:
    """One comeback as Vitec gives it: `at` by the clock in Stockholm, to the second; it was made between the other two."""

    id: str
    at: datetime
    created_earliest: datetime
    created_latest: datetime


def _read_meetings(answer: Answer, contact_id: str) -> list[_Meeting] | None:
    """Read `{contactId, meetings: [{id, createdAt, meetingDate}]}`. None: it is not that, or another contact's."""
    book = answers.members(answers.value_of(answer))
    if answer.status != 200 or book is None or book.get("contactid") != contact_id:
        return None
    listed = book.get("meetings")
    if not isinstance(listed, list):
        return None
    meetings = [meeting for entry in listed if (meeting := _read_meeting(entry)) is not None]
    return meetings if len(meetings) == len(listed) else None


def _read_meeting(entry: Any) -> _Meeting | None:
    values = answers.members(entry) or {}
    at, created = read_back_time(values.get("meetingdate")), read_back_time(values.get("createdat"))
    if at is None or created is None or not answers.is_id(values.get("id")):
        return None
    return _Meeting(values["id"], at.replace(microsecond=0), *possible_moments(created))


def read_back_time(text: object) -> datetime | None:
    """Read one of Vitec's naive times, with 0 to 7 fractional digits. None: it is not one."""
    parts = _READ_BACK_TIME.fullmatch(text) if isinstance(text, str) else None
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


def _judge(candidates: Sequence[_Meeting], *, since: datetime, never_before: datetime) -> LookUpResult:
    """Say whether exactly one of the candidates was made at `since` or later, or it may be one made at `never_before`."""
    recent = [meeting for meeting in candidates if meeting.created_latest >= since]
    if not recent and any(meeting.created_latest >= never_before for meeting in candidates):
        return answers.unclear(
            "a comeback at that time was made before it was sent, by less than a day: ours, if the clocks are apart"
        )
    if not recent:
        return LookUpResult(Presence.ABSENT, "no comeback at that time was made since it was sent")
    if len(recent) > 1:
        return answers.unclear("several comebacks at that time were made since it was sent")
    # In the hour that occurs twice a year a naive time may lie before or after: neither answer would be proven.
    if recent[0].created_earliest < since:
        return answers.unclear(
            "a comeback at that time was made in the hour that occurs twice, perhaps before it was sent"
        )
    return LookUpResult(Presence.PRESENT, "one comeback at that time was made since it was sent", recent[0].id)
