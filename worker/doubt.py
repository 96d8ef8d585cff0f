"""Draws the conclusion of a look-up for an operation in doubt. Pure; the caller compares the times."""

from dataclasses import dataclass
from typing import assert_never

from models import State
from worker.kind import LookUpResult, Presence


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask before a person must: `unclear` answers that prove nothing, and `look_ups` of one doubt."""

    unclear: int = 3
    look_ups: int = 12


@dataclass(frozen=True, slots=True)
class Doubt:
    """The facts of a doubt when the answer to a look-up comes."""

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
    """Another operation that succeeded, under an unknown id or under this one, could be what the read-back shows."""
    used_up: bool = False
    """Its budget is: it has been sent, or was about to be, as often as it may be."""
    too_slow: bool = False
    """The answer took longer than a resend permission lasts, so that the permission would have expired before it began."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The new state of the row. `absent`: the look-up counts as one that found it absent."""

    state: State
    why: str
    remote_id: str | None = None
    absent: bool = False
    needs_person: bool = False


def conclude(look_up_result: LookUpResult, doubt: Doubt, *, counts_as_unclear: bool, patience: Patience) -> Conclusion:
    """Draw the conclusion.

    `counts_as_unclear`: an unclear result would probably come again, since Vitec answered 2xx or refused the look-up, or our
    own code failed at it. Else the look-up itself failed, which is forgiven more often: nothing is learnt of the doubt.
    """
    if doubt.contested:
        return _still_in_doubt(
            doubt, "another operation like it is under way: nothing can be concluded", patience.look_ups
        )
    match look_up_result.presence:
        case Presence.PRESENT if doubt.claimed_by_another:
            why = "it is there, but may be what another operation made"
            return _still_in_doubt(doubt, why, patience.unclear)
        case Presence.PRESENT:
            return Conclusion(State.SUCCEEDED, look_up_result.why, look_up_result.remote_id)
        case Presence.ABSENT if doubt.accepted:
            return _still_in_doubt(doubt, f"it was accepted, yet {look_up_result.why}", patience.unclear)
        case Presence.ABSENT if doubt.absent_before and doubt.used_up:
            why = f"twice: {look_up_result.why}; but its tries are used up"
            return Conclusion(State.IN_DOUBT, why, absent=True, needs_person=True)
        case Presence.ABSENT if doubt.absent_before and doubt.too_slow:
            why = f"twice: {look_up_result.why}; but the answer took longer than a permission to send again lasts"
            return Conclusion(State.IN_DOUBT, why, absent=True, needs_person=doubt.look_ups >= patience.look_ups)
        case Presence.ABSENT if doubt.absent_before:
            return Conclusion(State.RETRYABLE, f"twice: {look_up_result.why}", absent=True)
        case Presence.ABSENT:
            return Conclusion(State.IN_DOUBT, look_up_result.why, absent=True)
        case Presence.UNCLEAR:
            return _still_in_doubt(
                doubt, look_up_result.why, patience.unclear if counts_as_unclear else patience.look_ups
            )
        case _:
            assert_never(look_up_result.presence)


def _still_in_doubt(doubt: Doubt, why: str, limit: int) -> Conclusion:
    return Conclusion(State.IN_DOUBT, why, needs_person=doubt.look_ups >= limit)
