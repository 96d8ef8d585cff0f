"""Divides the CPU time of an operation into parts, by thread clocks inside processes that serve turns. `bench --parts`."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import backlog, cpu, field, race, turns
from bench.table import Table, describe_circumstances, publish
from run import clean_environment
from tests import servers
from worker import bootstrap
from worker.delivery import turn
from worker.delivery.dead_mans_switch import restore_default_sigalrm
from worker.outbox.exchange import rescue
from worker.outbox.lanes import turns as lane_turns

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

PROCESSES = int(field.PROCESSES)
AROUND = "taking a turn, giving it back"
EXCHANGE = "exchange: SQLAlchemy and the outbox"
DRIVER = "the database's driver, psycopg"
LOOP = "the turn's own loop"
SENDING = "the threads that send"

SecondsByPart = defaultdict[str, float]
"""Seconds of CPU by part."""


def run(options: argparse.Namespace) -> int:
    """Drain several times and publish the parts' medians."""
    rows, rounds = options.rows or (2_000 if options.quick else 10_000), options.rounds or (1 if options.quick else 3)
    with servers.postgres(durable=True) as postgres, race.Target(options.latency) as target:
        place = backlog.make_backlog(postgres.url, target.url)
        os.environ.update(clean_environment(dict(os.environ)) | field.worker_settings(place.url, "redis://127.0.0.1:9"))
        os.environ["VITEC_BASE_URL"] = target.url
        rounds_spent = [_measure_round(place, target, postgres.pid, rows) for _ in range(rounds)]
        alone = [_measure_alone(target, rows) for _ in range(rounds)]
    parts = {part: median(spent[part] for spent in rounds_spent) * 1e6 / rows for part in rounds_spent[0]}
    whole = sum(parts.values())
    lines: list[list[Any]] = [[part, spent, spent / whole] for part, spent in parts.items()]
    lines += [["all together", whole, 1.0], ["beside it: sending in a plain loop", median(alone), None]]
    columns = (("part", ""), ("µs/op", ".0f"), ("share", ".0%"))
    about = describe_circumstances(rows=rows, rounds=rounds, processes=PROCESSES, **{"in flight": 50})
    publish(Table("parts", columns, lines), about, options.out)
    return 0


def _measure_round(place: backlog.Backlog, target: race.Target, postgres: int, rows: int) -> SecondsByPart:
    place.fill(rows)
    before = cpu.cpu_seconds(postgres), cpu.cpu_seconds(target.pid)
    fork, pipes = multiprocessing.get_context("fork"), []
    for _ in range(PROCESSES):
        our_end, their_end = fork.Pipe(duplex=False)
        fork.Process(target=_serve_all, args=(their_end,)).start()
        pipes.append(our_end)
    spent = SecondsByPart(float)
    for pipe in pipes:
        for part, seconds in pipe.recv().items():
            spent[part] += seconds
    spent["PostgreSQL"] = cpu.cpu_seconds(postgres) - before[0]
    spent["the server that is sent to"] = cpu.cpu_seconds(target.pid) - before[1]
    assert not place.count_unfinished("operations")
    return spent


def _serve_all(pipe: Connection) -> None:
    """Serve turns as a worker's child, until no lane is due."""
    restore_default_sigalrm()
    spent = SecondsByPart(float)
    watch_parts(spent)
    whole, main = time.process_time(), time.thread_time()
    while turns.serve_once().customer_id is not None:
        pass
    whole, main = time.process_time() - whole, time.thread_time() - main
    spent[LOOP] = main - sum(spent.values())
    spent[SENDING] = whole - main
    pipe.send(dict(spent))


def watch_parts(spent: SecondsByPart) -> None:
    """Let the parts of the main thread note their CPU time: a part that runs inside another counts only once."""
    inside: list[float] = []

    def noting(part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            began = time.thread_time()
            inside.append(0.0)
            try:
                return work(*args, **options)
            finally:
                took = time.thread_time() - began
                spent[part] += took - inside.pop()
                if inside:
                    inside[-1] += took

        return noted

    for module, name, part in _watched_functions():
        setattr(module, name, noting(part, getattr(module, name)))
    dialect = bootstrap.database().engine.dialect
    for name in ("do_execute", "do_execute_no_params", "do_commit", "do_rollback", "do_ping"):
        setattr(dialect, name, noting(DRIVER, getattr(dialect, name)))


def _watched_functions() -> Iterator[tuple[Any, str, str]]:
    yield turn, "exchange", EXCHANGE
    yield rescue, "settle_leftovers", AROUND
    for name in ("take_turn", "end_turn", "any_lane_is_due", "has_claimable"):
        yield lane_turns, name, AROUND


def _measure_alone(target: race.Target, rows: int) -> float:
    limit = next(contender for contender in field.limit_contenders() if contender.name == "client")
    command = [part.format(count=rows) for part in limit.command]
    result = race.measure(race.Contender(limit.name, command, limit.title), target, rows, {})
    return result.cpu["client"] * 1000
