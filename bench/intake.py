"""From an export to operations, and from operations to results, against raw COPY. `python3 run.py bench --intake`.

Each step is done by a process of its own (`bench.taking`), all in one run and in turn, on PostgreSQL with fsync and on
SQLite. The start of the processes is not counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psycopg

from bench import cpu, exports
from bench.backlog import driver_url
from bench.table import Table, describe_circumstances, publish
from bench.taking import AGAIN, FIRST, KEYED, RAW, RESULTS
from run import ROOT, clean_environment
from tests import databases, servers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from tests.servers import Server

_ON_SQLITE = ", SQLite"
_END = """
UPDATE operations SET state = 'succeeded', attempt = 1, remote_id = 'CAL' || id, finalized_at = created_at
"""


@dataclass(frozen=True, slots=True)
class StepCost:
    """The cost of one step: rows per second, microseconds of CPU a row (its own, the database's), memory in MiB."""

    rate: float
    own: float
    database: float
    memory: float


def measure_rounds(
    server: Server, kinds: Sequence[str], rows: int, rounds: int
) -> dict[tuple[str, str], list[StepCost]]:
    """Measure each step once a round for each kind, and the import of a tenth of the rows to compare the memory."""
    results: dict[tuple[str, str], list[StepCost]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as name:
        os.chmod(name, 0o755)  # noqa: PTH101 (the server may run as another user)
        for number in range(rounds):
            for kind in kinds:
                for step, taken in _measure_round(server, Path(name), kind, rows):
                    results[kind, step].append(taken)
                    line = f"round {number + 1}: {kind}: {step}: {taken.rate:,.0f}/s"
                    print(line, file=sys.stderr, flush=True)
    return results


def _measure_round(server: Server, folder: Path, kind: str, rows: int) -> Iterator[tuple[str, StepCost]]:
    whole, tenth = exports.write(folder, kind, rows), exports.write(folder, kind, rows // 10)
    for step in (RAW, KEYED):
        with _fresh_database(server) as url:
            yield step, _measure_step(step, driver_url(url), whole, server)
    with _fresh_database(server) as url:
        databases.migrate(url)
        yield from _measure_imports(url, server, whole, tenth)
    url = f"sqlite:///{folder / 'bench.sqlite3'}"
    databases.migrate(url)
    for step, taken in _measure_imports(url, server, whole, tenth):
        yield step + _ON_SQLITE, taken
    for file in folder.glob("bench.sqlite3*"):
        file.unlink()


def _measure_imports(url: str, server: Server, whole: Path, tenth: Path) -> Iterator[tuple[str, StepCost]]:
    for step, file in ((f"{FIRST} of a tenth", tenth), (FIRST, whole), (AGAIN, whole)):
        yield step, _measure_step(step, url, file, server)
    _finish_operations(url)
    yield RESULTS, _measure_step(RESULTS, url, whole.with_suffix(".results"), server)


def _finish_operations(url: str) -> None:
    """Let every operation have succeeded."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as lite, lite:
            lite.execute(_END)
        return
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        for statement in (_END, "VACUUM ANALYZE operations", "CHECKPOINT"):
            connection.execute(statement)


@contextlib.contextmanager
def _fresh_database(server: Server) -> Iterator[str]:
    with psycopg.connect(driver_url(server.url), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    yield databases.create_database(server.url, "intake")
    databases.drop_database(server.url, "intake")


def _measure_step(step: str, url: str, file: Path, server: Server) -> StepCost:
    """Let a process do a step, and return its cost."""
    command = [sys.executable, "-m", "bench.taking", step, url, str(file)]
    before = cpu.cpu_seconds(server.pid)
    environment = clean_environment(dict(os.environ))
    process = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    took, database = json.loads(process.stdout), cpu.cpu_seconds(server.pid) - before
    micro = 1e6 / took["rows"]
    return StepCost(took["rows"] / took["seconds"], took["cpu"] * micro, database * micro, took["memory"])


def make_table(results: Mapping[tuple[str, str], Sequence[StepCost]]) -> Table:
    """Make the table of medians, with ratios taken round by round."""
    limits = [(f"/ {limit}", ".2f") for limit in (RAW, KEYED)]
    costs = [("own CPU, µs/row", ".1f"), ("database's CPU, µs/row", ".1f"), ("memory, MiB", ".0f")]
    columns = [("kind", ""), ("what", ""), ("rows/s", ",.0f"), *limits, *costs]
    rows = [[kind, step, *_make_figures(results, kind, step)] for kind, step in results]
    return Table("intake", columns, rows)


def _make_figures(results: Mapping[tuple[str, str], Sequence[StepCost]], kind: str, step: str) -> list[float | None]:
    taken = results[kind, step]
    ratios = [
        median(cost.rate / bare.rate for cost, bare in zip(taken, results[kind, limit], strict=True))
        if step in {FIRST, FIRST + _ON_SQLITE}
        else None
        for limit in (RAW, KEYED)
    ]
    rate, *costs = (median(getattr(cost, name) for cost in taken) for name in ("rate", "own", "database", "memory"))
    return [rate, *ratios, *costs]


def run(options: argparse.Namespace) -> int:
    """Measure, print and write the report."""
    rows, rounds = options.rows or (20_000 if options.quick else 200_000), options.rounds or (1 if options.quick else 3)
    with servers.postgres(durable=True) as server:
        results = measure_rounds(server, options.only or list(exports.KINDS), rows, rounds)
    publish(make_table(results), describe_circumstances(rows=rows, rounds=rounds), options.out)
    return 0
