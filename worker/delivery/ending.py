"""When a turn ends: every reason there is, and the looks that find them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.exc import DBAPIError

from worker.outbox.database.database import Database
from worker.outbox.database.errors import is_database_unavailable
from worker.outbox.exchange.exchange import ExchangeResult
from worker.outbox.lanes import turns


class EndReason(StrEnum):
    """Why a turn ended, in the words of its report."""

    NOTHING_DUE = "nothing was due"
    """No turn began: no lane of the kind is due."""

    STOP_ASKED = "a stop was asked"
    """The worker is to stop. Nothing more is claimed; requests in flight finish and are settled."""

    TIME_UP = "its time was up"
    """`TURN_ALONE` seconds have passed, though no other lane waits."""

    OUTSIDE_HOURS = "its sending hours were over"
    OTHERS_WAITED = "others were waiting"
    """`TURN_SHARED` seconds have passed, and another lane is due."""

    NOTHING_LEFT = "nothing was left"
    """Nothing in the lane can be claimed, and nothing is in flight."""

    NO_SHARE = "it had no share"
    """More turns live than the environment allows requests at once: this one would only wait."""

    LANE_HELD = "the lane is held"
    LANE_LOST = "the lane was taken over"
    LEASE_TOO_SHORT = "the lease was too short"
    """Claimed operations were not handed to threads: the process was paused, or the claim's commit took too long."""

    VALUE_REFUSED = "the database refused a value"
    """The results of an exchange were settled row by row."""

    BROKE_OFF = "it broke off"
    """By an error that the worker's log tells."""


@dataclass(slots=True)
class TurnEnd:
    """The end of one turn: `reason` is None for as long as it goes on, and the first reason found stays."""

    db: Database
    kind: str
    stopping: Callable[[], bool]
    alone: float
    """Seconds that the turn may last."""
    shared: float
    """Seconds that it may last while another lane waits."""
    began: float = field(default_factory=time.monotonic)
    reason: EndReason | None = None
    _look_outside_at: float = 0.0

    def declare(self, reason: EndReason) -> None:
        """Let the turn end, for this reason if it has none yet."""
        self.reason = self.reason or reason

    def check(self) -> None:
        """Look for a reason that the turn's own exchanges do not show: a stop, the time, the hours, other lanes."""
        if self.reason:
            return
        now = time.monotonic()
        if self.stopping():
            self.reason = EndReason.STOP_ASKED
        elif now - self.began >= self.alone:
            self.reason = EndReason.TIME_UP
        elif now >= self._look_outside_at:
            self._look_outside_at = now + min(0.5, self.shared)
            self.reason = self._reason_in_database(now)

    def _reason_in_database(self, now: float) -> EndReason | None:
        """The database away is no reason: there may be answers to keep."""
        try:
            if turns.is_outside_hours(self.db, self.kind):
                return EndReason.OUTSIDE_HOURS
            if now - self.began >= self.shared and turns.any_lane_is_due(self.db):
                return EndReason.OTHERS_WAITED
        except DBAPIError as error:
            if not is_database_unavailable(error):
                raise
        return None

    def check_exchange(self, result: ExchangeResult | None, *, in_flight: bool) -> None:
        """Look for a reason that an exchange has shown; None: the database refused it."""
        shown = None
        if result is None:
            shown = EndReason.VALUE_REFUSED
        elif not result.owns_lane:
            shown = EndReason.LANE_LOST
        elif result.held:
            shown = EndReason.LANE_HELD
        elif result.share == 0 and not in_flight:
            shown = EndReason.NO_SHARE
        elif result.is_idle and not in_flight:
            shown = EndReason.NOTHING_LEFT
        self.reason = self.reason or shown
