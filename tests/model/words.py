"""What the model is made of: rows, workers, Vitec, and the rules that may be taken out one by one.

Time is a tick. Nothing is counted that the protocol does not look at, so that the states are finite: a token is only
"mine or not", an age ends where it no longer matters.
"""

from dataclasses import dataclass, field
from enum import StrEnum

NEVER = -1
"""The age of what has not happened."""


class Is(StrEnum):
    """Where a row stands."""

    WAITING = "waiting"
    IN_FLIGHT = "in flight"
    IN_DOUBT = "in doubt"
    SUCCEEDED = "succeeded"


class Does(StrEnum):
    """What a worker is doing. It may stand still anywhere, for as long as it likes: that is a pause."""

    NOTHING = "nothing"
    HAS_TURN = "has a turn"
    CLAIMED = "has claimed"
    WROTE_FIRST = "wrote before it claimed"
    SENT = "has sent"
    HOLDS_YES = "holds a success"
    HOLDS_NO = "holds a certain no"
    HOLDS_NOTHING = "holds no answer"
    ASKS = "looks up"
    SAW_THERE = "saw it there"
    SAW_ABSENT = "saw it absent"


WRITES = frozenset({Does.CLAIMED, Does.WROTE_FIRST, Does.SENT, Does.ASKS})
"""While it does these, the dead man's switch is armed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol, its times in ticks, and what is assumed of Vitec. A mutant has one of them different."""

    rows: int = 1
    attempts: int = 3
    workers: int = 2
    lease: int = 1
    quiet: int = 2
    gap: int = 1
    leave: int = 1
    late: int = 1
    """For how long after it was written Vitec may still act on a request."""
    stale: int = 2
    """How old an act must be before every look-up shows it."""
    compares_token: bool = True
    compares_lease: bool = True
    rescue_raises_token: bool = True
    claims_before_writing: bool = True
    switch: bool = True
    resends_in_doubt: bool = False
    compares_attempt: bool = True
    look_ups_needed: int = 2
    compares_look_up: bool = True
    quiet_from_claim: bool = False
    leave_grows_old: bool = True
    minds_match_key: bool = True
    knows_others_ids: bool = True
    rescues: bool = True
    clears: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """An operation."""

    state: Is = Is.WAITING
    attempt: int = 0
    doubt: int = NEVER
    """Age of the doubt."""
    absent: int = NEVER
    """Since when it has been found absent."""
    leave: int = NEVER
    """Age of the leave to send again."""
    evidence: bool = False
    """A success was heard of while a later attempt was in flight."""
    is_at: int = NEVER
    """Which attempt's work it takes for its own, as (row, attempt) in one number; -1: none."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process. `mine`: the lane's token is still its own, `lease`: ticks left by its own clock."""

    does: Does = Does.NOTHING
    row: int = 0
    attempt: int = 0
    mine: bool = False
    lease: int = 0
    current: bool = False
    """No other look-up of the row has begun since its own."""
    saw: int = NEVER
    dead: bool = False
    """It was declared dead: what it had in flight has been put in doubt."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something Vitec did, for which attempt of which row."""

    row: int
    attempt: int
    age: int = 0

    @property
    def id(self) -> int:
        """Its id at Vitec."""
        return self.row * 10 + self.attempt


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes that Vitec may still act on, for `left` ticks."""

    row: int
    attempt: int
    left: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything at one moment."""

    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    lease: int = 0
    """Ticks left of the lane's lease; 0: nobody has a turn."""
    requests: tuple[Request, ...] = ()
    acts: tuple[Act, ...] = field(default=())
    broken: str | None = None
    """What has just happened that must never happen."""


def beginning(rules: Rules) -> World:
    """Nothing has been done yet."""
    return World((Row(),) * rules.rows, (Worker(),) * rules.workers)
