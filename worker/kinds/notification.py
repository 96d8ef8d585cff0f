"""A notification: a message to some of the office's users, in Vitec or as SMS."""

from collections.abc import Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated

from worker.kind import Answer, CodeText, Kind, Listed, OnDoubt, Problem, answers
from worker.kind.cells import WITH_A_DIGIT, Cell, body_id, flag, listed, once_each, text
from worker.outcome import Failed, Outcome, Succeeded


class Notification(Kind):
    """Vitec cannot be asked whether a notification went out, and a second SMS is harm: in doubt it waits for a person."""

    kind = "notification"
    path = "User/Notify/{customer_id}"
    on_doubt = OnDoubt.HOLD
    function_group = "crm-contact"
    expires_after = timedelta(hours=24)
    codes = MappingProxyType(
        {
            "nobody_notified": CodeText(
                "Vitec answered false. That may mean that nobody was notified; it is not known whether anybody was.",
                "Ask a recipient whether it came. If it did not, check the recipients in the CRM and export it again.",
                "Vitec svarade false. Det kan betyda att ingen fick aviseringen; om någon fick den är inte känt.",
                "Fråga en mottagare om den kom. Om inte: kontrollera mottagarna i CRM-systemet och exportera raden igen.",
            )
        }
    )

    header: Annotated[str | None, Cell(text, "header", "Rubrik")] = None
    message: Annotated[str | None, Cell(text, "message", "Meddelande")] = None
    sms: Annotated[bool | None, Cell(flag, "sms", "SMS notifiering")] = None
    express: Annotated[bool | None, Cell(flag, "express", "Express notifiering")] = None
    recipients: Annotated[
        Listed, Cell(once_each(listed(body_id, WITH_A_DIGIT)), "recipients", "Notifierings mottagare")
    ]

    def rules(self) -> Iterator[Problem]:
        """A notification says something. Neither SMS nor Express is needed: it is then seen in Vitec."""
        if self.header is None and self.message is None:
            yield Problem("message", "missing", "there is neither a header nor a message", "Fill in one of the two.")

    def count_messages(self) -> int:
        """Each recipient gets one."""
        return len(self.recipients)

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """The answer is a JSON boolean. The meaning of `false` is not published: it is no success, and no proof that no user was notified."""
        match answers.value_of(answer):
            case True:
                return Succeeded()
            case False:
                why = "Vitec answered false: it is not known whether anybody was notified"
                return Failed("nobody_notified", why, documented=True)
            case _:
                return answers.accepted_in_doubt("the answer is not a JSON boolean")
