"""The moment after which a payload is of no use, by its own date."""

from datetime import datetime, timedelta
from functools import lru_cache

from worker.stockholm import STOCKHOLM

_MIDNIGHT = "00:00:00"
_DAY_LENGTH = len("2026-12-24")


# A calendar's times lie on quarters of an hour, so the same ones come again and again.
@lru_cache(maxsize=8192)
def end_of_use(text: str, *, is_day: bool = False) -> datetime:
    """Give the moment of a time as it is sent to Vitec; of a day (`is_day`, a date alone, or midnight) the end of that day."""
    begin = datetime.fromisoformat(text)
    if not (is_day or len(text) == _DAY_LENGTH or text[11:19] == _MIDNIGHT):
        return begin
    # By the clock in Stockholm: the days on which the clocks are set have 23 and 25 hours.
    day = begin.astimezone(STOCKHOLM).date() if begin.tzinfo else begin.date()
    next_day = day + timedelta(days=1)
    return datetime(next_day.year, next_day.month, next_day.day, tzinfo=STOCKHOLM)
