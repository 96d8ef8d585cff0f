"""A viewing registration: an existing contact takes part in a viewing."""

from collections.abc import Collection
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated

from worker.kind import SKEW, Answer, Kind, LookUpResult, OnDoubt, PathId, Presence, answers
from worker.kind.cells import Cell, body_id, flag, number, path_id, text
from worker.outcome import Outcome, Succeeded

_LEAD_SOURCE = (
    "Leadskälla - Det lead som skapas i samband med anmälan till visning kommer att kopplas till aktuell leadskälla. "
    "Leadskällan får inte ha något definierat arbetsflöde, dvs det skall bara innehålla information. "
    "Om fältet inte anges, kommer leadet att kopplas till en förvald leadskälla"
)
_MESSAGE = (
    "Meddelande från kontaktpersonen. Meddelandet kommer att sparas på det lead som skapas i samband med att "
    "visningsdeltagaren läggs till"
)


class ViewingRegistration(Kind):
    """In doubt it is looked up among the contact's registrations for the viewing. It has no id of its own."""

    kind = "viewing_registration"
    path = "Viewing/{customer_id}/{viewing_id}/{time_slot_id}/Participant/{contact_id}"
    read_back = "ViewingParticipant/{customer_id}/{contact_id}/{viewing_id}"
    on_doubt = OnDoubt.LOOK_UP
    function_group = "viewing"
    nested = MappingProxyType({"options": ("Alternativ som rör bokningen",)})

    viewing_id: Annotated[PathId, Cell(path_id, "viewingId", "Visningsid")]
    time_slot_id: Annotated[PathId, Cell(path_id, "timeSlotId", "Id på visningstillfället")]
    contact_id: Annotated[PathId, Cell(path_id, "contactId", "Id på kontakt", "Id på kontakten")]
    participated: Annotated[bool | None, Cell(flag, "participated", "Deltog")] = None
    reminder_time: Annotated[
        int | None, Cell(number(0), "reminderTime", "Minuter innan visningen som påminnelse ska skickas ut")
    ] = None
    sms_reminder: Annotated[bool | None, Cell(flag, "smsReminder", "SMS påminnelse")] = None
    mail_confirmation: Annotated[bool | None, Cell(flag, "mailConfirmation", "Bekräftelse via epost")] = None
    sms_confirmation: Annotated[bool | None, Cell(flag, "smsConfirmation", "Bekräftelse via SMS")] = None
    contact_message: Annotated[
        str | None, Cell(text, "contactMessage", "Meddelande från kontaktpersonen", _MESSAGE)
    ] = None
    lead_source_id: Annotated[str | None, Cell(body_id, "leadSourceId", "Leadskälla", _LEAD_SOURCE)] = None
    options_is_deadline_validation_enabled: Annotated[
        bool | None, Cell(flag, "options.isDeadlineValidationEnabled", "Kontrollera anmälningstid")
    ] = None
    options_enable_booking_limit_validation: Annotated[
        bool | None, Cell(flag, "options.enableBookingLimitValidation", "Kontrollera antal platser")
    ] = None

    def count_messages(self) -> int:
        """The contact gets a confirmation or a reminder of each sort that is wanted."""
        return sum(map(bool, (self.sms_reminder, self.mail_confirmation, self.sms_confirmation)))

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is 204, which has no body. An empty 200 a load balancer gives as well, so another 2xx is looked up first."""
        if answer.status == 204 and not answer.body:
            return Succeeded()
        return answers.accepted_in_doubt(f"the answer is {answer.status}, where 204 without a body is due")

    def match_key(self) -> str:
        """Give the contact and the viewing: two registrations for the same viewing read back alike."""
        return f"{self.contact_id}/{self.viewing_id}"

    def sequence_key(self) -> str:
        """Give the contact's place at the time slot, which a viewing cancellation empties."""
        return f"participant/{self.viewing_id}/{self.time_slot_id}/{self.contact_id}"

    def find(
        self,
        answer: Answer,
        *,
        sent_at: datetime,
        known_ids: Collection[str],
        skew: timedelta = SKEW,
        asked_at: datetime | None = None,
    ) -> LookUpResult:
        """The contact is registered who stands at our time slot; neither time nor id is given, so none is compared."""
        del sent_at, known_ids, skew, asked_at
        listed = answers.value_of(answer)
        entries = [answers.members(entry) or {} for entry in listed] if isinstance(listed, list) else [{}]
        ours = all((at.get("contactid"), at.get("viewingid")) == (self.contact_id, self.viewing_id) for at in entries)
        if answer.status != 200 or not ours or not all(answers.is_id(at.get("timeslotid")) for at in entries):
            return answers.unclear("the answer is not a well-formed list of the contact's registrations")
        if any(at["timeslotid"] == self.time_slot_id for at in entries):
            return LookUpResult(Presence.PRESENT, "the contact is registered at this time slot")
        return LookUpResult(Presence.ABSENT, "the contact is not registered at this time slot")
