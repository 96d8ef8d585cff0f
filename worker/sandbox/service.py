"""The service without sockets: takes a whole request, writes it into the ledger, and gives the answer to send."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from worker.sandbox.api.access import LENIENT, AccessRules
from worker.sandbox.api.answers import HttpAnswer, json_answer
from worker.sandbox.api.calls import ApiCall, CallKind, route
from worker.sandbox.api.judging import Effect, Judgement, ReadBack, ReceivedRequest, judge, refuse_missing
from worker.sandbox.api.times import format_time
from worker.sandbox.faults.fault import Fault
from worker.sandbox.faults.script import ActiveFault, FaultTarget, Script, ScriptedFaults
from worker.sandbox.faults.wrong_answers import answer_under_fault
from worker.sandbox.ledger import CreatedThing, Ledger

_UNANSWERED = frozenset(
    {
        Fault.RESET_BEFORE_PROCESSING,
        Fault.RESET_AFTER_PROCESSING,
        Fault.CLOSE_AFTER_PROCESSING,
        Fault.HANG_BEFORE_PROCESSING,
        Fault.HANG_AFTER_PROCESSING,
    }
)

SAME_ID: Final = "SAME"
"""The end of the id of everything that is made under the fault of that name."""


@dataclass(frozen=True, slots=True)
class HandledRequest:
    """The answer to send and, if the fault is to act late, the effect to carry out before it is sent."""

    answer: HttpAnswer
    act_late: Callable[[], None] | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return secrets.token_hex(16).upper()


@dataclass(slots=True)
class Service:
    """The stand-in without its sockets: access rules, a ledger, and the faults in force."""

    ledger: Ledger
    access: AccessRules = field(default_factory=AccessRules)
    faults: ScriptedFaults = field(default_factory=lambda: ScriptedFaults(Script()))
    read_clock: Callable[[], datetime] = _utc_now
    new_id: Callable[[], str] = _new_id

    def choose_fault(self, method: str, path: str) -> ActiveFault | None:
        """Choose the fault that this request is to meet, by its first line."""
        call = _known_call(method, path)
        target = FaultTarget(call.kind, call.customer_id, path) if call else FaultTarget(path=path)
        return self.faults.for_request(target)

    def record_cut_request(self, request: ReceivedRequest, active_fault: ActiveFault) -> None:
        """Write down a request that is about to be cut before it was read."""
        call = _known_call(request.method, request.path)
        self.ledger.record_request(
            request, call, fault=active_fault.fault, status=None, current_time=self.read_clock(), read=False
        )

    def handle(self, request: ReceivedRequest, active_fault: ActiveFault | None) -> HandledRequest:
        """Judge, write down, and carry out unless the fault forbids it, in one transaction of the ledger."""
        current_time = self.read_clock()
        judgement = self._judge(request)
        remote_id = self._remote_id(judgement, active_fault)
        answer = self._answer(judgement, remote_id)
        if active_fault is not None:
            answer = answer_under_fault(active_fault, answer, request.path, current_time)
        effect = judgement if isinstance(judgement, Effect) and (active_fault is None or active_fault.applied) else None
        with self.ledger.transaction():
            number = self._record(request, active_fault, answer, current_time)
            if effect is None:
                return HandledRequest(answer)
            if active_fault is not None and active_fault.fault is Fault.ACT_LATE:
                return HandledRequest(answer, partial(self._carry_out_late, number, effect, remote_id))
            self._carry_out(number, effect, remote_id, current_time)
        return HandledRequest(answer)

    def read_shown_clock(self) -> datetime:
        """Read the clock by which answers are dated: it may be wrong."""
        clock = self.faults.script.clock
        return clock.read(self.read_clock()) if clock else self.read_clock()

    def _carry_out(self, number: int, effect: Effect, remote_id: str, current_time: datetime) -> None:
        clock = self.faults.script.clock
        made_at = clock.date_making(current_time) if clock else current_time
        self.ledger.carry_out(number, effect, remote_id=remote_id, current_time=made_at)

    def _judge(self, request: ReceivedRequest) -> Judgement:
        """Judge by the request, then by what is there: a contact who is not registered cannot be removed."""
        judgement = judge(request, self.access)
        if isinstance(judgement, Effect) and judgement.call.kind is CallKind.VIEWING_CANCELLATION:
            call = judgement.call
            if not (call.time_slot_id or "").startswith(LENIENT) and not self.ledger.registered(call):
                return refuse_missing(call.contact_id or "")
        return judgement

    def _record(
        self, request: ReceivedRequest, active_fault: ActiveFault | None, answer: HttpAnswer, current_time: datetime
    ) -> int:
        fault = active_fault.fault if active_fault else None
        status = None if fault in _UNANSWERED else answer.status
        call = _known_call(request.method, request.path)
        return self.ledger.record_request(
            request, call, fault=fault, status=status, current_time=current_time, read=True
        )

    def _carry_out_late(self, number: int, effect: Effect, remote_id: str) -> None:
        with self.ledger.transaction():
            self._carry_out(number, effect, remote_id, self.read_clock())

    def _remote_id(self, judgement: Judgement, active_fault: ActiveFault | None) -> str:
        if not isinstance(judgement, Effect):
            return ""
        if judgement.ticket:
            return str(judgement.ticket["orderId"])
        names_all_the_same = active_fault is not None and active_fault.fault is Fault.SAME_ID
        new_id = SAME_ID if names_all_the_same else self.new_id()
        return judgement.order_id or (judgement.prefix and judgement.prefix + new_id)

    def _answer(self, judgement: Judgement, remote_id: str) -> HttpAnswer:
        match judgement:
            case HttpAnswer():
                return judgement
            case Effect():
                return _success_answer(judgement, remote_id)
            case ReadBack():
                return json_answer(200, self._read_back(judgement.call))

    def _read_back(self, call: ApiCall) -> Any:
        """The things made for this contact. A call that was received and not carried out made none."""
        if call.kind is CallKind.COMEBACK_LOOK_UP:
            made = self.ledger.created(kind=CallKind.COMEBACK, customer_id=call.customer_id, contact_id=call.contact_id)
            return {"contactId": call.contact_id, "meetings": [_meeting_json(meeting) for meeting in made]}
        registered = {lead.time_slot_id: lead for lead in self.ledger.registered(call)}
        return [_participant_json(lead) for lead in registered.values()]


def _known_call(method: str, path: str) -> ApiCall | None:
    call = route(method, path)
    return call if isinstance(call, ApiCall) else None


def _success_answer(effect: Effect, remote_id: str) -> HttpAnswer:
    match effect.call.kind:
        case CallKind.VIEWING_REGISTRATION | CallKind.VIEWING_CANCELLATION:
            return HttpAnswer(204)
        case CallKind.NOTIFICATION | CallKind.ORDER_STATUS:
            return json_answer(200, value=True)
        case CallKind.ORDER_TOKEN:
            return json_answer(200, effect.ticket)
        case _:
            return json_answer(200, remote_id)


def _meeting_json(made: CreatedThing) -> dict[str, Any]:
    """Decimals vary from meeting to meeting, since a client has to accept 0 to 7 of them."""
    digits = made.id % 8
    date = made.date and format_time(made.date, digits)
    return {"id": made.remote_id, "createdAt": format_time(made.created_at, digits), "meetingDate": date}


def _participant_json(made: CreatedThing) -> dict[str, Any]:
    return {
        "timeSlotId": made.time_slot_id,
        "contactId": made.contact_id,
        "viewingId": made.viewing_id,
        "participated": made.participated,
        "contacted": False,
    }
