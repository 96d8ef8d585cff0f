"""From an export to operations, and from operations to results, against raw COPY. `python3 run.py bench --intake`.

Everything is done by a process of its own (`bench.taking`), all in one run and in turn, on PostgreSQL with fsync and on
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
from bench.backlog import plain
from bench.table import Table, circumstances, publish
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
class Taken:
    """What one process took: rows per second, microseconds of CPU a row (its own, the database's), memory in MiB."""

    rate: float
    own: float
    database: float
    memory: float


def measured(server: Server, kinds: Sequence[str], rows: int, rounds: int) -> dict[tuple[str, str], list[Taken]]:
    """Everything once a round for each kind, and the importing of a tenth of the rows to compare the memory."""
    found: dict[tuple[str, str], list[Taken]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as name:
        os.chmod(name, 0o755)  # noqa: PTH101 (the server may run as another user)
        for number in range(rounds):
            for kind in kinds:
                for what, taken in _round(server, Path(name), kind, rows):
                    found[kind, what].append(taken)
                    said = f"round {number + 1}: {kind}: {what}: {taken.rate:,.0f}/s"
                    print(said, file=sys.stderr, flush=True)
    return found


def _round(server: Server, folder: Path, kind: str, rows: int) -> Iterator[tuple[str, Taken]]:
    whole, tenth = exports.write(folder, kind, rows), exports.write(folder, kind, rows // 10)
    for what in (RAW, KEYED):
        with _database(server) as url:
            yield what, _of(what, plain(url), whole, server)
    with _database(server) as url:
        databases.migrate(url)
        yield from _imports(url, server, whole, tenth)
    url = f"sqlite:///{folder / 'bench.sqlite3'}"
    databases.migrate(url)
    for what, taken in _imports(url, server, whole, tenth):
        yield what + _ON_SQLITE, taken
    for left in folder.glob("bench.sqlite3*"):
        left.unlink()


def _imports(url: str, server: Server, whole: Path, tenth: Path) -> Iterator[tuple[str, Taken]]:
    for what, file in ((f"{FIRST} of a tenth", tenth), (FIRST, whole), (AGAIN, whole)):
        yield what, _of(what, url, file, server)
    _finish(url)
    yield RESULTS, _of(RESULTS, url, whole.with_suffix(".results"), server)


def _finish(url: str) -> None:
    """Let every operation have succeeded."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as lite, lite:
            lite.execute(_END)
        return
    with psycopg.connect(plain(url), autocommit=True) as connection:
        for statement in (_END, "VACUUM ANALYZE operations", "CHECKPOINT"):
            connection.execute(statement)


@contextlib.contextmanager
def _database(server: Server) -> Iterator[str]:
    with psycopg.connect(plain(server.url), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    yield databases.create_database(server.url, "intake")
    databases.drop_database(server.url, "intake")


def _of(what: str, url: str, file: Path, server: Server) -> Taken:
    """Let a process do it, and tell what it took."""
    command = [sys.executable, "-m", "bench.taking", what, url, str(file)]
    before = cpu.seconds_of(server.pid)
    environment = clean_environment(dict(os.environ))
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    took, database = json.loads(done.stdout), cpu.seconds_of(server.pid) - before
    micro = 1e6 / took["rows"]
    return Taken(took["rows"] / took["seconds"], took["cpu"] * micro, database * micro, took["memory"])


def table(found: Mapping[tuple[str, str], Sequence[Taken]]) -> Table:
    """Medians, and ratios taken round by round."""
    limits = [(f"/ {limit}", ".2f") for limit in (RAW, KEYED)]
    costs = [("own CPU, µs/row", ".1f"), ("database's CPU, µs/row", ".1f"), ("memory, MiB", ".0f")]
    columns = [("kind", ""), ("what", ""), ("rows/s", ",.0f"), *limits, *costs]
    rows = [[kind, what, *_figures(found, kind, what)] for kind, what in found]
    return Table("intake", columns, rows)


def _figures(found: Mapping[tuple[str, str], Sequence[Taken]], kind: str, what: str) -> list[float | None]:
    taken = found[kind, what]
    ratios = [
        median(one.rate / other.rate for one, other in zip(taken, found[kind, limit], strict=True))
        if what in {FIRST, FIRST + _ON_SQLITE}
        else None
        for limit in (RAW, KEYED)
    ]
    rate, *costs = (median(getattr(one, name) for one in taken) for name in ("rate", "own", "database", "memory"))
    return [rate, *ratios, *costs]


def run(chosen: argparse.Namespace) -> int:
    """Measure, print and write the report."""
    rows, rounds = chosen.rows or (20_000 if chosen.quick else 200_000), chosen.rounds or (1 if chosen.quick else 3)
    with servers.postgres(durable=True) as server:
        found = measured(server, chosen.only or list(exports.KINDS), rows, rounds)
    publish(table(found), circumstances(rows=rows, rounds=rounds), chosen.out)
    return 0
