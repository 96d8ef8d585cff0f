"""One turn: `worker.delivery.turn.TurnLoop` in simulated time, look for look and pause for pause."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from worker.delivery.sending import GATHER
from worker.delivery.start_limits import IDLE, LONGEST_PAUSE

if TYPE_CHECKING:
    from collections.abc import Generator

    from bench.simulated.environment import SimulatedEnvironment
    from bench.simulated.lanes import Lane
    from bench.simulated.time import Process, Steps


class SimulatedTurn:
    """The loop of one turn, in the process of a child of the worker."""

    def __init__(self, environment: SimulatedEnvironment, child: Process, lane: Lane) -> None:
        self.environment, self.time = environment, environment.time
        self.rules, self.costs = environment.rules, environment.costs
        self.process, self.lane = child, lane
        self.began = self.time.current
        self.sent = self.in_flight = self.unsettled = self.collected = 0
        self.is_waiting = self.is_ending = False
        self.slots: deque[float] = deque()
        self.share = self.rules.in_flight
        self.pause = self.ask_pace_at = self.ask_others_at = self.ask_lane_at = self.last_start = 0.0

    def run(self) -> Steps:
        """Serve the lane until there is nothing to do or time is up; requests in flight are awaited."""
        while True:
            yield from self._gather()
            if not self.is_ending:
                yield from self._consider_ending()
            want = 0 if self.is_ending else (yield from self._find_wanted())
            if self.unsettled or want:
                yield from self._exchange(want)
            if self.is_ending and not self.in_flight and not self.unsettled:
                return

    def note_answer(self) -> None:
        """Note that a request has ended."""
        self.collected += 1
        if self.is_waiting:
            self.is_waiting = False
            self.time.wake(self.process)

    def _gather(self) -> Steps:
        pause = max(0.0, min(self._next_look() - self.time.current, 0.25))
        if not self.collected and pause > 0:
            self.is_waiting = True
            yield self.time.current + pause
            self.is_waiting = False
        if 0 < self.collected < self.in_flight:
            yield self.time.current + GATHER
        self.unsettled += self.collected
        self.in_flight -= self.collected
        self.collected = 0

    def _next_look(self) -> float:
        if self.is_ending or self.in_flight >= self.rules.in_flight:
            return self.time.current + 0.25
        needs_slot = self.rules.rate > 0 and not self.slots
        return max(self.ask_lane_at, self.ask_pace_at if needs_slot else 0.0)

    def _consider_ending(self) -> Steps:
        current_time, lasted = self.time.current, self.time.current - self.began
        if lasted >= self.rules.alone:
            self.is_ending = True
        elif current_time >= self.ask_others_at:
            self.ask_others_at = current_time + min(0.5, self.rules.shared)
            if lasted >= self.rules.shared:
                yield current_time + self.costs.read
                self.is_ending = any(self.environment.lanes.waiting.values())

    def _find_wanted(self) -> Generator[float, None, int]:
        free, current_time = self.rules.in_flight - self.in_flight, self.time.current
        if free <= 0 or (current_time < self.ask_lane_at and not self.unsettled):
            return 0
        if self.pause and self.in_flight and not self.unsettled and not (yield from self._check_lane()):
            return 0
        if self.rules.rate <= 0:
            return free
        if self.rules.frugal:
            free = min(free, max(1, self.share - self.in_flight))
        if len(self.slots) < free and self.time.current >= self.ask_pace_at:
            useful = (yield from self._find_useful_slots(free)) if self.rules.frugal else free
            if useful > len(self.slots):
                yield from self._reserve(useful - len(self.slots))
        return min(free, len(self.slots))

    def _find_useful_slots(self, free: int) -> Generator[float, None, int]:
        """Count a slot for each row that is ready, and none for an empty lane."""
        yield self.time.current + self.costs.read
        ready = self.lane.count_ready(free)
        if not ready and not self.slots:
            self._back_off()
            self.is_ending = not self.in_flight
        return min(free, ready)

    def _check_lane(self) -> Generator[float, None, bool]:
        yield self.time.current + self.costs.read
        if not self.lane.batches:
            self._back_off()
        return bool(self.lane.batches)

    def _back_off(self) -> None:
        self.pause = min(2 * self.pause or IDLE, LONGEST_PAUSE)
        self.ask_lane_at = self.time.current + self.pause

    def _reserve(self, limit: int) -> Steps:
        asked_at = self.time.current
        yield self.environment.lock_for(self.costs.commit)
        slots = self.environment.slot_reserver.reserve(self.time.current, limit)
        self.slots.extend(asked_at + offset for offset in slots.offsets)
        self.ask_pace_at = asked_at + slots.wait

    def _exchange(self, want: int) -> Steps:
        settled, self.unsettled = self.unsettled, 0
        yield self.environment.lock_for(self.costs.exchange + self.costs.row * (settled + want))
        self.lane.in_flight -= settled
        self.environment.in_flight -= settled
        if want <= 0:
            return
        room, self.share = self.environment.capacity(self.lane), self.environment.share
        batches = self.lane.claim(min(want, room)) if room > 0 else []
        if not batches:
            self._back_off()
            if room > 0 and not self.in_flight:
                self.is_ending = True
            return
        self.pause = 0.0
        self.lane.in_flight += len(batches)
        self.environment.in_flight += len(batches)
        self.in_flight += len(batches)
        if len(batches) < want or self.in_flight == self.share:
            self._back_off()
        self.sent += len(batches)
        for batch in batches:
            self.environment.send(batch, self._take_slot(), self.note_answer)

    def _take_slot(self) -> float:
        if self.rules.rate <= 0:
            return self.time.current
        self.last_start = max(self.slots.popleft(), self.time.current, self.last_start + 1 / self.rules.rate)
        return self.last_start
