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
from bench.table import Table, describe_circumstances, publish
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
    """The resources that a worker occupies. Memory in MB (resident, as the kernel counts it)."""

    operations: int
    main: float
    child: float
    descriptors: int
    threads: int
    connections: int


def run(options: argparse.Namespace) -> int:
    """Let a worker as it ships drain a long backlog, and publish the resources that it occupied on the way."""
    rows = options.rows or (20_000 if options.quick else 200_000)
    with (
        servers.postgres(durable=True) as postgres,
        servers.redis() as broker,
        race.Target(options.latency) as target,
        tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as folder,
    ):
        place = backlog.make_backlog(postgres.url, target.url)
        place.fill(rows)
        ground = field.Servers(place, broker.url)
        environment = field.worker_settings(place.url, broker.url) | {"VITEC_BASE_URL": target.url, "STATE_DIR": folder}
        command = field.celery_command("worker", "-c", field.PROCESSES)
        with race.running(command, environment, Path(folder) / "log") as process:
            footprints = list(_measure_footprints(process.pid, place, target, rows, field.make_dispatcher(ground)))
    publish(_make_table(footprints), describe_circumstances(rows=rows, **{"in flight": 50}), options.out)
    return 0


def _measure_footprints(
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
        yield _measure_footprint(pid, place, target.answered)


def _measure_footprint(pid: int, place: Backlog, operations: int) -> Footprint:
    children = [_read_status(child) for child in cpu.list_descendants(pid)]
    family = [pid, *cpu.list_descendants(pid)]
    return Footprint(
        operations,
        main=int(_read_status(pid)["VmRSS"].split()[0]) / 1024,
        child=max(int(status["VmRSS"].split()[0]) for status in children) / 1024,
        descriptors=sum(len(list(Path(f"/proc/{member}/fd").iterdir())) for member in family),
        threads=sum(int(_read_status(member)["Threads"]) for member in family),
        connections=_count_connections(place),
    )


def _read_status(pid: int) -> Mapping[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _count_connections(place: Backlog) -> int:
    """Count the worker's connections: neither this one nor the dispatcher's."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'bench' AND client_port > 0"
    with psycopg.connect(backlog.driver_url(place.url), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0]) - 2


def _make_table(footprints: list[Footprint]) -> Table:
    first = footprints[0].child
    return Table(
        "memory",
        COLUMNS,
        [
            [
                footprint.operations,
                footprint.main,
                footprint.child,
                footprint.child / first,
                footprint.descriptors,
                footprint.threads,
                footprint.connections,
            ]
            for footprint in footprints
        ],
        "Descriptors, threads and connections are of the main process and its children together.",
    )
