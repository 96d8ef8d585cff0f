"""Claims and settles with nothing between: the cost of a turn at the database when sending costs nothing."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import cpu
from bench.backlog import KIND
from models import State
from worker.decide import Settlement
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import FROM_START, TurnPolicy
from worker.outbox.exchange.exchange import exchange
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns
from worker.outcome import Health

if TYPE_CHECKING:
    from worker.outbox import Database
    from worker.outbox.lanes.turns import Turn

BATCH = 50
TURN = 4_000
"""Rows of one turn at most, as if others were waiting: about what two seconds bring at the fastest that was measured."""
WARM, COUNT = 1_000, 4_000
"""Operations before and while it is measured: connections, plans and statements are there by then."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds per operation, claimed and settled: by the clock, and the CPU of this process and the database."""

    wall: float
    client: float
    database: float

    @property
    def cpu(self) -> float:
        """The CPU time of both together."""
        return self.client + self.database


def measure_cost(db: Database, postgres: int, count: int = COUNT) -> Cost:
    """Measure `count` operations, after `WARM` to warm up. There must be so many."""
    drain_lanes(db, WARM)
    wall, client, database = time.monotonic(), time.process_time(), cpu.cpu_seconds(postgres)
    settled = drain_lanes(db, count)
    if settled < count:
        raise AssertionError(f"only {settled} of {count} were there")
    spent = time.monotonic() - wall, time.process_time() - client, cpu.cpu_seconds(postgres) - database
    return Cost(*(seconds * 1000 / settled for seconds in spent))


def drain_lanes(db: Database, count: int) -> int:
    """Claim and settle about so many operations, in turns at one lane after another; return their number."""
    settled = 0
    while settled < count and (turn := turns.take_turn(db, KIND, lease=3600, worker="bench")) is not None:
        settled += serve_turn(db, turn, min(count - settled, TURN))
        turns.end_turn(db, turn)
    return settled


def serve_turn(db: Database, turn: Turn, limit: int) -> int:
    """Run the exchanges of one turn; a claimed operation succeeds at once."""
    policy, settled = TurnPolicy(in_flight=BATCH), 0
    rescue.settle_leftovers(db, turn, _refuse_leftovers, "bench")
    finished: list[Finished] = []
    cursor = FROM_START
    while True:
        exchanged = exchange(db, turn, finished, BATCH if settled < limit else 0, policy, cursor=cursor)
        settled, cursor = settled + len(exchanged.claimed), exchanged.cursor
        finished = [_as_succeeded(claimed.id, claimed.attempt) for claimed in exchanged.claimed]
        if not finished:
            return settled


def _refuse_leftovers(kind: str, failures: int, max_failures: int) -> Settlement:
    raise AssertionError(f"a {kind} was left in flight ({failures} of {max_failures})")


def _as_succeeded(id_: int, attempt: int) -> Finished:
    remote_id = f"NEW{next(_numbers)}"
    settlement = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id=remote_id, answer=remote_id, health=Health.WELL)
    return Finished(id_, attempt, settlement, "bench", seconds=0.01, tries=1, written=True, http_status=200)
