"""The worker beside its environment: the broker's queues, the children that serve them, beat, and the watch over both."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from bench.simulated.environment import SimulatedEnvironment
from bench.simulated.rules import Costs, Rules
from bench.simulated.time import Process
from bench.simulated.turn import SimulatedTurn
from worker.housekeeping import MOST_RINGS
from worker.processes.main_process import NO_DISPATCH_FOR, NO_MESSAGE_FOR
from worker.rings import EXPIRES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.simulated.lanes import Batch, Lane
    from bench.simulated.time import Steps

BEAT_EXPIRES = 0.9
"""The share of `dispatch_every` after which beat's request expires (`worker.celery.schedule`)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A ring of a kind (with `lane`: by the rule that was not taken), or with neither: beat's request to dispatch."""

    expires: float
    kind: str | None = None
    lane: Lane | None = None


class World(SimulatedEnvironment):
    """An environment with one worker at work."""

    def __init__(self, rules: Rules, costs: Costs | None = None, seed: int = 1) -> None:
        super().__init__(rules, costs or Costs(), seed)
        self.turn_count = self.empty_rings = 0
        self._last_message_at = self._last_dispatch_at = 0.0
        self._queues: tuple[deque[Message], deque[Message]] = (deque(), deque())
        self._next_queue = 0
        self._reserved: deque[Message] = deque()
        self._idle: deque[Process] = deque()
        for _ in range(rules.children):
            child = Process()
            self.time.start(child, self._serve(child))
        self.time.start(Process(), self._beat())
        self.time.start(Process(), self._watch())

    def enqueue(self, rows: Iterable[tuple[Lane, Batch]]) -> None:
        """Record rows of lanes now, wake the lanes, and ring once for each kind."""
        lanes = []
        for lane, batch in rows:
            batch.arrived_at = self.time.current
            lane.batches.append(batch)
            self.lanes.wake(lane, self.time.current)
            lanes.append(lane)
        if self.rules.ring_per_lane:
            for lane in lanes:
                self.ring(lane.kind, lane)
        else:
            for kind in sorted({lane.kind for lane in lanes}):
                self.ring(kind)

    def ring(self, kind: str, lane: Lane | None = None) -> None:
        """Publish a ring."""
        self._queues[0].append(Message(self.time.current + EXPIRES, kind, lane))
        self._deliver()

    def dispatch(self) -> None:
        """`worker.housekeeping.dispatch`: each kind once per due lane and at most so many times."""
        counts = {kind: min(count, MOST_RINGS) for kind, count in sorted(self.lanes.waiting.items()) if count}
        if self.rules.ring_per_lane:
            for kind, count in counts.items():
                for lane in self.lanes.longest_waiting(kind, count):
                    self.ring(kind, lane)
        elif self.rules.kinds_in_turn:
            kinds = sorted(counts, key=self.lanes.due_since)
            for number in range(MOST_RINGS):
                for kind in kinds:
                    if number < counts[kind]:
                        self.ring(kind)
        else:
            for kind, count in counts.items():
                for _ in range(count):
                    self.ring(kind)
        self._last_dispatch_at = self.time.current

    def list_rung(self) -> list[str]:
        """List the kinds of the rings that no child has read, in order."""
        return [message.kind for message in self._queues[0] if message.kind is not None]

    def _deliver(self) -> None:
        """The worker reads from both queues in turn, and keeps one message per child waiting beside those served."""
        while len(self._reserved) < self.rules.children and any(self._queues):
            queue = self._queues[self._next_queue] or self._queues[1 - self._next_queue]
            self._next_queue = 1 - self._next_queue
            message = queue.popleft()
            if message.expires >= self.time.current:
                self._last_message_at = self.time.current
                self._reserved.append(message)
        while self._reserved and self._idle:
            self.time.wake(self._idle.popleft())

    def _serve(self, child: Process) -> Steps:
        """Serve one message after another, as a child of the worker."""
        while True:
            while not self._reserved:
                self._idle.append(child)
                yield inf
            message = self._reserved.popleft()
            self._deliver()
            yield self.time.current + self.costs.ring
            if message.kind is None:
                yield self.time.current + self.costs.read
                self.dispatch()
            else:
                yield from self._turn(child, message.kind, message.lane)

    def _turn(self, child: Process, kind: str, named: Lane | None) -> Steps:
        """`worker.delivery.serve`: take, work, release, and ring once if there is more."""
        yield self.time.current + self.costs.commit
        lane = self.lanes.take(kind) if named is None else self.lanes.take_lane(named)
        if lane is None:
            self.empty_rings += 1
            return
        self.turn_count += 1
        self.living_turns += 1
        yield self.time.current + self.costs.commit
        turn = SimulatedTurn(self, child, lane)
        yield from turn.run()
        yield self.time.current + self.costs.commit
        self.living_turns -= 1
        ring_again = self.lanes.release(lane, self.time.current)
        if self.rules.ring_per_lane:
            ring_again = bool(lane.batches)
        if ring_again and turn.sent:
            self.ring(kind, lane if self.rules.ring_per_lane else None)

    def _beat(self) -> Steps:
        every = self.rules.dispatch_every
        while True:
            self._queues[1].append(Message(self.time.current + every * BEAT_EXPIRES))
            self._deliver()
            yield self.time.current + every

    def _watch(self) -> Steps:
        """`worker.processes.main_process.watch`: the main process dispatches if no worker has for a while."""
        while True:
            yield self.time.current + self.rules.dispatch_every
            is_idle = self.time.current - self._last_message_at >= NO_MESSAGE_FOR
            if is_idle or self.time.current - self._last_dispatch_at > NO_DISPATCH_FOR:
                self.dispatch()
