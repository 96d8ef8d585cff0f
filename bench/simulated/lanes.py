"""Lanes and slots: `worker.outbox.lanes.turns` (wake, take, release) and `worker.outbox.exchange.rate_limit`, without a database."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import floor, inf

from worker.outbox.exchange.rate_limit import HORIZON, Slots


@dataclass(slots=True)
class Batch:
    """Rows that arrived together: the moment, the numbers not claimed and not sent, and the moment of the last request."""

    arrived_at: float
    unclaimed: int
    unsent: int
    ended_at: float | None = None


@dataclass(slots=True)
class Lane:
    """One customer's operations of one kind."""

    customer: int
    kind: str
    batches: deque[Batch] = field(default_factory=deque)
    due_at: float | None = None
    is_leased: bool = False
    in_flight: int = 0

    def count_ready(self, limit: int) -> int:
        """Count the rows that could be claimed, up to `limit`."""
        count = 0
        for batch in self.batches:
            count += batch.unclaimed
            if count >= limit:
                return limit
        return count

    def claim(self, limit: int) -> list[Batch]:
        """Claim up to `limit` rows, oldest first, each given as the batch it arrived in."""
        claimed: list[Batch] = []
        while self.batches and len(claimed) < limit:
            batch = self.batches[0]
            count = min(batch.unclaimed, limit - len(claimed))
            batch.unclaimed -= count
            claimed += [batch] * count
            if not batch.unclaimed:
                self.batches.popleft()
        return claimed


class Lanes:
    """The due lanes of each kind, and since when they are due."""

    def __init__(self) -> None:
        self._queues: dict[str, list[tuple[float, int, Lane]]] = defaultdict(list)
        self.waiting: dict[str, int] = defaultdict(int)
        """The number of lanes of each kind that are due and not served."""

    def wake(self, lane: Lane, at: float) -> None:
        """Wake a lane for new rows. A due lane keeps its place, and a served lane is queued after its turn."""
        if lane.due_at is None:
            lane.due_at = at
            if not lane.is_leased:
                self._queue(lane)

    def take(self, kind: str) -> Lane | None:
        """Take the due lane of this kind that has waited longest."""
        queue = self._queues[kind]
        while queue:
            due_at, _, lane = heapq.heappop(queue)
            if _is_current(lane, due_at):
                return self._lease(lane)
        return None

    def take_lane(self, lane: Lane) -> Lane | None:
        """Take this very lane, if it is due, as a ring that named its lane would."""
        return None if lane.due_at is None or lane.is_leased else self._lease(lane)

    def release(self, lane: Lane, at: float) -> bool:
        """Give a lane back, to the end of the queue if it has more; return whether any lane of the kind is due."""
        lane.is_leased, lane.due_at = False, at if lane.batches else None
        if lane.due_at is not None:
            self._queue(lane)
        return self.waiting[lane.kind] > 0

    def longest_waiting(self, kind: str, limit: int) -> list[Lane]:
        """List the due lanes of this kind that have waited longest."""
        lanes: list[Lane] = []
        for due_at, _, lane in sorted(self._queues[kind])[: 2 * limit]:
            if _is_current(lane, due_at) and lane not in lanes:
                lanes.append(lane)
        return lanes[:limit]

    def due_since(self, kind: str) -> float:
        """Find the moment since which the longest waiting lane is due."""
        queue = self._queues[kind]
        while queue and not _is_current(queue[0][2], queue[0][0]):
            heapq.heappop(queue)
        return queue[0][0] if queue else inf

    def _queue(self, lane: Lane) -> None:
        assert lane.due_at is not None
        heapq.heappush(self._queues[lane.kind], (lane.due_at, lane.customer, lane))
        self.waiting[lane.kind] += 1

    def _lease(self, lane: Lane) -> Lane:
        lane.is_leased = True
        self.waiting[lane.kind] -= 1
        return lane


def _is_current(lane: Lane, due_at: float) -> bool:
    """Check whether an entry of the queue is current: entries of lanes that were taken by name stay behind."""
    return not lane.is_leased and lane.due_at == due_at


class SlotReserver:
    """The slots of the environment, reserved a moment in advance."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.next_slot = 0.0
        self.given = 0

    def reserve(self, at: float, limit: int) -> Slots:
        """Reserve up to `limit` slots due within the horizon."""
        start = max(0.0, self.next_slot - at)
        if start > HORIZON:
            return Slots((), start - HORIZON)
        count = min(limit, 1 + floor((HORIZON - start) * self.rate + 1e-6))
        self.next_slot = at + start + count / self.rate
        self.given += count
        return Slots(tuple(start + n / self.rate for n in range(count)), max(0.0, start + count / self.rate - HORIZON))
