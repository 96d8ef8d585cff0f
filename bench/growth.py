"""Cost as the work grows: claim and settle per operation, whatever lies in the table. `python3 run.py bench --growth`.

No request is sent: what is measured is the exchange, with 50 rows at a time, committed with fsync. Each situation is
measured in turn with the small one, several times, and compared with it time by time.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench import backlog, disk, exchanging
from bench.table import Table, circumstances, publish
from tests import databases, servers
from worker.outbox import Database, connect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bench.backlog import Backlog
    from bench.exchanging import Cost

SMALL = 10_000
COLUMNS = (
    ("situation", ""),
    ("ms/op", ".3f"),
    ("of the small one", ".2f"),
    ("CPU, ms/op", ".3f"),
    ("of the small one's", ".2f"),
    ("of it the database", ".3f"),
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What lies in the tables: so many waiting rows in so many lanes, and so many finished ones."""

    name: str
    title: str
    lanes: int = 12
    waiting: int = SMALL
    finished: int = 0


def situations(rows: int) -> list[Situation]:
    """Many finished, many waiting, few and many lanes, and all at once."""
    return [
        Situation("finished", f"10,000 waiting, {rows:,} finished", finished=rows),
        Situation("waiting", f"{rows:,} waiting", waiting=rows),
        Situation("one", "10,000 waiting in 1 lane", lanes=1),
        Situation("hundred", "10,000 waiting in 100 lanes", lanes=100),
        Situation("many", "20,000 waiting in 10,000 lanes", lanes=10_000, waiting=20_000),
        Situation("both", f"{rows:,} waiting in 10,000 lanes", lanes=10_000, waiting=rows),
    ]


def run(chosen: argparse.Namespace) -> int:
    """Measure all situations, or `--only` some, and publish them."""
    rows = chosen.rows or (100_000 if chosen.quick else 1_000_000)
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    wanted = [one for one in situations(rows) if chosen.only is None or one.name in chosen.only]
    name = "_".join(["growth", *(chosen.only or [])])
    disk.demand(rows * 2_000)
    with servers.postgres(durable=True) as postgres:
        small = backlog.make(postgres.url, "http://127.0.0.1:9", "small")
        found = list(_measured(postgres, small, wanted, rounds))
    publish(table(name, found), circumstances(rows=rows, rounds=rounds), chosen.out)
    return 0


def _measured(
    postgres: servers.Server, small: Backlog, wanted: Sequence[Situation], rounds: int
) -> Iterator[tuple[str, list[Cost], list[Cost]]]:
    for one in wanted:
        print(f"{one.title} …", file=sys.stderr)
        large = backlog.make(postgres.url, "http://127.0.0.1:9", "large", one.lanes)
        large.fill(one.waiting, finished=one.finished)
        costs: tuple[list[Cost], list[Cost]] = ([], [])
        for _ in range(rounds):
            small.fill(SMALL)
            for place, costs_of in zip((small, large), costs, strict=True):
                costs_of.append(_cost(place, postgres.pid))
            large.add(exchanging.WARM + exchanging.COUNT)
        databases.drop_database(postgres.url, "large")
        yield (one.title, *costs)


def _cost(place: Backlog, postgres: int) -> Cost:
    db = Database(connect(place.url))
    try:
        return exchanging.cost(db, postgres)
    finally:
        db.engine.dispose()


def table(name: str, found: Sequence[tuple[str, list[Cost], list[Cost]]]) -> Table:
    """Medians; a ratio is the median of the ratios of the rounds."""
    small = [cost for _, costs, _ in found for cost in costs]
    rows = [_row("10,000 waiting in 12 lanes, the small one", small, small)]
    rows += [_row(title, large, beside) for title, beside, large in found]
    return Table(name, COLUMNS, rows)


def _row(title: str, costs: Sequence[Cost], beside: Sequence[Cost]) -> list[str | float]:
    pairs = list(zip(costs, beside, strict=True))
    return [
        title,
        median(one.wall for one in costs),
        median(one.wall / other.wall for one, other in pairs),
        median(one.cpu for one in costs),
        median(one.cpu / other.cpu for one, other in pairs),
        median(one.database for one in costs),
    ]
