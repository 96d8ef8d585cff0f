"""`python3 run.py bench [--quick] [--only NAME …]`: everybody does the same job, one after another, several times."""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from bench import backlog, carrying, fairness, field, growth, race, report
from run import ROOT
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.race import Contender, Result


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python3 run.py bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 rows, one round, without the others")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these only; `bare` is always measured")
    parser.add_argument("--rows", type=int, help="10,000 by default")
    parser.add_argument("--rounds", type=int, help="3 by default")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds the server waits before each answer")
    parser.add_argument("--growth", action="store_true", help="cost of claim and settle as the table grows, instead")
    parser.add_argument("--fairness", action="store_true", help="how long small customers wait (simulated), instead")
    parser.add_argument("--carrying", action="store_true", help="what an operation costs PostgreSQL and Redis, instead")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "bench", help="where the report goes")
    return parser.parse_args()


def main() -> int:
    """Measure, print and write the report."""
    chosen = arguments()
    if chosen.growth:
        return grown(chosen.rows or (100_000 if chosen.quick else 1_000_000))
    if chosen.fairness:
        return fairness.main(small=100 if chosen.quick else 1_000)
    if chosen.carrying:
        return carrying.main(chosen.rows or 4_000)
    rows, rounds = chosen.rows or (2_000 if chosen.quick else 10_000), chosen.rounds or (1 if chosen.quick else 3)
    with (
        servers.postgres(durable=True) as postgres,
        servers.redis() as broker,
        race.Target(chosen.latency) as target,
    ):
        ground = field.Ground(backlog.make(postgres.url, target.url), broker.url)
        contenders = chosen_of(ground, chosen.only, quick=chosen.quick)
        pids = {"database": postgres.pid, "broker": broker.pid}
        results = measured(contenders, target, rows, rounds, pids, broker.url)
    found = report.lines(contenders, results)
    about = {
        "rows": rows,
        "rounds": rounds,
        "latency of the API, s": chosen.latency,
        "processes": field.PROCESSES,
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        "load at the end": f"{os.getloadavg()[0]:.1f}",
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "command": " ".join(["python3 run.py bench", *sys.argv[1:]]),
        "pace": "off",
    }
    report.write(chosen.out, found, about)
    print(report.text(found, about))
    return 0 if len(found) == len(contenders) else 3


def grown(rows: int) -> int:
    """Measure the cost of claim and settle as the table grows to `rows`."""
    with servers.postgres(durable=True) as postgres:
        ground = backlog.make(postgres.url, "http://127.0.0.1:9")
        growth.tell(growth.measured(ground.url, postgres.pid, rows=rows, count=max(5_000, rows // 50)))
    return 0


def chosen_of(ground: field.Ground, only: Sequence[str] | None, *, quick: bool) -> list[Contender]:
    """Who is measured."""
    mine = [*field.limits(), *field.ours(ground)]
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
            except race.Stalled as stalled:
                print(f"round {number + 1}: {stalled}", file=sys.stderr)
                continue
            results[one.name].append(result)
            print(f"round {number + 1}: {one.title}: {result.rate:,.0f}/s", file=sys.stderr)
    return results


if __name__ == "__main__":
    sys.exit(main())
