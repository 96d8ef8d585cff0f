"""The state machine of an operation, as data."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where an operation stands. The values are an API: added to, never renamed."""

    PENDING = "pending"
    """Recorded, never tried since it was enqueued or requeued."""

    IN_FLIGHT = "in_flight"
    """Claimed by a turn: its request may be on the wire at this moment."""

    RETRYABLE = "retryable"
    """Tried, and surely without effect at Vitec, or twice is harmless. Waits for `next_attempt_at`."""

    IN_DOUBT = "in_doubt"
    """Vitec may have acted and did not say so. Never sent again before Vitec or a person has answered."""

    SUCCEEDED = "succeeded"
    """Vitec acted. Final."""

    FAILED = "failed"
    """Vitec refused, or the budget is used up: by tries without effect, or in doubt where it is sent again then. Final."""

    CANCELLED = "cancelled"
    """It is no longer wanted, and it was not done. Final."""

    EXPIRED = "expired"
    """Its time ran out before it was done. Final."""


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed change of state. `source` is None for the birth of a row."""

    source: State | None
    target: State
    when: str


WAITING = frozenset({State.PENDING, State.RETRYABLE})
"""States in which a turn may claim the row."""

FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED})
"""States with `finalized_at` set."""

_P, _F, _R, _D = State.PENDING, State.IN_FLIGHT, State.RETRYABLE, State.IN_DOUBT
_OK, _NO, _X, _LATE = State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED

MOVES: tuple[Move, ...] = (
    Move(None, _P, "enqueued by import or the Python API"),
    Move(_P, _F, "claimed by a turn"),
    Move(_R, _F, "claimed by a turn"),
    Move(_P, _LATE, "too late"),
    Move(_R, _LATE, "too late"),
    Move(_P, _X, "a person says so"),
    Move(_R, _X, "a person says so"),
    Move(_P, _NO, "the operation it comes after ended without success"),
    Move(_R, _NO, "the operation it comes after ended without success"),
    Move(_F, _OK, "a complete, valid answer"),
    Move(_F, _R, "nothing was written, or Vitec surely did not act"),
    Move(_F, _NO, "refused, or the budget is used up"),
    Move(_F, _D, "no answer that tells whether Vitec acted, or the worker died"),
    Move(_F, _X, "cancel was asked and the attempt surely had no effect"),
    Move(_D, _OK, "late answer, look-up or a person: it is there"),
    Move(_D, _R, "twice is harmless; or two look-ups agree it is absent; or a late certain no; or a person"),
    Move(
        _R,
        _D,
        "the resend permission expired, and a new look-up did not confirm it; or its answer may have been another's",
    ),
    Move(_D, _NO, "a late certain refusal"),
    Move(_D, _X, "not there and not wanted: a person says so, or cancel was asked and it proves absent"),
    Move(_NO, _P, "requeued by a person, or mended by the CRM"),
    Move(_X, _P, "requeued by a person, or mended by the CRM"),
    Move(_LATE, _P, "requeued by a person, or mended by the CRM"),
    Move(_P, _OK, "evidence of success that came late"),
    Move(_R, _OK, "evidence of success that came late"),
    Move(_NO, _OK, "evidence of success that came late"),
    Move(_X, _OK, "evidence of success that came late"),
    Move(_LATE, _OK, "evidence of success that came late"),
    Move(_OK, _X, "a person knows that it is not there"),
)
