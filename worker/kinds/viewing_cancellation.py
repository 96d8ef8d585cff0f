"""A viewing cancellation: a contact's registration for a viewing is taken back."""

from types import MappingProxyType
from typing import Annotated

from worker.kind import Answer, CodeText, Kind, OnDoubt, PathId, answers
from worker.kind.cells import Cell, path_id
from worker.outcome import Failed, Outcome, Succeeded


class ViewingCancellation(Kind):
    """Deleted twice it is gone all the same, so in doubt it is simply sent again, before any later registration.

    A registration that was never sent is cancelled in the database, and then Vitec need not be asked.
    """

    kind = "viewing_cancellation"
    method = "DELETE"
    path = "Viewing/{customer_id}/{viewing_id}/{time_slot_id}/Participant/{contact_id}"
    has_body = False
    on_doubt = OnDoubt.RESEND
    function_group = "viewing"
    inferred = False
    withdraws = "viewing_registration"
    codes = MappingProxyType(
        {
            "not_registered": CodeText(
                "Vitec knows no such registration: it may have been taken back already, or one of the ids is another.",
                "See at Vitec whether the contact still has a place; if so, correct the ids and export it again.",
                "Vitec känner inte till någon sådan anmälan: den kan redan vara avbokad, eller så är ett av id:na ett annat.",
                "Se i Vitec om kontakten fortfarande har en plats; rätta i så fall id:na och exportera raden igen.",
            )
        }
    )

    viewing_id: Annotated[PathId, Cell(path_id, "viewingId", "Visningsid")]
    time_slot_id: Annotated[PathId, Cell(path_id, "timeSlotId", "Id på visningstillfället")]
    contact_id: Annotated[PathId, Cell(path_id, "contactId", "Id på kontakt", "Id på kontakten")]

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is 204 without a body, by Vitec's description of 2020. A 200 may be a load balancer's own."""
        if answer.status == 204 and not answer.body:
            return Succeeded()
        return answers.accepted_in_doubt(f"the answer is {answer.status}, where 204 without a body is due")

    @classmethod
    def read_refusal(cls, status: int, *, sent_before: bool) -> Outcome | None:
        """Take 404 and 410 for the end of it where an earlier attempt may have deleted the registration already."""
        if status not in (404, 410):
            return None
        return Succeeded() if sent_before else Failed("not_registered")

    def sequence_key(self) -> str:
        """Give the contact's place at the time slot, as a registration does."""
        return f"participant/{self.viewing_id}/{self.time_slot_id}/{self.contact_id}"
