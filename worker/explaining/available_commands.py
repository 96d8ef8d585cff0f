"""What a person may do about an operation, as the commands that would be accepted at this moment."""

from collections.abc import Iterator
from dataclasses import dataclass

from models import FINAL, State
from worker.outbox.operators.decisions import Decision, OperationStatus
from worker.reconciling import Cancel, Decider, Delivered, Expiry, GiveUp, Requeue, SendAgain, Wish, judge

NOBODY = Decider("")
"""Nobody has decided: it is only asked whether somebody could."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that changes how the operation stands, and what it does."""

    command: str
    does: str


def commands(standing: OperationStatus) -> tuple[Command, ...]:
    """The commands that `worker.reconciling` allows for an operation that stands so."""
    return tuple(_commands(standing))


def _commands(one: OperationStatus) -> Iterator[Command]:
    if _allowed(Cancel(), one):
        what = "takes it back" if one.state is not State.IN_FLIGHT else "takes it back if nothing has been written"
        yield Command(f"vitec-sync cancel {one.id}", what)
    tried = one.state is State.IN_DOUBT or one.needs_person or (one.state in FINAL and one.attempt > 0)
    if tried and _allowed(Delivered(), one):
        yield Command(f"vitec-sync resolve {one.id} --delivered", "it is there at Vitec")
    yield from _again(one, SendAgain(), SendAgain(Expiry(never=True)), f"resolve {one.id} --send-again")
    yield from _again(one, Requeue(), Requeue(Expiry(never=True)), f"requeue {one.id}")
    if _allowed(GiveUp(), one):
        yield Command(f"vitec-sync resolve {one.id} --give-up", "it is neither there nor wanted")


def _again(one: OperationStatus, wish: Wish, without_end: Wish, command: str) -> Iterator[Command]:
    does = "it is not there: it is sent again" if isinstance(wish, SendAgain) else "it is sent after all"
    if _allowed(wish, one):
        yield Command(f"vitec-sync {command}", does)
    elif _allowed(without_end, one):
        yield Command(f"vitec-sync {command} --expires never", f"{does}, however late")


def _allowed(wish: Wish, one: OperationStatus) -> bool:
    return isinstance(judge(wish, one, NOBODY), Decision)
