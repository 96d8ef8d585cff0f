"""Cost as the work grows: claim and settle per operation, whatever lies in the table. `python3 run.py bench --growth`.

No request is sent: what is measured is the exchange, with 50 rows at a time, committed with fsync.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from bench import cpu
from bench.backlog import KIND, Backlog, plain
from models import State
from worker.decide import Settlement
from worker.outbox import Outbox, connect, lanes
from worker.outbox.exchange import Terms, exchange
from worker.outbox.settling import Finished
from worker.outcome import Health

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 50

_DONE = """
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, state, attempt, remote_id, finalized_at,
                        reported_at)
SELECT 'comeback', 'M' || (30001 + n %% %(lanes)s), 'OLD-' || n, '{}', md5(n::text), 'succeeded', 1, 'OLD' || n,
       now(), now()
FROM generate_series(1, %(rows)s) n
"""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds per operation, claimed and settled: by the clock, and the database's CPU."""

    title: str
    wall: float
    database: float


def drain(box: Outbox, count: int) -> int:
    """Claim and settle about so many operations, in turns at one lane after another; return how many it were."""
    terms, done = Terms(in_flight=BATCH), 0
    while done < count:
        turn = lanes.take(box, KIND, lease=3600, worker="bench")
        if turn is None:
            break
        finished: list[Finished] = []
        end = min(count, done + 1000)
        while True:
            exchanged = exchange(box, turn, finished, BATCH if done < end else 0, terms)
            done += len(exchanged.claimed)
            finished = [_succeeded(one.id, one.attempt) for one in exchanged.claimed]
            if not finished:
                break
        lanes.release(box, turn)
    return done


def _succeeded(id_: int, attempt: int) -> Finished:
    remote_id = f"NEW{next(_numbers)}"
    what = Settlement(State.SUCCEEDED, State.SUCCEEDED, remote_id=remote_id, answer=remote_id, health=Health.WELL)
    return Finished(id_, attempt, what, "bench", seconds=0.01, tries=1, written=True, http_status=200)


def cost(title: str, box: Outbox, postgres: int, count: int) -> Cost:
    """Measure the drain of so many, after a few that warm it up."""
    drain(box, BATCH * 20)
    began, before = time.monotonic(), cpu.seconds_of(postgres)
    done = drain(box, count)
    assert done >= count, f"{title}: only {done} of {count}"
    seconds, spent = time.monotonic() - began, cpu.seconds_of(postgres) - before
    return Cost(title, seconds * 1000 / done, spent * 1000 / done)


@contextlib.contextmanager
def old_snapshot(url: str) -> Iterator[None]:
    """Somebody's report that has been running for a long time: nothing dead may be cleaned away."""
    with psycopg.connect(plain(url)) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM lanes")
        yield
        connection.rollback()


def measured(url: str, postgres: int, *, rows: int, count: int) -> Iterator[Cost]:
    """All situations: little, much that is finished, much that waits, many lanes, and beside a held snapshot."""
    box = Outbox(connect(url))
    for title, lane_count, waiting, finished in (
        ("10,000 waiting", 12, 10_000, 0),
        (f"10,000 waiting, {rows:,} finished", 12, 10_000, rows),
        (f"{rows:,} waiting", 12, rows, 0),
        ("10,000 waiting in one lane", 1, 10_000, 0),
        ("10,000 waiting in 100 lanes", 100, 10_000, 0),
        ("20,000 waiting in 10,000 lanes", 10_000, 20_000, 0),
    ):
        Backlog(url, lane_count).fill(waiting)
        _finished(url, lane_count, finished)
        yield cost(title, box, postgres, min(count, waiting // 4))
    Backlog(url).fill(count * 3)
    yield cost("before, no snapshot", box, postgres, count // 2)
    with old_snapshot(url):
        drain(box, count)
        yield cost(f"after {count:,} beside a held snapshot", box, postgres, count // 2)
    box.engine.dispose()


def _finished(url: str, lane_count: int, rows: int) -> None:
    if rows:
        with psycopg.connect(plain(url), autocommit=True) as connection:
            connection.execute(_DONE, {"rows": rows, "lanes": lane_count})
            connection.execute("VACUUM ANALYZE operations")


def tell(costs: Iterator[Cost]) -> None:
    """Print a table in Markdown, a line as soon as it is known; ratios to the first."""
    print("| situation | ms/op | of the first | database CPU, ms/op |\n| --- | --: | --: | --: |", flush=True)
    first = None
    for one in costs:
        first = first or one
        print(f"| {one.title} | {one.wall:.3f} | {one.wall / first.wall:.2f} | {one.database:.3f} |", flush=True)
