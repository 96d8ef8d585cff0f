"""The commands about an operation that would be accepted at this moment."""

from collections.abc import Iterator
from dataclasses import dataclass

from models import FINAL, State
from worker.outbox.operators.decisions import Decision
from worker.outbox.views.status import OperationStatus
from worker.reconciling import Cancel, Decider, Delivered, Expiry, GiveUp, Requeue, SendAgain, Wish, judge

_UNDECIDED = Decider("", "a reason")
"""Stands for a person in a question: is the wish allowed?"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that changes how the operation stands, and what it does."""

    command: str
    does: str


def find_commands(status: OperationStatus) -> Iterator[Command]:
    """Give the commands that `worker.reconciling` allows for an operation that stands so."""
    if _is_allowed(Cancel(), status):
        in_flight = status.state is State.IN_FLIGHT
        does = "takes it back if nothing has been written" if in_flight else "takes it back"
        yield Command(f"vitec-sync cancel {status.id}", does)
    was_tried = status.state is State.IN_DOUBT or status.needs_person or (status.state in FINAL and status.attempt > 0)
    if was_tried and _is_allowed(Delivered(), status):
        # A reason is asked for: the usual one stands here, so that the line can be run as it is.
        succeeded = status.state is State.SUCCEEDED
        delivered, does = ("seen to", "you have seen to it") if succeeded else ("seen at Vitec", "it is there at Vitec")
        yield Command(f'vitec-sync resolve {status.id} --delivered --reason "{delivered}"', does)
    send_again = f'vitec-sync resolve {status.id} --send-again --reason "not in Vitec\'s call log"'
    does = "it is not there: it is sent again"
    if status.accepted:
        does = "it is not there, whatever Vitec answered: it is sent again, and may then be there twice"
    again, however_late = SendAgain(overrules=True), SendAgain(Expiry(never=True), overrules=True)
    yield from _find_sending_command(status, again, however_late, Command(send_again, does))
    requeue = Command(f"vitec-sync requeue {status.id}", "it is sent after all")
    yield from _find_sending_command(status, Requeue(), Requeue(Expiry(never=True)), requeue)
    if _is_allowed(GiveUp(), status):
        give_up = f'vitec-sync resolve {status.id} --give-up --reason "not at Vitec, and not wanted"'
        yield Command(give_up, "it is neither there nor wanted")


def _find_sending_command(
    status: OperationStatus, wish: Wish, without_expiry: Wish, command: Command
) -> Iterator[Command]:
    if _is_allowed(wish, status):
        yield command
    elif _is_allowed(without_expiry, status):
        yield Command(f"{command.command} --expires never", f"{command.does}, however late")


def _is_allowed(wish: Wish, status: OperationStatus) -> bool:
    return isinstance(judge(wish, status, _UNDECIDED), Decision)
