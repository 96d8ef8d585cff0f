"""What a look-up means for an operation in doubt. Pure; the times are compared by whoever asks."""

from dataclasses import dataclass
from typing import assert_never

from models import State
from worker.kind import LookUpResult, Presence


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask before a person must: `unclear` answers that prove nothing, and `all` look-ups of one doubt."""

    unclear: int = 3
    look_ups: int = 12


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is known when a look-up's answer comes."""

    state: State
    accepted: bool
    """Vitec said 2xx: it is there, whatever a look-up says."""
    look_ups: int
    """Of this doubt, this one included."""
    absent_before: bool
    """The look-up before this one, at least the gap ago, found it absent."""
    contested: bool
    """Another operation that the read-back could show in its place is in flight or in doubt."""
    claimed_by_another: bool
    """Another one that succeeded, and whose id nobody knows, could be what the read-back shows."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What becomes of the row. `absent`: the look-up counts as one that found it absent."""

    state: State
    why: str
    remote_id: str | None = None
    absent: bool = False
    needs_person: bool = False


def conclude(sighting: LookUpResult, doubt: Doubt, *, answered: bool, patience: Patience) -> Conclusion:
    """Draw the conclusion. `answered`: Vitec gave an answer at all; a look-up that failed says nothing of the doubt."""
    if doubt.contested:
        return _still(doubt, "another operation like it is under way: nothing can be concluded", patience.look_ups)
    match sighting.presence:
        case Presence.PRESENT if doubt.claimed_by_another:
            why = "it is there, but may be what another operation made"
            return _still(doubt, why, patience.unclear)
        case Presence.PRESENT:
            return Conclusion(State.SUCCEEDED, sighting.why, sighting.remote_id)
        case Presence.ABSENT if doubt.accepted:
            return _still(doubt, f"it was accepted, yet {sighting.why}", patience.unclear)
        case Presence.ABSENT if doubt.absent_before:
            return Conclusion(State.RETRYABLE, f"twice: {sighting.why}", absent=True)
        case Presence.ABSENT:
            return Conclusion(State.IN_DOUBT, sighting.why, absent=True)
        case Presence.UNCLEAR:
            return _still(doubt, sighting.why, patience.unclear if answered else patience.look_ups)
        case _:
            assert_never(sighting.presence)


def _still(doubt: Doubt, why: str, most: int) -> Conclusion:
    return Conclusion(State.IN_DOUBT, why, needs_person=doubt.look_ups >= most)
