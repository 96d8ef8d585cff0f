"""Results that the database refuses to hold, in a form that it can: nothing that was sent is then taken for unsent."""

from dataclasses import replace

from models import State
from worker.decide import Settlement
from worker.kind import LookUpResult, Presence
from worker.outbox.exchange.look_ups import FinishedLookUp
from worker.outbox.exchange.settle import Finished


def as_unwritable(one: Finished) -> Finished:
    what = one.settlement
    accepted = what.accepted or what.attempt_state is State.SUCCEEDED
    plain = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="unwritable", accepted=accepted, needs_person=True)
    return replace(one, settlement=plain)


def as_unclear(one: FinishedLookUp) -> FinishedLookUp:
    """The look-up whose answer the database refused (an id that another row has): it counts, and a person will see."""
    sighting = LookUpResult(Presence.UNCLEAR, "what was found could not be written beside what is known")
    return replace(one, sighting=sighting, answered=True)
