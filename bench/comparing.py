"""The comparison: everybody does the same job, one after another, several times."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from bench import backlog, disk, field, race, report, sqlite, table
from tests import servers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from bench.race import Contender, Result


def run(chosen: argparse.Namespace) -> int:
    """Measure, print and write the report; 3 if somebody stalled."""
    rows, rounds = chosen.rows or (2_000 if chosen.quick else 10_000), chosen.rounds or (1 if chosen.quick else 3)
    with (
        servers.postgres(durable=True) as postgres,
        servers.redis() as broker,
        race.Target(chosen.latency) as target,
        tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as folder,
    ):
        ground = field.Ground(backlog.make(postgres.url, target.url), broker.url)
        file = sqlite.make(Path(folder), target.url)
        # An answer that takes its time is awaited by as many threads as the worker has: 50 in all.
        threads = 25 if chosen.latency else 1
        contenders = chosen_of(ground, file, threads, chosen.only, quick=chosen.quick)
        pids = {"database": postgres.pid, "broker": broker.pid}
        results = measured(contenders, target, rows, rounds, pids, broker.url)
        flush = disk.flush()
    found = report.lines(contenders, results)
    about = table.circumstances(
        rows=rows,
        rounds=rounds,
        **{"latency of the API, s": chosen.latency},
        processes=field.PROCESSES,
        **{"flush of this disk, ms": f"{flush:.2f}"},
        pace="off",
    )
    report.write(chosen.out, found, about)
    print(report.text(found, about))
    return 0 if len(found) == len(contenders) else 3


def chosen_of(
    ground: field.Ground, file: sqlite.Backlog, threads: int, only: Sequence[str] | None, *, quick: bool
) -> list[Contender]:
    """Who is measured."""
    mine = [*field.limits(threads), *field.ours(ground), *field.on_sqlite(file)]
    if only is None:
        return mine if quick else [*mine, *field.others(ground)]
    wanted = {"bare", *only}
    names = {one.name for one in mine}
    return [one for one in [*mine, *(field.others(ground) if wanted - names else [])] if one.name in wanted]


def measured(
    contenders: Sequence[Contender],
    target: race.Target,
    rows: int,
    rounds: int,
    pids: Mapping[str, int],
    broker_url: str,
) -> dict[str, list[Result]]:
    """Everybody once a round, so that whatever else the machine does is shared. Who stalls is said and left out."""
    results: dict[str, list[Result]] = defaultdict(list)
    for number in range(rounds):
        for one in contenders:
            with redis.Redis.from_url(broker_url) as client:
                client.flushall()
            count = max(200, int(rows * one.share))
            command = [part.format(count=count) for part in one.command]
            try:
                result = race.measure(dataclasses.replace(one, command=command), target, count, pids)
            except (race.Stalled, subprocess.CalledProcessError) as stalled:
                print(f"round {number + 1}: {stalled}", file=sys.stderr)
                continue
            results[one.name].append(result)
            print(f"round {number + 1}: {one.title}: {result.rate:,.0f}/s", file=sys.stderr)
    return results
