"""From the commit of a row to its request at the server, through a real worker. `python3 run.py bench --arrivals`.

Rows are recorded one by one through the Python API, by several programs at a steady rate, for twelve customers; then
the bell is rung, as the API says. Without the bell, beat's dispatch finds them.
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
from bench.table import Table, circumstances, publish
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
"""Who record at once: one alone does not reach 500 rows a second."""

WARM = 5
"""Rows that each of them records first, and that do not count: to connect and to compose statements takes its time."""

Moments = list[tuple[int, float]]
"""Operation ids, and when (time.time) each was committed or arrived."""


def run(chosen: argparse.Namespace) -> int:
    """Measure all rates with the bell and one without it, and publish them."""
    seconds = 10 if chosen.quick else 30
    rows = []
    with tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as folder, contextlib.ExitStack() as stack:
        postgres = stack.enter_context(servers.postgres(durable=True))
        broker = stack.enter_context(servers.redis())
        file = Path(folder) / "arrivals"
        target = stack.enter_context(race.Target(chosen.latency, file))
        ground = field.Ground(backlog.make(postgres.url, target.url), broker.url)
        environment = field.settings_of(ground.backlog.url, broker.url) | {"VITEC_BASE_URL": target.url}
        environment["STATE_DIR"] = folder
        for what in (field.celery("worker", "-c", field.PROCESSES), field.celery("beat")):
            stack.enter_context(race.running(what, environment, Path(folder) / f"{what[5]}.log"))
        # A worker that is still starting would be measured with it: each child's first turn takes a second.
        _recorded(ground, 1, 1, rung=True)
        _all_arrived(file, 1 + WARM)
        _measured(ground, file, 20, 60, rung=True)
        for rate, rung in (*((rate, True) for rate in RATES), (1, False)):
            print(f"{rate} rows/s …", file=sys.stderr)
            rows.append(_measured(ground, file, rate, max(rate * seconds, 60), rung=rung))
    publish(Table("arrivals", COLUMNS, rows), circumstances(pace="off", **{"in flight": 50}), chosen.out)
    return 0


def _measured(ground: field.Ground, file: Path, rate: int, count: int, *, rung: bool) -> list[Any]:
    known = len(_arrived(file))
    committed = _recorded(ground, rate, count, rung=rung)
    _all_arrived(file, known + count + WARM * _programs(rate))
    arrived = dict(_arrived(file))
    waited = sorted((arrived[id_] - moment) * 1000 for id_, moment in committed)
    moments = sorted(moment for _, moment in committed)
    cuts = quantiles(waited, n=100)
    reached = (count - 1) / (moments[-1] - moments[0])
    return [rate, reached, "bell" if rung else "beat", count, cuts[49], cuts[98], waited[-1]]


def _all_arrived(file: Path, count: int) -> None:
    until = time.monotonic() + 30
    while len(_arrived(file)) < count:
        if time.monotonic() > until:
            raise race.Stalled(f"{len(_arrived(file))} of {count} rows arrived")
        time.sleep(0.1)


def _arrived(file: Path) -> Moments:
    whole = file.read_bytes() if file.exists() else b""
    return list(ARRIVALS.iter_unpack(whole[: len(whole) - len(whole) % ARRIVALS.size]))


def _recorded(ground: field.Ground, rate: int, count: int, *, rung: bool) -> Moments:
    """Record `count` rows at this rate in all, after some to warm up; return when each of the `count` was committed."""
    fork = multiprocessing.get_context("fork")
    programs, pipes = _programs(rate), []
    for _ in range(programs):
        mine, theirs = fork.Pipe()
        fork.Process(target=_record, args=(ground, rung, theirs)).start()
        theirs.close()
        pipes.append(mine)
    for pipe in pipes:
        pipe.recv()
    begin = time.monotonic() + 1
    for number, pipe in enumerate(pipes):
        pipe.send([begin + n / rate for n in range(number, count, programs)])
    return list(itertools.chain.from_iterable(pipe.recv() for pipe in pipes))


def _programs(rate: int) -> int:
    return 1 if rate < PROGRAMS else PROGRAMS


def _record(ground: field.Ground, rung: bool, pipe: Connection) -> None:
    """One program: a few rows, then a row at each of the moments (monotonic) it is told, or at once if one has passed."""
    db = Database(connect(ground.backlog.url))
    app = publisher(Settings(broker_url=SecretStr(ground.broker_url)))
    with _commits(db) as committed:

        def record(number: int) -> tuple[int, float]:
            key = f"{time.time_ns()}-{number}"
            customer = f"M{30001 + number % 12}"
            done = enqueue(
                db, kind=KIND, source_id=key, customer_id=customer, contact_id=f"ADR{key}", date="2026-12-11T09:15"
            )
            if rung:
                ring(app, [KIND])
            # The last transaction wakes the lane, the one before it recorded the row.
            return done.id, committed[-2]

        for number in range(WARM):
            record(number)
        pipe.send(None)
        found: Moments = []
        for number, moment in enumerate(pipe.recv()):
            time.sleep(max(0.0, moment - time.monotonic()))
            found.append(record(number))
    pipe.send(found)
    pipe.close()


@contextlib.contextmanager
def _commits(db: Database) -> Iterator[list[float]]:
    """The moments at which this engine's transactions had been committed."""
    moments: list[float] = []
    dialect: Any = db.engine.dialect
    commit = dialect.do_commit

    def noted(connection: Any) -> None:
        commit(connection)
        moments.append(time.time())

    dialect.do_commit = noted
    yield moments
    dialect.do_commit = commit
