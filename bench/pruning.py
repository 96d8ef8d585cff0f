"""Blanking old payloads: the time that one step holds its rows, and the speed of a drain beside it. `bench --prune`."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from bench import backlog, cpu, disk, field, race
from bench.table import Table, describe_circumstances, publish
from tests import servers
from worker.outbox import Database, connect
from worker.outbox.upkeep.prune import STEP, blank_content

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bench.backlog import Backlog
    from bench.race import Contender, Result

COUNT = 5_000
OLD = 10 * 86_400.0
"""Seconds. All rows were finished at least 20 days ago."""


def run(options: argparse.Namespace) -> int:
    """Drain with and without blanking in turn, then blank the rest step by step, and publish both tables."""
    rows = options.rows or (20_000 if options.quick else 200_000)
    rounds = options.rounds or (1 if options.quick else 3)
    disk.require_space(rows * 4_000)
    with servers.postgres(durable=True) as postgres, race.Target(options.latency) as target:
        place = backlog.make_backlog(postgres.url, target.url)
        place.fill(0, finished=rows)
        alone, with_pruning = _measure_drains(place, target, postgres.pid, rounds, rows)
        place.fill(0, finished=rows)
        steps = _measure_steps(place, postgres.pid)
    about = describe_circumstances(rows=rows, rounds=rounds, **{"rows of a step": STEP})
    publish(_make_drain_table(alone, with_pruning), about, options.out)
    publish(steps, about, options.out)
    return 0


def _measure_drains(
    place: Backlog, target: race.Target, postgres: int, rounds: int, rows: int
) -> tuple[list[Result], list[Result]]:
    turns = _turns_contender(place)
    alone, with_pruning = [], []
    for number in range(rounds):
        print(f"round {number + 1} …", file=sys.stderr)
        alone.append(race.measure(turns, target, COUNT, {"database": postgres}))
        with _pruning_beside(place.url):
            with_pruning.append(race.measure(turns, target, COUNT, {"database": postgres}))
        place.fill(0, finished=rows)
    return alone, with_pruning


def _turns_contender(place: Backlog) -> Contender:
    turns = next(
        contender
        for contender in field.our_contenders(field.Servers(place, "redis://127.0.0.1:9"))
        if contender.name == "turns"
    )
    return replace(turns, prepare=place.add_rows)


@contextlib.contextmanager
def _pruning_beside(url: str) -> Iterator[None]:
    """Let a process blank old payloads during the block."""
    process = multiprocessing.get_context("fork").Process(target=_prune_for_ever, args=(url,))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _prune_for_ever(url: str) -> None:
    db = Database(connect(url))
    while True:
        if not blank_content(db, OLD):
            time.sleep(0.1)


def _make_drain_table(alone: Sequence[Result], with_pruning: Sequence[Result]) -> Table:
    columns = (("drain", ""), ("ops/s", ",.0f"), ("of the one alone", ".2f"), ("CPU of the drain, ms/op", ".3f"))
    rows = [
        _make_drain_row("alone", alone, alone),
        _make_drain_row("while old payloads are blanked", with_pruning, alone),
    ]
    return Table("prune_drain", columns, rows)


def _make_drain_row(title: str, own: Sequence[Result], alone: Sequence[Result]) -> list[str | float]:
    ratio = median(result.rate / alone_result.rate for result, alone_result in zip(own, alone, strict=True))
    return [title, median(result.rate for result in own), ratio, median(result.cpu["client"] for result in own)]


def _measure_steps(place: Backlog, postgres: int) -> Table:
    db, taken, blanked = Database(connect(place.url)), [], 0
    before = cpu.cpu_seconds(postgres)
    while True:
        began = time.perf_counter()
        count = blank_content(db, OLD, steps=1)
        if not count:
            break
        taken.append((time.perf_counter() - began) * 1000)
        blanked += count
    spent = (cpu.cpu_seconds(postgres) - before) * 1000 / blanked
    db.engine.dispose()
    columns = (
        *(("blanked", ",d"), ("transactions", ",d"), ("median, ms", ".1f"), ("longest, ms", ".1f")),
        ("rows/s", ",.0f"),
        ("database CPU, ms/row", ".3f"),
    )
    row = [blanked, len(taken), median(taken), max(taken), blanked * 1000 / sum(taken), spent]
    return Table("prune", columns, [row], "A step's rows are locked as long as its transaction lasts; nothing else is.")
