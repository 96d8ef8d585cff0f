"""The times at which a feed runs: so long after its last run, or at times of the day in Stockholm. Pure."""

from datetime import datetime, timedelta

from worker.feeding.config import FeedConfig
from worker.stockholm import STOCKHOLM

_FIRST_RETRY = timedelta(seconds=60)
_LAST_RETRY = timedelta(hours=1)


def first_run(config: FeedConfig, present: datetime) -> datetime:
    """Give the moment of a new feed's first run: at once, or at its next time of the day."""
    return present if config.interval else next_run(config, present)


def next_run(config: FeedConfig, present: datetime, failures: int = 0) -> datetime:
    """Give the moment of the run after one that has ended now. A failure is tried again soon, also where it runs daily."""
    regular = present + config.interval if config.interval else _next_time_of_day(config, present)
    if not failures:
        return regular
    retry = min(_LAST_RETRY, _FIRST_RETRY * float(1 << min(failures - 1, 10)))
    return min(regular, present + retry)


def _next_time_of_day(config: FeedConfig, present: datetime) -> datetime:
    today = present.astimezone(STOCKHOLM).date()
    # Over a change of clocks a day has 23 or 25 hours: the times are Stockholm's, whatever distance that is.
    candidates = (
        datetime.combine(today + timedelta(days=days), time_of_day, STOCKHOLM)
        for days in range(3)
        for time_of_day in config.at or ()
    )
    return min(moment for moment in candidates if moment.timestamp() > present.timestamp()).astimezone(present.tzinfo)


def describe_schedule(config: FeedConfig) -> str:
    """Say when it runs, in a few words."""
    if config.at:
        return "at " + ", ".join(f"{time_of_day:%H:%M}" for time_of_day in config.at)
    return f"every {(config.interval or timedelta()).total_seconds():g} s"
