"""A comeback: a follow-up with a contact, on a given day."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from worker.kind import SKEW, Answer, Kind, LookUpResult, OnDoubt, PathId, Problem, answers, meetings
from worker.kind.cells import Cell, body_id, moment, path_id, text
from worker.outcome import Outcome

_PARTICIPANTS = ("participant_user_id", "participant_user_group_id", "participant_office_id")


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
        """Ours has the time that was sent, was made no earlier than `sent_at` less `skew`, and is no other operation's."""
        comebacks = meetings.read(answer, self.contact_id)
        if comebacks is None:
            return answers.unclear("the answer is not a well-formed list of the contact's comebacks")
        at = datetime.fromisoformat(self.date[:19])
        ours = [meeting for meeting in comebacks if meeting.at == at and meeting.id not in known_ids]
        return meetings.judge(ours, since=sent_at - skew)
