"""One turn: `worker.delivery.turn.TurnLoop` in simulated time, look for look and pause for pause."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from worker.delivery.sending import GATHER
from worker.delivery.start_limits import IDLE, IDLE_AT_MOST

if TYPE_CHECKING:
    from collections.abc import Generator

    from bench.simulated.lanes import Lane
    from bench.simulated.time import Process, Steps
    from bench.simulated.world import World


class Work:
    """The loop of one turn, whose process is a child of the worker."""

    def __init__(self, world: World, me: Process, lane: Lane) -> None:
        self.world, self.rules, self.costs, self.time = world, world.rules, world.costs, world.time
        self.me, self.lane = me, lane
        self.began = self.time.now
        self.sent = self.busy = self.unsettled = self.arrived = 0
        self.listening = self.ending = False
        self.slots: deque[float] = deque()
        self.share = self.rules.in_flight
        self.pause = self.ask_pace_at = self.ask_others_at = self.ask_lane_at = self.last_start = 0.0

    def run(self) -> Steps:
        """Until there is nothing to do or time is up; what is in flight is awaited."""
        while True:
            yield from self._gather()
            if not self.ending:
                yield from self._consider_ending()
            want = 0 if self.ending else (yield from self._want())
            if self.unsettled or want:
                yield from self._exchange(want)
            if self.ending and not self.busy and not self.unsettled:
                return

    def answered(self) -> None:
        """A request has ended."""
        self.arrived += 1
        if self.listening:
            self.listening = False
            self.time.wake(self.me)

    def _gather(self) -> Steps:
        pause = max(0.0, min(self._next_look() - self.time.now, 0.25))
        if not self.arrived and pause > 0:
            self.listening = True
            yield self.time.now + pause
            self.listening = False
        if 0 < self.arrived < self.busy:
            yield self.time.now + GATHER
        self.unsettled += self.arrived
        self.busy -= self.arrived
        self.arrived = 0

    def _next_look(self) -> float:
        if self.ending or self.busy >= self.rules.in_flight:
            return self.time.now + 0.25
        needs_slot = self.rules.rate > 0 and not self.slots
        return max(self.ask_lane_at, self.ask_pace_at if needs_slot else 0.0)

    def _consider_ending(self) -> Steps:
        now, lasted = self.time.now, self.time.now - self.began
        if lasted >= self.rules.alone:
            self.ending = True
        elif now >= self.ask_others_at:
            self.ask_others_at = now + min(0.5, self.rules.shared)
            if lasted >= self.rules.shared:
                yield now + self.costs.read
                self.ending = any(self.world.lanes.waiting.values())

    def _want(self) -> Generator[float, None, int]:
        free, now = self.rules.in_flight - self.busy, self.time.now
        if free <= 0 or (now < self.ask_lane_at and not self.unsettled):
            return 0
        if self.pause and self.busy and not self.unsettled and not (yield from self._finds_any()):
            return 0
        if self.rules.rate <= 0:
            return free
        if self.rules.frugal:
            free = min(free, max(1, self.share - self.busy))
        if len(self.slots) < free and self.time.now >= self.ask_pace_at:
            useful = (yield from self._useful(free)) if self.rules.frugal else free
            if useful > len(self.slots):
                yield from self._reserve(useful - len(self.slots))
        return min(free, len(self.slots))

    def _useful(self, free: int) -> Generator[float, None, int]:
        """A slot for each row that is ready, and none for a lane that has nothing."""
        yield self.time.now + self.costs.read
        ready = self.lane.ready(free)
        if not ready and not self.slots:
            self._rest()
            self.ending = not self.busy
        return min(free, ready)

    def _finds_any(self) -> Generator[float, None, bool]:
        yield self.time.now + self.costs.read
        if not self.lane.batches:
            self._rest()
        return bool(self.lane.batches)

    def _rest(self) -> None:
        self.pause = min(2 * self.pause or IDLE, IDLE_AT_MOST)
        self.ask_lane_at = self.time.now + self.pause

    def _reserve(self, most: int) -> Steps:
        asked = self.time.now
        yield self.world.locked(self.costs.commit)
        slots = self.world.pace.reserve(self.time.now, most)
        self.slots.extend(asked + offset for offset in slots.offsets)
        self.ask_pace_at = asked + slots.wait

    def _exchange(self, want: int) -> Steps:
        settled, self.unsettled = self.unsettled, 0
        yield self.world.locked(self.costs.exchange + self.costs.row * (settled + want))
        self.lane.under_way -= settled
        self.world.under_way -= settled
        if want <= 0:
            return
        room, self.share = self.world.room(self.lane), self.world.share
        batches = self.lane.claim(min(want, room)) if room > 0 else []
        if not batches:
            self._rest()
            if room > 0 and not self.busy:
                self.ending = True
            return
        self.pause = 0.0
        self.lane.under_way += len(batches)
        self.world.under_way += len(batches)
        self.busy += len(batches)
        if len(batches) < want or self.busy == self.share:
            self._rest()
        self.sent += len(batches)
        for batch in batches:
            self.world.send(self, batch, self._start())

    def _start(self) -> float:
        if self.rules.rate <= 0:
            return self.time.now
        self.last_start = max(self.slots.popleft(), self.time.now, self.last_start + 1 / self.rules.rate)
        return self.last_start
