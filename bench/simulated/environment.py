"""One environment, as all turns share it: its lock, its slots, its limit in flight, and Vitec's answers."""

from __future__ import annotations

import random
from math import log
from typing import TYPE_CHECKING

from bench.simulated.lanes import Lanes, SlotReserver
from bench.simulated.time import Time

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.simulated.lanes import Batch, Lane
    from bench.simulated.rules import Costs, Rules


class SimulatedEnvironment:
    """The state that living turns share, and the requests they have sent."""

    def __init__(self, rules: Rules, costs: Costs, seed: int) -> None:
        self.rules, self.costs = rules, costs
        self.time, self.lanes, self.slot_reserver = Time(), Lanes(), SlotReserver(rules.rate)
        self.in_flight = self.sent = self.ended_batches = self.living_turns = 0
        self._chance, self._median = random.Random(seed), log(costs.answer)
        self._lock_free_at = 0.0

    def lock_for(self, seconds: float) -> float:
        """Take the environment's lock for so long, after all earlier takers; return the moment at which it is free."""
        self._lock_free_at = max(self.time.current, self._lock_free_at) + seconds
        return self._lock_free_at

    def capacity(self, lane: Lane) -> int:
        """Count the requests that a turn may add to those in flight (`worker.outbox.exchange.capacity`)."""
        return min(self.rules.in_flight - self.in_flight, self.share - lane.in_flight)

    @property
    def share(self) -> int:
        """Each living turn's share of the limit in flight, rounded up."""
        return -(-self.rules.in_flight // max(1, self.living_turns)) if self.rules.share else self.rules.in_flight

    def send(self, batch: Batch, start: float, note_answer: Callable[[], None]) -> None:
        """Send one row at that moment, and call `note_answer` when Vitec answers."""
        self.sent += 1
        batch.unsent -= 1
        if not batch.unsent:
            batch.ended_at = start
            self.ended_batches += 1
        self.time.at(start + self._chance.lognormvariate(self._median, self.costs.spread), note_answer)
