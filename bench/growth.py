"""The cost of claim and settle per operation, as the table grows. `python3 run.py bench --growth`.

No request is sent: only the exchange is measured, with 50 rows at a time, committed with fsync. Each situation is
measured in turn with the small one, several times, and compared with it time by time.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench import backlog, disk, exchanging
from bench.table import Table, describe_circumstances, publish
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
    """The content of the tables: so many waiting rows in so many lanes, and so many finished rows."""

    name: str
    title: str
    lanes: int = 12
    waiting: int = SMALL
    finished: int = 0


def list_situations(rows: int) -> list[Situation]:
    """List the situations: many finished, many waiting, few and many lanes, and all at once."""
    return [
        Situation("finished", f"10,000 waiting, {rows:,} finished", finished=rows),
        Situation("waiting", f"{rows:,} waiting", waiting=rows),
        Situation("one", "10,000 waiting in 1 lane", lanes=1),
        Situation("hundred", "10,000 waiting in 100 lanes", lanes=100),
        Situation("many", "20,000 waiting in 10,000 lanes", lanes=10_000, waiting=20_000),
        Situation("both", f"{rows:,} waiting in 10,000 lanes", lanes=10_000, waiting=rows),
    ]


def run(options: argparse.Namespace) -> int:
    """Measure all situations, or `--only` some, and publish them."""
    rows = options.rows or (100_000 if options.quick else 1_000_000)
    rounds = options.rounds or (1 if options.quick else 3)
    selected = [
        situation for situation in list_situations(rows) if options.only is None or situation.name in options.only
    ]
    name = "_".join(["growth", *(options.only or [])])
    disk.require_space(rows * 2_000)
    with servers.postgres(durable=True) as postgres:
        small = backlog.make_backlog(postgres.url, "http://127.0.0.1:9", "small")
        series = list(_measure_situations(postgres, small, selected, rounds))
    publish(make_table(name, series), describe_circumstances(rows=rows, rounds=rounds), options.out)
    return 0


def _measure_situations(
    postgres: servers.Server, small: Backlog, situations: Sequence[Situation], rounds: int
) -> Iterator[tuple[str, list[Cost], list[Cost]]]:
    for situation in situations:
        print(f"{situation.title} …", file=sys.stderr)
        large = backlog.make_backlog(postgres.url, "http://127.0.0.1:9", "large", situation.lanes)
        large.fill(situation.waiting, finished=situation.finished)
        costs: tuple[list[Cost], list[Cost]] = ([], [])
        for _ in range(rounds):
            small.fill(SMALL)
            for place, costs_of in zip((small, large), costs, strict=True):
                costs_of.append(_measure_cost(place, postgres.pid))
            large.add_rows(exchanging.WARM + exchanging.COUNT)
        databases.drop_database(postgres.url, "large")
        yield (situation.title, *costs)


def _measure_cost(place: Backlog, postgres: int) -> Cost:
    db = Database(connect(place.url))
    try:
        return exchanging.measure_cost(db, postgres)
    finally:
        db.engine.dispose()


def make_table(name: str, series: Sequence[tuple[str, list[Cost], list[Cost]]]) -> Table:
    """Make the table of medians; a ratio is the median of the ratios of the rounds."""
    small = [cost for _, costs, _ in series for cost in costs]
    rows = [_row("10,000 waiting in 12 lanes, the small one", small, small)]
    rows += [_row(title, large_costs, small_costs) for title, small_costs, large_costs in series]
    return Table(name, COLUMNS, rows)


def _row(title: str, costs: Sequence[Cost], small: Sequence[Cost]) -> list[str | float]:
    pairs = list(zip(costs, small, strict=True))
    return [
        title,
        median(cost.wall for cost in costs),
        median(cost.wall / small_cost.wall for cost, small_cost in pairs),
        median(cost.cpu for cost in costs),
        median(cost.cpu / small_cost.cpu for cost, small_cost in pairs),
        median(cost.database for cost in costs),
    ]
