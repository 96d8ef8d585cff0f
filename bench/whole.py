"""The whole operation, sending included, in a small table and a large one in turn. `python3 run.py bench --whole`."""

from __future__ import annotations

import sys
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from bench import backlog, disk, field, race
from bench.table import Table, circumstances, publish
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


def run(chosen: argparse.Namespace) -> int:
    """Measure turns in both tables, round by round, and publish."""
    rows = chosen.rows or (100_000 if chosen.quick else 1_000_000)
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    disk.demand(rows * 2_000)
    with servers.postgres(durable=True) as postgres, race.Target(chosen.latency) as target:
        places = [backlog.make(postgres.url, target.url, name) for name in ("small", "large")]
        places[1].fill(0, finished=rows)
        small, large = _measured(places, target, postgres.pid, rounds)
    found = Table("whole", COLUMNS, [_row("10,000", small, small), _row(f"{rows:,} more, finished", large, small)])
    publish(found, circumstances(rows=rows, rounds=rounds, **{"in flight": 50}), chosen.out)
    return 0


def _measured(places: Sequence[Backlog], target: race.Target, postgres: int, rounds: int) -> list[list[Result]]:
    turns = [_turns(place) for place in places]
    results: list[list[Result]] = [[] for _ in places]
    for number in range(rounds):
        print(f"round {number + 1} …", file=sys.stderr)
        places[0].fill(0)
        for one, found in zip(turns, results, strict=True):
            found.append(race.measure(one, target, COUNT, {"database": postgres}))
    return results


def _turns(place: Backlog) -> Contender:
    turns = next(one for one in field.ours(field.Ground(place, "redis://127.0.0.1:9")) if one.name == "turns")
    return replace(turns, prepare=place.add)


def _row(title: str, own: Sequence[Result], beside: Sequence[Result]) -> list[str | float]:
    pairs = list(zip(own, beside, strict=True))
    return [
        title,
        median(one.rate for one in own),
        median(other.rate / one.rate for one, other in pairs),
        median(one.total for one in own),
        median(one.total / other.total for one, other in pairs),
        median(one.cpu["database"] for one in own),
    ]
