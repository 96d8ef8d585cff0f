"""From the commit of a row to its request at the server, through a real worker. `python3 run.py bench --arrivals`.

Rows are recorded one by one through the Python API, by several programs at a steady rate, for twelve customers; then
a ring is published, as the API says. Without the ring, beat's dispatch finds them.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bench import backlog, field, race
from bench.backlog import KIND
from bench.server import ARRIVALS
from bench.table import Table, describe_circumstances, publish
from tests import servers
from worker.importing import enqueue
from worker.outbox import Database, connect
from worker.rings import publisher, ring
from worker.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

COLUMNS = (
    ("rows/s asked", ",d"),
    ("rows/s recorded", ",.0f"),
    ("found by", ""),
    ("rows", ",d"),
    ("p50, ms", ",.1f"),
    ("p99, ms", ",.1f"),
    ("longest, ms", ",.1f"),
)
RATES = (1, 100, 500)
PROGRAMS = 4
"""Programs that record at once: a single one does not reach 500 rows a second."""

WARM = 5
"""Rows that each program records first, uncounted: to connect and to compose statements takes its time."""

Moments = list[tuple[int, float]]
"""Operation ids, and when (time.time) each was committed or arrived."""


def run(options: argparse.Namespace) -> int:
    """Measure all rates with a ring and one without, and publish them."""
    seconds = 10 if options.quick else 30
    rows = []
    with tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as folder, contextlib.ExitStack() as stack:
        postgres = stack.enter_context(servers.postgres(durable=True))
        broker = stack.enter_context(servers.redis())
        file = Path(folder) / "arrivals"
        target = stack.enter_context(race.Target(options.latency, file))
        ground = field.Servers(backlog.make_backlog(postgres.url, target.url), broker.url)
        environment = field.worker_settings(ground.backlog.url, broker.url) | {"VITEC_BASE_URL": target.url}
        environment["STATE_DIR"] = folder
        for command in (field.celery_command("worker", "-c", field.PROCESSES), field.celery_command("beat")):
            stack.enter_context(race.running(command, environment, Path(folder) / f"{command[5]}.log"))
        # A worker that is still starting would be measured with it: each child's first turn takes a second.
        _record_rows(ground, 1, 1, rung=True)
        _wait_for_arrivals(file, 1 + WARM)
        _measure_rate(ground, file, 20, 60, rung=True)
        for rate, rung in (*((rate, True) for rate in RATES), (1, False)):
            print(f"{rate} rows/s …", file=sys.stderr)
            rows.append(_measure_rate(ground, file, rate, max(rate * seconds, 60), rung=rung))
    publish(Table("arrivals", COLUMNS, rows), describe_circumstances(pace="off", **{"in flight": 50}), options.out)
    return 0


def _measure_rate(ground: field.Servers, file: Path, rate: int, count: int, *, rung: bool) -> list[Any]:
    earlier = len(_read_arrivals(file))
    committed = _record_rows(ground, rate, count, rung=rung)
    _wait_for_arrivals(file, earlier + count + WARM * _count_programs(rate))
    arrived = dict(_read_arrivals(file))
    waited = sorted((arrived[id_] - moment) * 1000 for id_, moment in committed)
    moments = sorted(moment for _, moment in committed)
    cuts = quantiles(waited, n=100)
    reached = (count - 1) / (moments[-1] - moments[0])
    return [rate, reached, "ring" if rung else "beat", count, cuts[49], cuts[98], waited[-1]]


def _wait_for_arrivals(file: Path, count: int) -> None:
    until = time.monotonic() + 30
    while len(_read_arrivals(file)) < count:
        if time.monotonic() > until:
            raise race.Stalled(f"{len(_read_arrivals(file))} of {count} rows arrived")
        time.sleep(0.1)


def _read_arrivals(file: Path) -> Moments:
    whole = file.read_bytes() if file.exists() else b""
    return list(ARRIVALS.iter_unpack(whole[: len(whole) - len(whole) % ARRIVALS.size]))


def _record_rows(ground: field.Servers, rate: int, count: int, *, rung: bool) -> Moments:
    """Record `count` rows at this rate in all, after some to warm up; return when each of the `count` was committed."""
    fork = multiprocessing.get_context("fork")
    programs, pipes = _count_programs(rate), []
    for _ in range(programs):
        our_end, their_end = fork.Pipe()
        fork.Process(target=_run_program, args=(ground, rung, their_end)).start()
        their_end.close()
        pipes.append(our_end)
    for pipe in pipes:
        pipe.recv()
    begin = time.monotonic() + 1
    for number, pipe in enumerate(pipes):
        pipe.send([begin + n / rate for n in range(number, count, programs)])
    return list(itertools.chain.from_iterable(pipe.recv() for pipe in pipes))


def _count_programs(rate: int) -> int:
    return 1 if rate < PROGRAMS else PROGRAMS


def _run_program(ground: field.Servers, rung: bool, pipe: Connection) -> None:
    """Record a few rows, then a row at each of the moments (monotonic) from the pipe, or at once if it has passed."""
    db = Database(connect(ground.backlog.url))
    app = publisher(Settings(broker_url=SecretStr(ground.broker_url)))
    with _noted_commits(db) as committed:

        def record(number: int) -> tuple[int, float]:
            key = f"{time.time_ns()}-{number}"
            customer = f"M{30001 + number % 12}"
            operation = enqueue(
                db, kind=KIND, source_id=key, customer_id=customer, contact_id=f"ADR{key}", date="2026-12-11T09:15"
            )
            if rung:
                ring(app, [KIND])
            # The last transaction wakes the lane, the one before it recorded the row.
            return operation.id, committed[-2]

        for number in range(WARM):
            record(number)
        pipe.send(None)
        moments: Moments = []
        for number, moment in enumerate(pipe.recv()):
            time.sleep(max(0.0, moment - time.monotonic()))
            moments.append(record(number))
    pipe.send(moments)
    pipe.close()


@contextlib.contextmanager
def _noted_commits(db: Database) -> Iterator[list[float]]:
    """Note the moments at which this engine's transactions have been committed."""
    moments: list[float] = []
    dialect: Any = db.engine.dialect
    commit = dialect.do_commit

    def noted(connection: Any) -> None:
        commit(connection)
        moments.append(time.time())

    dialect.do_commit = noted
    yield moments
    dialect.do_commit = commit
