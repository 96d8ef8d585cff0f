"""One environment: the broker, a worker's children, beat, the environment's lock, and Vitec's answers."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from math import inf, log
from typing import TYPE_CHECKING

from bench.simulated.lanes import Batch, Lane, Lanes, Pace
from bench.simulated.rules import Costs, Rules
from bench.simulated.time import Process, Time
from bench.simulated.turn import Work
from worker.housekeeping import MOST_RINGS
from worker.processes.main_process import NO_DISPATCH_FOR, NO_MESSAGE_FOR
from worker.rings import EXPIRES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.simulated.time import Steps

BEAT_EXPIRES = 0.9
"""The share of `dispatch_every` after which nobody need hear beat's request any more (`worker.celery.schedule`)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A ring of a kind (with `lane`: by the rule that was not taken), or with neither: beat's request to dispatch."""

    expires: float
    kind: str | None = None
    lane: Lane | None = None


class World:
    """Everything that shares one pace."""

    def __init__(self, rules: Rules, costs: Costs | None = None, seed: int = 1) -> None:
        self.rules, self.costs = rules, costs or Costs()
        self.time, self.lanes, self.pace = Time(), Lanes(), Pace(rules.rate)
        self.under_way = self.sent = self.ended = self.turns = self.empty_rings = self.living = 0
        self._chance, self._median = random.Random(seed), log(self.costs.answer)
        self._lock_free_at = self._heard = self._dispatched = 0.0
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
            batch.came = self.time.now
            lane.batches.append(batch)
            self.lanes.wake(lane, self.time.now)
            lanes.append(lane)
        if self.rules.ring_per_lane:
            for lane in lanes:
                self.ring(lane.kind, lane)
        else:
            for kind in sorted({lane.kind for lane in lanes}):
                self.ring(kind)

    def locked(self, seconds: float) -> float:
        """Have the environment's lock for so long, after all who asked before; when that has ended."""
        self._lock_free_at = max(self.time.now, self._lock_free_at) + seconds
        return self._lock_free_at

    def room(self, lane: Lane) -> int:
        """How many more requests may be under way (`worker.outbox.exchange.exchange`)."""
        return min(self.rules.in_flight - self.under_way, self.share - lane.under_way)

    @property
    def share(self) -> int:
        """What each living turn may have under way, the remainder rounded up."""
        return -(-self.rules.in_flight // max(1, self.living)) if self.rules.share else self.rules.in_flight

    def send(self, work: Work, batch: Batch, start: float) -> None:
        """Send one row at that moment; Vitec answers in its time."""
        self.sent += 1
        batch.unsent -= 1
        if not batch.unsent:
            batch.ended = start
            self.ended += 1
        self.time.at(start + self._chance.lognormvariate(self._median, self.costs.spread), work.answered)

    def ring(self, kind: str, lane: Lane | None = None) -> None:
        """Publish a ring."""
        self._queues[0].append(Message(self.time.now + EXPIRES, kind, lane))
        self._deliver()

    def dispatch(self) -> None:
        """`worker.housekeeping.dispatch`: each kind once per due lane and at most so many times."""
        counts = {kind: min(count, MOST_RINGS) for kind, count in sorted(self.lanes.waiting.items()) if count}
        if self.rules.ring_per_lane:
            for kind, count in counts.items():
                for lane in self.lanes.longest(kind, count):
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
        self._dispatched = self.time.now

    def rung(self) -> list[str]:
        """The kinds that have been rung for and that nobody has heard, in order."""
        return [message.kind for message in self._queues[0] if message.kind is not None]

    def _deliver(self) -> None:
        """The worker reads from both queues in turn, and keeps one message per child waiting beside those served."""
        while len(self._reserved) < self.rules.children and any(self._queues):
            queue = self._queues[self._next_queue] or self._queues[1 - self._next_queue]
            self._next_queue = 1 - self._next_queue
            message = queue.popleft()
            if message.expires >= self.time.now:
                self._heard = self.time.now
                self._reserved.append(message)
        while self._reserved and self._idle:
            self.time.wake(self._idle.popleft())

    def _serve(self, me: Process) -> Steps:
        """A child: one message after another."""
        while True:
            while not self._reserved:
                self._idle.append(me)
                yield inf
            message = self._reserved.popleft()
            self._deliver()
            yield self.time.now + self.costs.ring
            if message.kind is None:
                yield self.time.now + self.costs.read
                self.dispatch()
            else:
                yield from self._turn(me, message.kind, message.lane)

    def _turn(self, me: Process, kind: str, named: Lane | None) -> Steps:
        """`worker.delivery.serve`: take, work, release, and ring once if there is more."""
        yield self.time.now + self.costs.commit
        lane = self.lanes.take(kind) if named is None else self.lanes.take_this(named)
        if lane is None:
            self.empty_rings += 1
            return
        self.turns += 1
        self.living += 1
        yield self.time.now + self.costs.commit
        work = Work(self, me, lane)
        yield from work.run()
        yield self.time.now + self.costs.commit
        self.living -= 1
        more = self.lanes.release(lane, self.time.now)
        if self.rules.ring_per_lane:
            more = bool(lane.batches)
        if more and work.sent:
            self.ring(kind, lane if self.rules.ring_per_lane else None)

    def _beat(self) -> Steps:
        every = self.rules.dispatch_every
        while True:
            self._queues[1].append(Message(self.time.now + every * BEAT_EXPIRES))
            self._deliver()
            yield self.time.now + every

    def _watch(self) -> Steps:
        """`worker.processes.main_process.watch`: the main process dispatches if nobody has for a while."""
        while True:
            yield self.time.now + self.rules.dispatch_every
            if self.time.now - self._dispatched > NO_DISPATCH_FOR or self.time.now - self._heard >= NO_MESSAGE_FOR:
                self.dispatch()
