"""The comparison: all contenders do the same job, one after another, several times."""

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


def run(options: argparse.Namespace) -> int:
    """Measure, print and write the report; 3 if a contender stalled."""
    rows, rounds = options.rows or (2_000 if options.quick else 10_000), options.rounds or (1 if options.quick else 3)
    with (
        servers.postgres(durable=True) as postgres,
        servers.redis() as broker,
        race.Target(options.latency) as target,
        tempfile.TemporaryDirectory(prefix="vitec-sync-bench-") as folder,
    ):
        ground = field.Servers(backlog.make_backlog(postgres.url, target.url), broker.url)
        file = sqlite.make_backlog(Path(folder), target.url)
        # An answer that takes its time is awaited by as many threads as the worker has: 50 in all.
        threads = 25 if options.latency else 1
        contenders = choose_contenders(ground, file, threads, options.only, quick=options.quick)
        pids = {"database": postgres.pid, "broker": broker.pid}
        results = measure_rounds(contenders, target, rows, rounds, pids, broker.url)
        flush = disk.measure_flush()
    lines = report.summarize(contenders, results)
    about = table.describe_circumstances(
        rows=rows,
        rounds=rounds,
        **{"latency of the API, s": options.latency},
        processes=field.PROCESSES,
        **{"flush of this disk, ms": f"{flush:.2f}"},
        pace="off",
    )
    report.write_report(options.out, lines, about)
    print(report.as_markdown(lines, about))
    return 0 if len(lines) == len(contenders) else 3


def choose_contenders(
    ground: field.Servers, file: sqlite.SqliteBacklog, threads: int, only: Sequence[str] | None, *, quick: bool
) -> list[Contender]:
    """Choose the contenders to measure; `bare` is always among them."""
    contenders = [*field.limit_contenders(threads), *field.our_contenders(ground), *field.sqlite_contenders(file)]
    if only is None:
        return contenders if quick else [*contenders, *field.other_contenders(ground)]
    names = {"bare", *only}
    if names - {contender.name for contender in contenders}:
        contenders += field.other_contenders(ground)
    return [contender for contender in contenders if contender.name in names]


def measure_rounds(
    contenders: Sequence[Contender],
    target: race.Target,
    rows: int,
    rounds: int,
    pids: Mapping[str, int],
    broker_url: str,
) -> dict[str, list[Result]]:
    """Measure each contender once a round, so that they share the machine's other load. A stalled one is reported and left out."""
    results: dict[str, list[Result]] = defaultdict(list)
    for number in range(rounds):
        for contender in contenders:
            with redis.Redis.from_url(broker_url) as client:
                client.flushall()
            count = max(200, int(rows * contender.share))
            command = [part.format(count=count) for part in contender.command]
            try:
                result = race.measure(dataclasses.replace(contender, command=command), target, count, pids)
            except (race.Stalled, subprocess.CalledProcessError) as stalled:
                print(f"round {number + 1}: {stalled}", file=sys.stderr)
                continue
            results[contender.name].append(result)
            print(f"round {number + 1}: {contender.title}: {result.rate:,.0f}/s", file=sys.stderr)
    return results
