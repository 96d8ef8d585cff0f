"""Blanking old payloads: how long one step holds its rows, and what a drain beside it feels. `bench --prune`."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from bench import backlog, cpu, disk, field, race
from bench.table import Table, circumstances, publish
from tests import servers
from worker.outbox import Database, connect
from worker.outbox.upkeep.prune import STEP, prune_content

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bench.backlog import Backlog
    from bench.race import Contender, Result

COUNT = 5_000
OLD = 10 * 86_400.0
"""All that lies there was finished at least 20 days ago."""


def run(chosen: argparse.Namespace) -> int:
    """Drain with and without it in turn, then blank the rest step by step, and publish both tables."""
    rows = chosen.rows or (20_000 if chosen.quick else 200_000)
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    disk.demand(rows * 4_000)
    with servers.postgres(durable=True) as postgres, race.Target(chosen.latency) as target:
        place = backlog.make(postgres.url, target.url)
        place.fill(0, finished=rows)
        alone, beside = _drained(place, target, postgres.pid, rounds, rows)
        place.fill(0, finished=rows)
        steps = _steps(place, postgres.pid)
    about = circumstances(rows=rows, rounds=rounds, **{"rows of a step": STEP})
    publish(_drains(alone, beside), about, chosen.out)
    publish(steps, about, chosen.out)
    return 0


def _drained(
    place: Backlog, target: race.Target, postgres: int, rounds: int, rows: int
) -> tuple[list[Result], list[Result]]:
    turns = _turns(place)
    alone, beside = [], []
    for number in range(rounds):
        print(f"round {number + 1} …", file=sys.stderr)
        alone.append(race.measure(turns, target, COUNT, {"database": postgres}))
        with _pruning(place.url):
            beside.append(race.measure(turns, target, COUNT, {"database": postgres}))
        place.fill(0, finished=rows)
    return alone, beside


def _turns(place: Backlog) -> Contender:
    turns = next(one for one in field.ours(field.Ground(place, "redis://127.0.0.1:9")) if one.name == "turns")
    return replace(turns, prepare=place.add)


@contextlib.contextmanager
def _pruning(url: str) -> Iterator[None]:
    """Somebody blanks all the time."""
    process = multiprocessing.get_context("fork").Process(target=_prune_on, args=(url,))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _prune_on(url: str) -> None:
    db = Database(connect(url))
    while True:
        if not prune_content(db, OLD):
            time.sleep(0.1)


def _drains(alone: Sequence[Result], beside: Sequence[Result]) -> Table:
    columns = (("drain", ""), ("ops/s", ",.0f"), ("of the one alone", ".2f"), ("CPU of the drain, ms/op", ".3f"))
    rows = [_drain("alone", alone, alone), _drain("while old payloads are blanked", beside, alone)]
    return Table("prune_drain", columns, rows)


def _drain(title: str, own: Sequence[Result], alone: Sequence[Result]) -> list[str | float]:
    ratio = median(one.rate / other.rate for one, other in zip(own, alone, strict=True))
    return [title, median(one.rate for one in own), ratio, median(one.cpu["client"] for one in own)]


def _steps(place: Backlog, postgres: int) -> Table:
    db, taken, blanked = Database(connect(place.url)), [], 0
    before = cpu.seconds_of(postgres)
    while True:
        began = time.perf_counter()
        count = prune_content(db, OLD, steps=1)
        if not count:
            break
        taken.append((time.perf_counter() - began) * 1000)
        blanked += count
    spent = (cpu.seconds_of(postgres) - before) * 1000 / blanked
    db.engine.dispose()
    columns = (
        *(("blanked", ",d"), ("transactions", ",d"), ("median, ms", ".1f"), ("longest, ms", ".1f")),
        ("rows/s", ",.0f"),
        ("database CPU, ms/row", ".3f"),
    )
    row = [blanked, len(taken), median(taken), max(taken), blanked * 1000 / sum(taken), spent]
    return Table("prune", columns, [row], "A step's rows are locked as long as its transaction lasts; nothing else is.")
