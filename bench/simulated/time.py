"""Simulated time: events in their order, and processes that sleep until a moment or until they are woken."""

from __future__ import annotations

import heapq
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Steps = Generator[float, None, None]
    """The steps of a process; each value that it yields is the moment at which it goes on, unless it is woken before."""


class Process:
    """A process that goes on by itself."""

    __slots__ = ("at", "steps")

    def __init__(self) -> None:
        self.steps: Steps | None = None
        self.at = inf


class Time:
    """The clock, in seconds from 0, and the events to come."""

    def __init__(self) -> None:
        self.current = 0.0
        self._number = 0
        self._events: list[tuple[float, int, Process | Callable[[], None]]] = []

    def start(self, process: Process, steps: Steps) -> None:
        """Let a process begin now."""
        process.steps = steps
        self.wake(process)

    def wake(self, process: Process) -> None:
        """Let a sleeping process go on now."""
        self._sleep(process, self.current)

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Call `act` at that moment."""
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, act))

    def run(self, until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until that moment, or until it is enough."""
        events, pop = self._events, heapq.heappop
        while events and events[0][0] <= until and not enough():
            moment, _, event = pop(events)
            self.current = moment
            if not isinstance(event, Process):
                event()
            elif event.at == moment and event.steps is not None:
                self._sleep(event, next(event.steps, inf))

    def _sleep(self, process: Process, until: float) -> None:
        process.at = until
        if until < inf:
            self._number += 1
            heapq.heappush(self._events, (until, self._number, process))
