"""Vitec's clock as its answers show it: one of them now and then, with the moments between which it was dated."""

import re
from contextlib import suppress
from email.utils import parsedate_to_datetime

from worker.kind import DatedAnswer

_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} [1-9]\d{3} \d\d:\d\d:\d\d GMT", re.ASCII)

LOOK_EVERY = 10.0
"""Seconds between two answers of which the date is read: to read one takes a tenth of a request's time."""

TAKE_EVERY = 60.0
"""Seconds after which a clock that goes on as before is worth being told again."""

CHANGED = 1.5
"""Seconds by which the clock has moved beside this process's own, for it to be told at once: a date has whole seconds."""


class VitecClock:
    """The readings of one process, by any of its threads. Of several the one that took least time tells most."""

    def __init__(self) -> None:
        self.due = 0.0
        """From when (monotonic) an answer's date is to be read again."""
        self._latest: DatedAnswer | None = None
        self._taken: DatedAnswer | None = None

    def see(self, date: str | None, began: float, ended: float) -> None:
        """Read the `Date` of an answer, of whatever status, to a request that was under way between these moments."""
        self.due = ended + LOOK_EVERY
        latest = self._latest
        if not _DATE.fullmatch(date or "") or (latest is not None and ended - began > latest.seconds):
            return
        # There may be no such day.
        with suppress(ValueError):
            self._latest = DatedAnswer(parsedate_to_datetime(date or ""), ended, ended - began)

    def take(self) -> DatedAnswer | None:
        """Give an answer that tells something new, if there is one."""
        latest, self._latest = self._latest, None
        if latest is None or (self._taken is not None and not self._tells_more(latest, self._taken)):
            return None
        self._taken = latest
        return latest

    @staticmethod
    def _tells_more(latest: DatedAnswer, taken: DatedAnswer) -> bool:
        """Whether a minute has passed, or Vitec's clock has moved beside this process's own."""
        moved = (latest.date - taken.date).total_seconds() - (latest.ended - taken.ended)
        return latest.ended - taken.ended >= TAKE_EVERY or abs(moved) > CHANGED + latest.seconds + taken.seconds
