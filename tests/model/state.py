"""The state of the model: rows, workers and Vitec at one moment, and the rules that can be taken out one by one.

Time passes in ticks. Only facts on which the protocol depends are kept, so that there are finitely many worlds: of a
token, whether it is the worker's own; an age stops growing where it no longer matters.
"""

from dataclasses import dataclass, field
from enum import StrEnum

NEVER = -1
"""The age of an event that has not happened, and the id of a thing that does not exist."""


class RowState(StrEnum):
    """The state of a row; every final state but success is left out."""

    WAITING = "waiting"
    IN_FLIGHT = "in flight"
    IN_DOUBT = "in doubt"
    SUCCEEDED = "succeeded"


class Activity(StrEnum):
    """The step that a worker has reached. It may stay there for any number of ticks: that is a paused process."""

    NOTHING = "nothing"
    HAS_TURN = "has a turn"
    CLAIMED = "has claimed"
    WROTE_FIRST = "wrote before it claimed"
    SENT = "has sent"
    HOLDS_YES = "holds a success"
    HOLDS_NO = "holds a certain no"
    HOLDS_NOTHING = "holds no answer"
    ASKS = "looks up"
    SAW_PRESENT = "saw it there"
    SAW_ABSENT = "saw it absent"
    SAW_OLDER = "saw one that seems older than the attempt"


WRITES = frozenset({Activity.CLAIMED, Activity.WROTE_FIRST, Activity.SENT, Activity.ASKS})
"""Activities during which the dead man's switch is armed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the protocol, its times in ticks, and the assumptions about Vitec. A mutant changes one of them."""

    rows: int = 1
    attempts: int = 3
    workers: int = 2
    lease: int = 1
    quiet: int = 2
    gap: int = 1
    permission: int = 1
    acts_within: int = 1
    """Ticks after a request was written during which Vitec may still act on it."""
    shows_within: int = 2
    """Ticks after which every look-up shows an act."""
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
    permission_expires: bool = True
    compares_match_key: bool = True
    excludes_known_ids: bool = True
    believes_vitecs_clock: bool = False
    """An act that seems older than the attempt counts as none of it."""
    rescues: bool = True
    turn_clears_lane: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """An operation."""

    state: RowState = RowState.WAITING
    attempt: int = 0
    doubt: int = NEVER
    """Ticks since it came in doubt."""
    absent: int = NEVER
    """Ticks since a look-up first found it absent."""
    permission: int = NEVER
    """Ticks since it got its resend permission."""
    late_success: bool = False
    """A late answer reported success while a later attempt was in flight."""
    remote_id: int = NEVER
    """Vitec's id of the act that the row takes for its own."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process. `owns_lane`: the lane's token is still its own. `lease`: ticks left by its own clock."""

    activity: Activity = Activity.NOTHING
    row: int = 0
    attempt: int = 0
    owns_lane: bool = False
    lease: int = 0
    look_up_is_latest: bool = False
    """No other look-up of the row has begun since this worker's."""
    seen_id: int = NEVER
    declared_dead: bool = False
    """Its turn was declared dead, and its rows in flight were put in doubt."""


@dataclass(frozen=True, slots=True)
class Act:
    """One time that Vitec carried out an attempt."""

    row: int
    attempt: int
    age: int = 0

    @property
    def remote_id(self) -> int:
        """The id that Vitec gave it: row and attempt in one number."""
        return self.row * 10 + self.attempt


@dataclass(frozen=True, slots=True)
class Request:
    """A written request that Vitec may still act on, for so many ticks."""

    row: int
    attempt: int
    ticks_left: int


@dataclass(frozen=True, slots=True)
class World:
    """The whole state at one moment."""

    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    lease: int = 0
    """Ticks left of the lane's lease; 0: the lane is free."""
    requests: tuple[Request, ...] = ()
    acts: tuple[Act, ...] = field(default=())
    violation: str | None = None
    """The promise that the last step broke."""


def initial_world(rules: Rules) -> World:
    """The world before the first step: all rows wait, no worker has a turn."""
    return World((Row(),) * rules.rows, (Worker(),) * rules.workers)
