"""The wishes of people about operations, and what each may decide, by how its operation stands at that moment.

Whatever Vitec has answered, a person may know better: a wish that `overrules` it says so, for operations that are named.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from models import FINAL, WAITING, State
from worker.outbox.exchange.questioned import ANSWER_IN_QUESTION
from worker.outbox.operators.actions import Decider
from worker.outbox.operators.decisions import Decision, Verb
from worker.outbox.views.status import OperationStatus


@dataclass(frozen=True, slots=True)
class Expiry:
    """From when it is too late. Neither given: as it stands."""

    until: datetime | None = None
    never: bool = False

    @property
    def is_new(self) -> bool:
        """Whether it replaces the row's own."""
        return self.never or self.until is not None


@dataclass(frozen=True, slots=True)
class Requeue:
    """It ended without success, and shall be done after all; `overrules`: though there was evidence that Vitec acted."""

    expiry: Expiry = Expiry()
    overrules: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """It is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is there at Vitec, under this id if it is known."""

    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class SendAgain:
    """It is not there at Vitec, and shall be; `overrules`: though Vitec has accepted it."""

    expiry: Expiry = Expiry()
    overrules: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It is not there at Vitec, and shall not be; `overrules`: though Vitec has said that it acted."""

    overrules: bool = False


Wish = Requeue | Cancel | Delivered | SendAgain | GiveUp


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision that could not be: why, and what to do instead. Both are sentences without personal data."""

    id: int
    why: str
    remedy: str


def judge(wish: Wish, status: OperationStatus, decider: Decider, owner: int | None = None) -> Decision | Refusal:
    """Say what a wish does to an operation that stands so, or why it cannot be. `owner`: the operation that has its remote id."""
    match wish:
        case Requeue():
            return _requeue(status, wish, decider)
        case Cancel():
            return _cancel(status, decider)
        case Delivered():
            return _delivered(status, wish, decider, owner)
        case SendAgain():
            return _send_again(status, wish, decider)
        case GiveUp():
            return _give_up(status, wish, decider)
        case _:
            assert_never(wish)


def _requeue(status: OperationStatus, wish: Requeue, decider: Decider) -> Decision | Refusal:
    if status.state not in FINAL:
        remedy = _look(status) if status.state is State.IN_DOUBT else "Wait for it, or cancel it first."
        return Refusal(status.id, f"It has not ended: it is {_said(status.state)}.", remedy)
    if status.state is State.SUCCEEDED:
        remedy = (
            f"Nothing is sent twice. If it is not there after all: `resolve {status.id} --give-up`, then requeue it."
        )
        return Refusal(status.id, "It has been delivered.", remedy)
    if (status.accepted or status.acted) and not (wish.overrules and decider.reason):
        remedy = f'If you know that it is not there: `requeue {status.id} --reason "…"`; it may be there twice then.'
        return Refusal(status.id, f"{_why_it_acted(status)}, so it is not sent again by itself.", remedy)
    return _unsendable(status, wish.expiry) or _again(Verb.REQUEUED, wish.expiry, decider)


def _send_again(status: OperationStatus, wish: SendAgain, decider: Decider) -> Decision | Refusal:
    if refusal := _not_in_doubt(status):
        return refusal
    if (status.accepted or status.acted) and not (wish.overrules and decider.reason):
        remedy = f"If it is there: `resolve {status.id} --delivered`. If you know better, say so with a reason."
        return Refusal(status.id, f"{_why_it_acted(status)}, so it is not sent again by itself.", remedy)
    return _unsendable(status, wish.expiry) or _again(Verb.SEND_AGAIN, wish.expiry, decider)


def _why_it_acted(status: OperationStatus) -> str:
    return "A person has said that it is there" if status.by_word else "Vitec has accepted it"


def _unsendable(status: OperationStatus, expiry: Expiry) -> Refusal | None:
    """Say why an operation cannot usefully be sent."""
    if status.overtaken:
        why = "A later operation on the same thing at Vitec has succeeded; sent now, it would undo that one."
        return Refusal(status.id, why, "If it is wanted after all, export it under a new id.")
    if status.blanked:
        return Refusal(
            status.id, "Its content has been blanked after its end.", "Export it from the CRM under a new id."
        )
    if status.too_late and not expiry.is_new:
        remedy = "Say from when it is too late: `--expires 2026-12-24T12:00`, or `--expires never`."
        return Refusal(status.id, "Its time has run out, so it would expire at once.", remedy)
    if status.parent in FINAL - {State.SUCCEEDED}:
        why = f"The operation that it comes after is {_said(status.parent)}, so it would fail at once."
        return Refusal(status.id, why, "Requeue that one first.")
    return None


