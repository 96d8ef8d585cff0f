"""From a whole request to what will be answered, with everything written into the ledger in between."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from worker.sandbox.access import House
from worker.sandbox.answers import Answer, json_answer
from worker.sandbox.calls import READS, Call, Kind, route
from worker.sandbox.faults import Fault
from worker.sandbox.judging import Deed, Reading, Request, Verdict, judge
from worker.sandbox.ledger import Created, Ledger
from worker.sandbox.script import Dealt, Faults, Script, Subject
from worker.sandbox.times import written
from worker.sandbox.wrong_answers import spoiled

_UNANSWERED = frozenset(
    {
        Fault.RESET_BEFORE_PROCESSING,
        Fault.RESET_AFTER_PROCESSING,
        Fault.CLOSE_AFTER_PROCESSING,
        Fault.HANG_BEFORE_PROCESSING,
        Fault.HANG_AFTER_PROCESSING,
    }
)


@dataclass(frozen=True, slots=True)
class Handled:
    """What is to go out, and what is still to be done before it does, if the fault is to act late."""

    answer: Answer
    act_late: Callable[[], None] | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return secrets.token_hex(16).upper()


@dataclass(slots=True)
class Site:
    """The stand-in without its sockets: a house, a ledger, and the faults in force."""

    ledger: Ledger
    house: House = field(default_factory=House)
    faults: Faults = field(default_factory=lambda: Faults(Script()))
    now: Callable[[], datetime] = _utc_now
    new_id: Callable[[], str] = _new_id

    def deal(self, method: str, path: str) -> Dealt | None:
        """The fault that this request is to meet, decided by its first line."""
        call = _call(method, path)
        subject = Subject(call.kind, call.customer_id, path) if call else Subject(path=path)
        return self.faults.for_request(subject)

    def cut(self, request: Request, dealt: Dealt) -> None:
        """Write down a request that is about to be cut before it was read."""
        call = _call(request.method, request.path)
        self.ledger.receive(request, call, fault=dealt.fault, status=None, now=self.now(), read=False)

    def handle(self, request: Request, dealt: Dealt | None) -> Handled:
        """Judge, write down, and carry out unless the fault forbids it, in one transaction of the ledger."""
        now = self.now()
        verdict = judge(request, self.house)
        remote_id = self._remote_id(verdict)
        answer = self._answer(verdict, remote_id)
        if dealt is not None:
            answer = spoiled(dealt, answer, request.path, now)
        deed = verdict if isinstance(verdict, Deed) and (dealt is None or dealt.applied) else None
        with self.ledger.transaction():
            number = self._receive(request, dealt, answer, now)
            if deed is None:
                return Handled(answer)
            if dealt is not None and dealt.fault is Fault.ACT_LATE:
                return Handled(answer, partial(self._act_late, number, deed, remote_id))
            self.ledger.apply(number, deed, remote_id=remote_id, now=now)
        return Handled(answer)

    def _receive(self, request: Request, dealt: Dealt | None, answer: Answer, now: datetime) -> int:
        fault = dealt.fault if dealt else None
        status = None if fault in _UNANSWERED else answer.status
        call = _call(request.method, request.path)
        return self.ledger.receive(request, call, fault=fault, status=status, now=now, read=True)

    def _act_late(self, number: int, deed: Deed, remote_id: str) -> None:
        with self.ledger.transaction():
            self.ledger.apply(number, deed, remote_id=remote_id, now=self.now())

    def _remote_id(self, verdict: Verdict) -> str:
        if not isinstance(verdict, Deed):
            return ""
        return str(verdict.ticket["orderId"]) if verdict.ticket else verdict.prefix + self.new_id()

    def _answer(self, verdict: Verdict, remote_id: str) -> Answer:
        match verdict:
            case Answer():
                return verdict
            case Deed():
                return _success(verdict, remote_id)
            case Reading():
                return json_answer(200, self._read_back(verdict.call))

    def _read_back(self, call: Call) -> Any:
        """What was applied for this contact; what was only received is not seen."""
        made = self.ledger.created(kind=READS[call.kind], customer_id=call.customer_id, contact_id=call.contact_id)
        if call.kind is Kind.COMEBACK_LOOK_UP:
            return {"contactId": call.contact_id, "meetings": [_meeting(each) for each in made]}
        registered = {each.time_slot_id: each for each in made if each.viewing_id == call.viewing_id}
        return [_participant(each) for each in registered.values()]


def _call(method: str, path: str) -> Call | None:
    call = route(method, path)
    return call if isinstance(call, Call) else None


def _success(deed: Deed, remote_id: str) -> Answer:
    match deed.call.kind:
        case Kind.VIEWING_REGISTRATION:
            return Answer(204)
        case Kind.NOTIFICATION:
            return json_answer(200, value=True)
        case Kind.ORDER_TOKEN:
            return json_answer(200, deed.ticket)
        case _:
            return json_answer(200, remote_id)


def _meeting(made: Created) -> dict[str, Any]:
    """Decimals vary from meeting to meeting, since a reader has to take 0 to 7 of them."""
    digits = made.id % 8
    date = made.date and written(made.date, digits)
    return {"id": made.remote_id, "createdAt": written(made.created_at, digits), "meetingDate": date}


def _participant(made: Created) -> dict[str, Any]:
    return {
        "timeSlotId": made.time_slot_id,
        "contactId": made.contact_id,
        "viewingId": made.viewing_id,
        "participated": made.participated,
        "contacted": False,
    }
