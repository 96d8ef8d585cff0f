"""The end of a turn: every reason that there is, and the checks that find one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.exc import DBAPIError

from worker.outbox.database.database import Database
from worker.outbox.database.errors import is_database_unavailable
from worker.outbox.exchange.exchange import ExchangeResult
from worker.outbox.lanes import turns

ASK_EVERY = 0.5
"""Seconds at most after which the database is asked again about sending hours and other lanes."""


class EndReason(StrEnum):
    """Why a turn ended, in the words of its report."""

    NOTHING_DUE = "nothing was due"
    """No turn began: no lane of the kind is due."""

    STOP_ASKED = "a stop was asked"
    """The worker is to stop. Nothing more is claimed; requests in flight finish and are settled."""

    TIME_UP = "its time was up"
    """`TURN_ALONE` seconds have passed, whether or not another lane waits."""

    OUTSIDE_HOURS = "its sending hours were over"
    OTHERS_WAITED = "others were waiting"
    """`TURN_SHARED` seconds have passed, and another lane is due."""

    NOTHING_LEFT = "nothing was left"
    """Nothing in the lane can be claimed, and nothing is in flight."""

    NO_SHARE = "it had no share"
    """More turns live than the environment allows requests at once: this one would only wait."""

    LANE_HELD = "the lane is held"
    LANE_LOST = "the lane was taken over"
    OTHER_ADDRESS = "the database belongs to another address of Vitec"
    """A worker with another `VITEC_BASE_URL` has taken it over, before any answer had come: this worker sends nothing."""

    LEASE_TOO_SHORT = "the lease was too short"
    """Claimed operations were not handed to threads: the process was paused, or the claim's commit took too long."""

    VALUE_REFUSED = "the database refused a value"
    """The results of an exchange were settled row by row."""

    EXCHANGE_FAILED = "an exchange failed"
    """In our own code, at the place that the log tells; the database refused nothing. Settled row by row, too."""

    BROKE_OFF = "it broke off"
    """By an error that the worker's log tells."""


@dataclass(slots=True)
class TurnEnd:
    """The end of one turn. `reason` is None for as long as the turn goes on; the first reason to be found stays."""

    db: Database
    kind: str
    stopping: Callable[[], bool]
    alone: float
    """Seconds that the turn may last."""
    shared: float
    """Seconds that it may last while another lane waits."""
    began: float = field(default_factory=time.monotonic)
    reason: EndReason | None = None
    _asked_at: float = field(default_factory=time.monotonic)
    """When the database was last asked. A turn that was taken just now is within its sending hours."""

    def declare(self, reason: EndReason) -> None:
        """Let the turn end, for this reason if it has none yet."""
        self.reason = self.reason or reason

    def check(self) -> None:
        """Look for a reason that the turn's own exchanges do not show: a stop, the time, the hours, other lanes."""
        if self.reason:
            return
        current_time = time.monotonic()
        if self.stopping():
            self.reason = EndReason.STOP_ASKED
        elif current_time - self.began >= self.alone:
            self.reason = EndReason.TIME_UP
        elif current_time - self._asked_at >= min(ASK_EVERY, self.shared):
            self._asked_at = current_time
            self.reason = self._reason_in_database(current_time - self.began)

    def _reason_in_database(self, seconds: float) -> EndReason | None:
        """Ask the database, `seconds` after the beginning. The database away is no reason: answers may have to be kept."""
        try:
            if turns.is_outside_hours(self.db, self.kind):
                return EndReason.OUTSIDE_HOURS
            if seconds >= self.shared and turns.any_lane_is_due(self.db):
                return EndReason.OTHERS_WAITED
        except DBAPIError as error:
            if not is_database_unavailable(error):
                raise
        return None

    def check_exchange(self, result: ExchangeResult, *, in_flight: bool) -> None:
        """Look for a reason that an exchange has shown."""
        if self.reason:
            return
        if not result.owns_lane:
            self.reason = EndReason.LANE_LOST
        elif result.other_address:
            self.reason = EndReason.OTHER_ADDRESS
        elif result.held:
            self.reason = EndReason.LANE_HELD
        elif result.share == 0 and not in_flight:
            self.reason = EndReason.NO_SHARE
        elif result.is_idle and not in_flight:
            self.reason = EndReason.NOTHING_LEFT