def _again(verb: Verb, expiry: Expiry, decider: Decider) -> Decision:
    return Decision(verb, decider.by, decider.reason, until=expiry.until, for_ever=expiry.never)


def _cancel(status: OperationStatus, decider: Decider) -> Decision | Refusal:
    match status.state:
        case State.PENDING | State.RETRYABLE:
            return Decision(Verb.CANCELLED, decider.by, decider.reason)
        case State.IN_FLIGHT if status.cancel_asked:
            return Refusal(status.id, "It has been asked already; its request is on the way.", "Wait for its answer.")
        case State.IN_FLIGHT:
            return Decision(Verb.CANCEL_ASKED, decider.by, decider.reason)
        case State.IN_DOUBT:
            return Refusal(status.id, "Vitec may have carried it out already.", _look(status))
        case State.SUCCEEDED:
            return Refusal(status.id, "It has been delivered.", "Undo it in Vitec by hand; no call can.")
        case State.FAILED | State.CANCELLED | State.EXPIRED:
            return Refusal(
                status.id, f"It has ended already: it is {_said(status.state)}.", "There is nothing to cancel."
            )
        case _:
            assert_never(status.state)


def _delivered(status: OperationStatus, wish: Delivered, decider: Decider, owner: int | None) -> Decision | Refusal:
    if owner is not None:
        return _taken(status.id, owner)
    if status.state in WAITING and not status.sent_again and (refusal := _not_in_doubt(status)) is not None:
        return refusal
    renamed = status.remote_id is not None and wish.remote_id not in {None, status.remote_id}
    if renamed and not status.id_by_word and status.error_code != ANSWER_IN_QUESTION:
        remedy = "Leave the id out, or look both up in Vitec."
        return Refusal(status.id, f"Vitec gave it another id: {status.remote_id}.", remedy)
    if status.state is not State.SUCCEEDED:
        return Decision(Verb.DELIVERED, decider.by, decider.reason, wish.remote_id)
    if status.needs_person or renamed or (wish.remote_id is not None and status.remote_id is None):
        return Decision(Verb.SEEN, decider.by, decider.reason, wish.remote_id)
    return Refusal(status.id, "It has been delivered; that is known.", "There is nothing to resolve.")


def _give_up(status: OperationStatus, wish: GiveUp, decider: Decider) -> Decision | Refusal:
    overrules_vitec = wish.overrules and decider.reason is not None
    takes_back = status.state is State.SUCCEEDED and (status.by_word or overrules_vitec)
    refusal = None if takes_back else _not_in_doubt(status)
    return refusal or Decision(Verb.GIVEN_UP, decider.by, decider.reason)


def _look(status: OperationStatus) -> str:
    return f"Look in Vitec, then `vitec-sync resolve {status.id}` with --delivered, --send-again or --give-up."


def _not_in_doubt(status: OperationStatus) -> Refusal | None:
    if status.state is State.IN_DOUBT:
        return None
    remedies = {
        State.PENDING: "`cancel` takes it back.",
        State.RETRYABLE: "`cancel` takes it back.",
        State.IN_FLIGHT: "Wait for its answer.",
        State.SUCCEEDED: "If it is not there after all, `resolve` it with --give-up and a reason.",
    }
    remedy = remedies.get(status.state, "`requeue` sends it after all; if it is there, `resolve` with --delivered.")
    return Refusal(status.id, f"It is not in doubt: it is {_said(status.state)}.", remedy)


def _taken(id_: int, owner: int) -> Refusal:
    remedy = "Look in Vitec which of the two it is. If Vitec gives both the same id, leave it out."
    return Refusal(id_, f"That remote id belongs to operation {owner}.", remedy)


def _said(state: State | None) -> str:
    return "" if state is None else state.value.replace("_", " ")
