"""A long life: a worker's memory, descriptors, threads and connections as operations go through it. `bench --memory`."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from bench import backlog, cpu, field, race
from bench.table import Table, circumstances, publish
from tests import servers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from bench.backlog import Backlog

MARKS = (0.1, 0.25, 0.5, 0.75, 1.0)
SLOWEST = 100
"""Operations per second that even a busy machine does: bounds the time."""
COLUMNS = (
    ("operations", ",d"),
    ("main process, MB", ".1f"),
    ("largest child, MB", ".1f"),
    ("of the first", ".3f"),
    ("descriptors", ",d"),
    ("threads", ",d"),
    ("database connections", ",d"),
)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a worker occupies. Memory in MB (resident, as the kernel counts it)."""

    operations: int
    main: float
    child: float
    descriptors: int
    threads: int
    connections: int


def run(chosen: argparse.Namespace) -> int:
    """Let a worker as it ships drain a long backlog, and publish what it occupied on the way."""
    rows = chosen.rows or (20_000 if chosen.quick else 200_000)
    with (
        servers.postgres(durable=True) as postgres,
        servers.redis() as broker,
        race.Target(chosen.latency) as target,
        tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as folder,
    ):
        place = backlog.make(postgres.url, target.url)
        place.fill(rows)
        ground = field.Ground(place, broker.url)
        environment = field.settings_of(place.url, broker.url) | {"VITEC_BASE_URL": target.url, "STATE_DIR": folder}
        command = field.celery("worker", "-c", field.PROCESSES)
        with race.running(command, environment, Path(folder) / "log") as process:
            found = list(_footprints(process.pid, place, target, rows, field.dispatcher(ground)))
    publish(_table(found), circumstances(rows=rows, **{"in flight": 50}), chosen.out)
    return 0


def _footprints(
    pid: int, place: Backlog, target: race.Target, rows: int, dispatch: Callable[[], None]
) -> Iterator[Footprint]:
    until = time.monotonic() + 30 + rows / SLOWEST
    for mark in MARKS:
        while target.answered < rows * mark:
            if time.monotonic() > until:
                raise race.Stalled(f"{target.answered} of {rows} sent")
            dispatch()
            time.sleep(1)
        print(f"{target.answered:,} …", file=sys.stderr)
        yield _footprint(pid, place, target.answered)


def _footprint(pid: int, place: Backlog, operations: int) -> Footprint:
    children = [_status(child) for child in cpu.descendants(pid)]
    everyone = [pid, *cpu.descendants(pid)]
    return Footprint(
        operations,
        main=int(_status(pid)["VmRSS"].split()[0]) / 1024,
        child=max(int(one["VmRSS"].split()[0]) for one in children) / 1024,
        descriptors=sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in everyone),
        threads=sum(int(_status(one)["Threads"]) for one in everyone),
        connections=_connections(place),
    )


def _status(pid: int) -> Mapping[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _connections(place: Backlog) -> int:
    """Of the worker: neither this one nor the dispatcher's."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'bench' AND client_port > 0"
    with psycopg.connect(backlog.plain(place.url), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0]) - 2


def _table(found: list[Footprint]) -> Table:
    first = found[0].child
    return Table(
        "memory",
        COLUMNS,
        [
            [one.operations, one.main, one.child, one.child / first, one.descriptors, one.threads, one.connections]
            for one in found
        ],
        "Descriptors, threads and connections are of the main process and its children together.",
    )
