"""Claim and settle without anything between: what a turn costs the database when sending costs nothing."""

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
from worker.outbox.exchange.capacity import TurnPolicy
from worker.outbox.exchange.claim import FROM_START
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
        """Of both together."""
        return self.client + self.database


def cost(db: Database, postgres: int, count: int = COUNT) -> Cost:
    """Measure `count` operations, after some that warm it up. There must be so many."""
    drain(db, WARM)
    wall, client, database = time.monotonic(), time.process_time(), cpu.seconds_of(postgres)
    done = drain(db, count)
    if done < count:
        raise AssertionError(f"only {done} of {count} were there")
    spent = time.monotonic() - wall, time.process_time() - client, cpu.seconds_of(postgres) - database
    return Cost(*(seconds * 1000 / done for seconds in spent))


def drain(db: Database, count: int) -> int:
    """Claim and settle about so many operations, in turns at one lane after another; return how many it were."""
    done = 0
    while done < count and (turn := turns.take_turn(db, KIND, lease=3600, worker="bench")) is not None:
        done += serve(db, turn, min(count - done, TURN))
        turns.release_turn(db, turn)
    return done


def serve(db: Database, turn: Turn, most: int) -> int:
    """The exchanges of one turn; what is claimed succeeds at once."""
    terms, done = TurnPolicy(in_flight=BATCH), 0
    rescue.settle_leftovers(db, turn, _nobody_died, "bench")
    finished: list[Finished] = []
    place = FROM_START
    while True:
        exchanged = exchange(db, turn, finished, BATCH if done < most else 0, terms, place=place)
        done, place = done + len(exchanged.claimed), exchanged.cursor
        finished = [_succeeded(one.id, one.attempt) for one in exchanged.claimed]
        if not finished:
            return done


def _nobody_died(kind: str, failures: int, max_failures: int) -> Settlement:
    raise AssertionError(f"a {kind} was left in flight ({failures} of {max_failures})")


def _succeeded(id_: int, attempt: int) -> Finished:
    remote_id = f"NEW{next(_numbers)}"
    what = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id=remote_id, answer=remote_id, health=Health.WELL)
    return Finished(id_, attempt, what, "bench", seconds=0.01, tries=1, written=True, http_status=200)
