"""A wrong clock of the stand-in's: it dates answers and whatever is made, ahead or behind, in UTC, or cut."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from worker.sandbox.api.times import STOCKHOLM

_FARTHEST: Final = 400 * 86_400.0


class Cut(StrEnum):
    """The unit to which the time of making is cut."""

    MINUTE = auto()
    HOUR = auto()
    DAY = auto()


class WrongClock(BaseModel):
    """A clock that is `lead` s ahead (negative: behind). The time of making is also written in UTC, or cut.

    Only what a client sees is dated by it; the ledger's `received_at` is true.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lead: Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST)] = 0.0
    in_utc: bool = False
    cut: Cut | None = None

    def read(self, current_time: datetime) -> datetime:
        """Give the moment that the clock shows."""
        return current_time + timedelta(seconds=self.lead)

    def date_making(self, current_time: datetime) -> datetime:
        """Give the moment that a clock in Stockholm would show as the time of making."""
        shown = self.read(current_time).astimezone(UTC if self.in_utc else STOCKHOLM).replace(tzinfo=STOCKHOLM)
        match self.cut:
            case Cut.MINUTE:
                return shown.replace(second=0, microsecond=0)
            case Cut.HOUR:
                return shown.replace(minute=0, second=0, microsecond=0)
            case Cut.DAY:
                return shown.replace(hour=0, minute=0, second=0, microsecond=0)
            case None:
                return shown
