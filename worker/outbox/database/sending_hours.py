"""Sending hours: at which times of the day, in Stockholm, a kind may be sent. Off unless an office sets them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Self

from worker.stockholm import STOCKHOLM

_WRITTEN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")


@dataclass(frozen=True, slots=True)
class Window:
    """From a time of the day to another, the end not included; past midnight if it ends before it begins."""

    begins: time
    ends: time

    @classmethod
    def of(cls, written: str) -> Self:
        """Read `08:00-20:00`. Raises ValueError with the remedy."""
        matched = _WRITTEN.fullmatch(written)
        try:
            first, second, third, fourth = (int(number) for number in matched.groups()) if matched else (0, 0, 0, 0)
            window = cls(time(first, second), time(third, fourth))
        except ValueError:
            window = cls(time(0), time(0))
        if window.begins == window.ends:
            raise ValueError('sending hours are written as "08:00-20:00"')
        return window

    def holds(self, moment: datetime) -> bool:
        """Whether the clock in Stockholm stands within it."""
        shown = moment.astimezone(STOCKHOLM).time()
        if self.begins < self.ends:
            return self.begins <= shown < self.ends
        return shown >= self.begins or shown < self.ends

    def opens(self, moment: datetime) -> datetime:
        """The next moment, from `moment` on, at which it opens; `moment` itself while it holds."""
        if self.holds(moment):
            return moment
        local = moment.astimezone(STOCKHOLM)
        today = datetime.combine(local.date(), self.begins, STOCKHOLM)
        if today >= local:
            return today.astimezone(moment.tzinfo)
        return datetime.combine(local.date() + timedelta(days=1), self.begins, STOCKHOLM).astimezone(moment.tzinfo)


@dataclass(frozen=True, slots=True)
class SendingHours:
    """The windows by kind. A kind without one may be sent at any time."""

    windows: Mapping[str, Window] = field(default_factory=dict)

    @classmethod
    def of(cls, written: Mapping[str, str]) -> Self:
        """Read `{"notification": "08:00-20:00"}`. Raises ValueError with the remedy."""
        return cls({kind: Window.of(window) for kind, window in written.items()})

    def closed_kinds(self, moment: datetime) -> frozenset[str]:
        """The kinds that must not be sent at that moment."""
        return frozenset(kind for kind, window in self.windows.items() if not window.holds(moment))
