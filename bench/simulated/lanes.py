"""Lanes and pace: `worker.outbox.lanes.turns` (wake, take, release) and `worker.outbox.exchange.rate_limit`, without a database."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import floor, inf

from worker.outbox.exchange.rate_limit import HORIZON, Slots


@dataclass(slots=True)
class Batch:
    """Rows that came together: when, how many have not been claimed, how many not sent, and when the last one was."""

    came: float
    left: int
    unsent: int
    ended: float | None = None


@dataclass(slots=True)
class Lane:
    """One customer's operations of one kind."""

    customer: int
    kind: str
    batches: deque[Batch] = field(default_factory=deque)
    due_at: float | None = None
    leased: bool = False
    under_way: int = 0

    def ready(self, most: int) -> int:
        """How many rows could be claimed, counted up to `most`."""
        count = 0
        for batch in self.batches:
            count += batch.left
            if count >= most:
                return most
        return count

    def claim(self, most: int) -> list[Batch]:
        """Up to `most` rows, oldest first, each named by the batch it came in."""
        found: list[Batch] = []
        while self.batches and len(found) < most:
            batch = self.batches[0]
            count = min(batch.left, most - len(found))
            batch.left -= count
            found += [batch] * count
            if not batch.left:
                self.batches.popleft()
        return found


class Lanes:
    """Who is due, and since when."""

    def __init__(self) -> None:
        self._queues: dict[str, list[tuple[float, int, Lane]]] = defaultdict(list)
        self.waiting: dict[str, int] = defaultdict(int)
        """How many lanes of each kind are due and nobody serves them."""

    def wake(self, lane: Lane, now: float) -> None:
        """Rows have come. A lane that is due already keeps its place, and one that is served is looked at afterwards."""
        if lane.due_at is None:
            lane.due_at = now
            if not lane.leased:
                self._queue(lane)

    def take(self, kind: str) -> Lane | None:
        """Take the due lane of this kind that has waited longest."""
        queue = self._queues[kind]
        while queue:
            due_at, _, lane = heapq.heappop(queue)
            if _stands(lane, due_at):
                return self._lease(lane)
        return None

    def take_this(self, lane: Lane) -> Lane | None:
        """Take this very lane, if it is due: what a ring that named its lane would do."""
        return None if lane.due_at is None or lane.leased else self._lease(lane)

    def release(self, lane: Lane, now: float) -> bool:
        """Give it back, to the end of the queue if it has more; whether any lane of the kind is due."""
        lane.leased, lane.due_at = False, now if lane.batches else None
        if lane.due_at is not None:
            self._queue(lane)
        return self.waiting[lane.kind] > 0

    def longest(self, kind: str, most: int) -> list[Lane]:
        """The due lanes of this kind that have waited longest."""
        found: list[Lane] = []
        for due_at, _, lane in sorted(self._queues[kind])[: 2 * most]:
            if _stands(lane, due_at) and lane not in found:
                found.append(lane)
        return found[:most]

    def due_since(self, kind: str) -> float:
        """Since when the lane that has waited longest is due."""
        queue = self._queues[kind]
        while queue and not _stands(queue[0][2], queue[0][0]):
            heapq.heappop(queue)
        return queue[0][0] if queue else inf

    def _queue(self, lane: Lane) -> None:
        assert lane.due_at is not None
        heapq.heappush(self._queues[lane.kind], (lane.due_at, lane.customer, lane))
        self.waiting[lane.kind] += 1

    def _lease(self, lane: Lane) -> Lane:
        lane.leased = True
        self.waiting[lane.kind] -= 1
        return lane


def _stands(lane: Lane, due_at: float) -> bool:
    """Whether an entry of the queue is the lane's place: entries of lanes that were taken by name are left behind."""
    return not lane.leased and lane.due_at == due_at


class Pace:
    """Slots of the environment, reserved a moment ahead."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.next_slot = 0.0
        self.given = 0

    def reserve(self, now: float, most: int) -> Slots:
        """Reserve up to `most` slots due within the horizon."""
        start = max(0.0, self.next_slot - now)
        if start > HORIZON:
            return Slots((), start - HORIZON)
        count = min(most, 1 + floor((HORIZON - start) * self.rate + 1e-6))
        self.next_slot = now + start + count / self.rate
        self.given += count
        return Slots(tuple(start + n / self.rate for n in range(count)), max(0.0, start + count / self.rate - HORIZON))
