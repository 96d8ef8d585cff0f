"""Measures the whole operation, sending included, in a small table and a large one in turn. `python3 run.py bench --whole`."""

from __future__ import annotations

import sys
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from bench import backlog, disk, field, race
from bench.table import Table, describe_circumstances, publish
from tests import servers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.backlog import Backlog
    from bench.race import Contender, Result

COUNT = 10_000
COLUMNS = (
    ("table", ""),
    ("ops/s", ",.0f"),
    ("time of the small one", ".2f"),
    ("CPU, ms/op", ".3f"),
    ("of the small one's", ".2f"),
    ("of it the database", ".3f"),
)


def run(options: argparse.Namespace) -> int:
    """Measure turns in both tables, round by round, and publish."""
    rows = options.rows or (100_000 if options.quick else 1_000_000)
    rounds = options.rounds or (1 if options.quick else 3)
    disk.require_space(rows * 2_000)
    with servers.postgres(durable=True) as postgres, race.Target(options.latency) as target:
        places = [backlog.make_backlog(postgres.url, target.url, name) for name in ("small", "large")]
        places[1].fill(0, finished=rows)
        small, large = _measure_rounds(places, target, postgres.pid, rounds)
    table = Table("whole", COLUMNS, [_row("10,000", small, small), _row(f"{rows:,} more, finished", large, small)])
    publish(table, describe_circumstances(rows=rows, rounds=rounds, **{"in flight": 50}), options.out)
    return 0


def _measure_rounds(places: Sequence[Backlog], target: race.Target, postgres: int, rounds: int) -> list[list[Result]]:
    turns = [_turns_contender(place) for place in places]
    results: list[list[Result]] = [[] for _ in places]
    for number in range(rounds):
        print(f"round {number + 1} …", file=sys.stderr)
        places[0].fill(0)
        for contender, results_of_table in zip(turns, results, strict=True):
            results_of_table.append(race.measure(contender, target, COUNT, {"database": postgres}))
    return results


def _turns_contender(place: Backlog) -> Contender:
    turns = next(
        contender
        for contender in field.our_contenders(field.Servers(place, "redis://127.0.0.1:9"))
        if contender.name == "turns"
    )
    return replace(turns, prepare=place.add_rows)


def _row(title: str, own: Sequence[Result], small: Sequence[Result]) -> list[str | float]:
    pairs = list(zip(own, small, strict=True))
    return [
        title,
        median(result.rate for result in own),
        median(small_result.rate / result.rate for result, small_result in pairs),
        median(result.total for result in own),
        median(result.total / small_result.total for result, small_result in pairs),
        median(result.cpu["database"] for result in own),
    ]
