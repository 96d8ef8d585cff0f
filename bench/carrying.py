"""The cost of one operation at the database and the broker, measured on a real worker. `python3 run.py bench --carrying`."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import redis

from bench import backlog, cpu, field, race
from tests import servers
from worker.outbox import Database, connect
from worker.outbox.lanes import turns
from worker.rings import EXPIRES, publisher, ring
from worker.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_READ = """
SELECT (SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = current_database()),
       pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()),
       pg_table_size('operations'), pg_indexes_size('operations'),
       pg_table_size('attempts'), pg_indexes_size('attempts')
"""


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters at one moment."""

    commits: float
    wal: float
    connections: int
    sizes: tuple[int, ...]
    database: float
    broker: float
    worker: float


@dataclass(frozen=True, slots=True)
class MeasuredServers:
    """The servers, and the worker at work."""

    url: str
    redis: redis.Redis
    postgres_pid: int
    redis_pid: int

    def execute(self, statement: LiteralString) -> None:
        """Run a statement at the database."""
        with psycopg.connect(backlog.driver_url(self.url), autocommit=True) as connection:
            connection.execute(statement)

    def read(self, worker_pid: int) -> Counters:
        """Read all counters. A session reports its work up to a second later, hence the pause."""
        time.sleep(1.5)
        with psycopg.connect(backlog.driver_url(self.url), autocommit=True) as connection:
            row: Any = connection.execute(_READ).fetchone()
        spent = (cpu.cpu_seconds(pid) for pid in (self.postgres_pid, self.redis_pid, worker_pid))
        return Counters(float(row[0]), float(row[1]), row[2], row[3:], *spent)


def measure_rings(count: int, ground: MeasuredServers, app: Any) -> str:
    """Count the Redis commands of a ring that finds nothing, less those of a worker that only waits."""

    def commands() -> int:
        stats: Any = ground.redis.info("commandstats")
        return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_info")

    # By then the surplus rings of the drain have expired.
    time.sleep(EXPIRES + 2)
    first = commands()
    time.sleep(5)
    idle = (commands() - first) / 5
    began, first, spent = time.monotonic(), commands(), cpu.cpu_seconds(ground.redis_pid)
    for _ in range(count):
        ring(app, [backlog.KIND])
        time.sleep(0.02)
    time.sleep(2)
    own = commands() - first - idle * (time.monotonic() - began)
    took = (cpu.cpu_seconds(ground.redis_pid) - spent) * 1000 / count
    return f"A ring: {own / count:.1f} Redis commands, {took:.2f} ms of its CPU; a worker that waits: {idle:.1f} commands/s."


def measure_worker(rows: int, title: str, *, lane_count: int, in_flight: int, children: int = 2) -> Iterator[str]:
    """Let a worker do so many operations of so many lanes, without a rate limit, and give the cost of each as a line."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vitec-sync-bench-")))
        postgres = stack.enter_context(servers.postgres(durable=True))
        broker = stack.enter_context(servers.redis())
        target = stack.enter_context(race.Target())
        load = backlog.Backlog(backlog.make_backlog(postgres.url, target.url).url, lane_count)
        load.fill(lane_count)
        environment = {"VITEC_BASE_URL": target.url, "STATE_DIR": str(folder)}
        environment |= field.worker_settings(load.url, broker.url, in_flight)
        command = field.celery_command("worker", "-c", str(children))
        worker = stack.enter_context(race.running(command, environment, folder / "log"))
        ground = MeasuredServers(load.url, redis.Redis.from_url(broker.url), postgres.pid, broker.pid)
        db, app = Database(connect(load.url)), publisher(Settings(broker_url=broker.url))
        _drain_backlog(db, app, load)
        # Held back until the counters have been read: a quick worker has done most of it by then.
        ground.execute("UPDATE lanes SET lease_until = clock_timestamp() + interval '1 hour'")
        load.add_rows(rows)
        before = ground.read(worker.pid)
        ground.execute("UPDATE lanes SET lease_until = NULL")
        _drain_backlog(db, app, load)
        after = ground.read(worker.pid)
        print(measure_rings(200, ground, app), file=sys.stderr)
        db.engine.dispose()
        ground.redis.close()
    yield _format_line(title, before, after, rows, rows + lane_count)


def _format_line(title: str, before: Counters, after: Counters, rows: int, in_all: int) -> str:
    """Format a line: `rows` were done between the readings, `in_all` lie in the tables."""
    cells = (
        f"{(after.commits - before.commits) / rows:.2f}",
        f"{(after.wal - before.wal) / rows:,.0f}",
        f"{(after.database - before.database) * 1000 / rows:.3f}",
        f"{(after.worker - before.worker) * 1000 / rows:.3f}",
        " + ".join(f"{size / in_all:,.0f}" for size in after.sizes),
        f"{after.connections}",
    )
    return f"| {title} | {' | '.join(cells)} |"


def _drain_backlog(db: Database, app: Any, load: backlog.Backlog) -> None:
    """Ring as beat would, until no operation is unfinished."""
    until = time.monotonic() + 180
    while load.count_unfinished("operations"):
        ring(app, [kind for kind, count in turns.due_kinds(db).items() for _ in range(min(count, 8))])
        time.sleep(0.1)
        if time.monotonic() > until:
            raise race.Stalled("the worker did not finish in time")


def run(options: argparse.Namespace) -> int:
    """Print the table in Markdown."""
    rows = options.rows or 4_000
    print(
        "| pace off | commits/op | WAL, bytes/op | database CPU, ms/op | worker CPU, ms/op | operations + its indexes + attempts + its indexes, bytes/op | connections |"
    )
    print("| --- | --: | --: | --: | --: | --: | --: |", flush=True)
    for title, lane_count, in_flight, count in (
        ("12 lanes, 50 in flight", 12, 50, rows),
        ("12 lanes, 5 in flight", 12, 5, rows // 2),
        ("100 lanes of 3 rows, 5 in flight", 100, 5, 300),
    ):
        for line in measure_worker(count, title, lane_count=lane_count, in_flight=in_flight):
            print(line, flush=True)
    return 0
