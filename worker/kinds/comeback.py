"""A comeback: a follow-up with a contact, on a given day."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any

from worker.kind import SKEW, Answer, Kind, LookUpResult, OnDoubt, ParentResult, PathId, Presence, Problem, answers
from worker.kind.cells import Cell, body_id, moment, path_id, text
from worker.kind.own_dates import end_of_use
from worker.kind.read_back_times import ReadBackTime, possible_times, read_back_time
from worker.outcome import Outcome

_PARTICIPANTS = ("participant_user_id", "participant_user_group_id", "participant_office_id")
_EARLIER_MEETING = timedelta(days=35)
"""A meeting that is older than the attempt by more than this is another one: more than a month, by which a time that is
cut to it is behind, with two days for zones, and two for the clock.
"""

_AHEAD = timedelta(minutes=1)
"""How far after the look-up a meeting may have been made by Vitec's clock: more is no drift, and no rounding."""


class Comeback(Kind):
    """In doubt it is looked up among the contact's comebacks, which give a meeting's time but not its author."""

    kind = "comeback"
    path = "Meeting/Comeback/{customer_id}/{contact_id}"
    read_back = "CRM/Contact/{customer_id}/{contact_id}/ComebackMeeting"
    on_doubt = OnDoubt.LOOK_UP
    function_group = "crm-contact"
    nested = MappingProxyType({"participant": ("Deltagare",)})
    handed_on_if_asked = MappingProxyType({"meeting_id": (ParentResult("appointment"), ParentResult("comeback"))})

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

    def wanted_until(self) -> datetime:
        """A comeback is of no use once its time has come; midnight stands for the whole day."""
        return end_of_use(self.date)

    def match_key(self) -> str:
        """Give the contact and the time that a clock in Stockholm shows: the read-back says no more."""
        return f"{self.contact_id}/{self.date[:19]}"

    def find(
        self,
        answer: Answer,
        *,
        sent_at: datetime,
        known_ids: Collection[str],
        skew: timedelta = SKEW,
        asked_at: datetime | None = None,
    ) -> LookUpResult:
        """Ours has the time that was sent and is no other operation's; alone, and made since `sent_at`, it is there.

        It is absent only where no meeting may be ours. Neither `createdAt` proves that, since Vitec's clock may be wrong,
        in another zone or cut to the day, nor a time of the meeting that may have been made of ours.
        """
        comebacks = _read_meetings(answer, self.contact_id)
        if comebacks is None:
            return answers.unclear("the answer is not a well-formed list of the contact's comebacks")
        listed, rivals = Counter(meeting.id for meeting in comebacks), Counter(known_ids)
        owned = {id_ for id_, times in rivals.items() if times == listed[id_] == 1}
        candidates = [
            meeting
            for meeting in comebacks
            if meeting.id not in owned and not meeting.was_made_before(sent_at - _EARLIER_MEETING)
        ]
        at_our_time = [meeting for meeting in candidates if meeting.at == datetime.fromisoformat(self.date[:19])]
        if not at_our_time:
            times = possible_times(datetime.fromisoformat(self.date))
            return _judge_others([meeting for meeting in candidates if not times.isdisjoint(meeting.other_times)])
        if owned != rivals.keys():
            return answers.unclear("a comeback at that time may be what another operation made")
        return _judge(at_our_time, since=sent_at - skew, until=asked_at and asked_at + _AHEAD)


@dataclass(frozen=True, slots=True)
class _Meeting:
    """One comeback as Vitec gives it: `at` by the clock in Stockholm, to the second. `id` and `created` may be missing."""

    id: str | None
    at: datetime
    other_times: frozenset[datetime]
    """Readings of the same time: rounded to the second, and without its offset."""
    created: ReadBackTime | None

    def was_made_before(self, moment: datetime) -> bool:
        """Whether it surely was: a time that a program writes where it knows none says nothing."""
        return self.created is not None and not self.created.is_placeholder and self.created.latest < moment


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
    """Read one entry. None: it does not tell when the meeting is, so that it may be ours."""
    values = answers.members(entry) or {}
    meeting_date, id_ = read_back_time(values.get("meetingdate")), values.get("id")
    if meeting_date is None or meeting_date.is_placeholder:
        return None
    rounded = meeting_date.at + timedelta(milliseconds=500)
    return _Meeting(
        id_ if answers.is_id(id_) else None,
        meeting_date.at.replace(microsecond=0),
        frozenset(time.replace(microsecond=0) for time in (meeting_date.at, rounded, meeting_date.digits)),
        read_back_time(values.get("createdat")),
    )


def _judge(candidates: Sequence[_Meeting], *, since: datetime, until: datetime | None) -> LookUpResult:
    """Say whether there is one candidate, and it was made at `since` or later, and not after `until`."""
    if len(candidates) > 1:
        return answers.unclear("several comebacks at that time may be what was sent")
    (meeting,) = candidates
    if meeting.id is None or meeting.created is None:
        return answers.unclear("a comeback at that time does not tell its id, or when it was made")
    if meeting.created.latest < since:
        return answers.unclear(
            "a comeback at that time was made before it was sent: ours, if the clocks are apart or the time is cut"
        )
    # In the hour that occurs twice a year a naive time may lie before or after: neither answer would be proven.
    if meeting.created.earliest < since:
        return answers.unclear(
            "a comeback at that time was made in the hour that occurs twice, perhaps before it was sent"
        )
    if until is not None and meeting.created.earliest > until:
        return answers.unclear("a comeback at that time was made in the future: Vitec's clock proves nothing")
    return LookUpResult(Presence.PRESENT, "one comeback at that time was made since it was sent", meeting.id)


def _judge_others(candidates: Sequence[_Meeting]) -> LookUpResult:
    """Judge where none is at our time: the candidates are those at a time that may have been made of it."""
    if candidates:
        return answers.unclear("a comeback is at that time as it would be cut, rounded or told in UTC: perhaps ours")
    return LookUpResult(Presence.ABSENT, "no comeback that may be ours is at that time")
