"""Claims beside a snapshot that is held open: dead index entries must not make them slower and slower.

Nothing dead may be cleaned away while a report or a backup runs for hours, and every claimed row leaves a dead entry at
the very front of the index in which the next claim looks.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import psycopg

from bench import backlog, exchanging
from bench.table import Table, describe_circumstances, publish
from tests import servers
from worker.outbox import Database, connect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bench.exchanging import Cost

STEPS = 4
COLUMNS = (
    ("lanes", ",d"),
    ("drained beside the snapshot", ",d"),
    ("ms/op", ".3f"),
    ("of the first", ".2f"),
    ("CPU, ms/op", ".3f"),
    ("of the first's", ".2f"),
    ("of it the database", ".3f"),
)


def run(options: argparse.Namespace) -> int:
    """Measure one lane and twelve, and publish both."""
    rows = options.rows or (20_000 if options.quick else 120_000)
    rows_measured: list[list[int | float]] = []
    with servers.postgres(durable=True) as postgres:
        for lanes in (1, 12):
            print(f"{lanes} lanes …", file=sys.stderr)
            place = backlog.make_backlog(postgres.url, "http://127.0.0.1:9", f"bench{lanes}", lanes)
            place.fill(rows + (STEPS + 2) * (exchanging.WARM + exchanging.COUNT))
            rows_measured += _make_rows(lanes, list(_measure_series(place.url, postgres.pid, rows)))
    note = "The first line of each is measured before the snapshot is taken."
    publish(Table("snapshot", COLUMNS, rows_measured, note), describe_circumstances(rows=rows), options.out)
    return 0


def _measure_series(url: str, postgres: int, rows: int) -> Iterator[tuple[int, Cost]]:
    db = Database(connect(url))
    yield 0, exchanging.measure_cost(db, postgres)
    with _held_snapshot(url):
        drained = 0
        for step in range(1, STEPS + 1):
            drained += exchanging.drain_lanes(db, rows * step // STEPS - drained)
            cost = exchanging.measure_cost(db, postgres)
            yield drained, cost
            drained += exchanging.WARM + exchanging.COUNT
    db.engine.dispose()


@contextlib.contextmanager
def _held_snapshot(url: str) -> Iterator[None]:
    """Hold a snapshot open during the block, as a long report would."""
    with psycopg.connect(backlog.driver_url(url)) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM lanes")
        yield
        connection.rollback()


def _make_rows(lanes: int, series: Sequence[tuple[int, Cost]]) -> list[list[int | float]]:
    first = series[0][1]
    return [
        [lanes, drained, cost.wall, cost.wall / first.wall, cost.cpu, cost.cpu / first.cpu, cost.database]
        for drained, cost in series
    ]
