"""The contenders: the limits, the worker as it ships, the usual Celery app, and the best of its peers."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bench.backlog import driver_url
from bench.race import Contender
from run import ROOT
from worker.outbox import Database, connect
from worker.outbox.lanes import turns
from worker.rings import publisher, ring
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench import sqlite
    from bench.backlog import Backlog

PROCESSES = "2"
PEERS = ROOT / "bench" / ".venv"
_LOCK = ROOT / "bench" / "requirements.lock"


@dataclass(frozen=True, slots=True)
class Servers:
    """The database and the broker that all contenders use."""

    backlog: Backlog
    broker_url: str


def prepare_peers() -> Path:
    """Make the peers' own environment at its first use, from their own lock; return its interpreter."""
    python = PEERS / "bin" / "python"
    mark = PEERS / ".installed"
    if not mark.exists() or mark.read_text(encoding="utf-8") != _LOCK.read_text(encoding="utf-8"):
        venv.create(PEERS, clear=True, symlinks=True, with_pip=True)
        options = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--disable-pip-version-check"]
        subprocess.run([str(python), "-m", "pip", "install", *options, "-r", str(_LOCK)], check=True)
        mark.write_text(_LOCK.read_text(encoding="utf-8"), encoding="utf-8")
    return python


def limit_contenders(threads: int = 1) -> list[Contender]:
    """List the ways of sending alone, in as many processes, with so many threads each."""
    titles = {
        "bare": "bare Session.post(json=) in a loop",
        "without_environment": "the same, trust_env off",
        "prepared": "prepared request + HTTPAdapter.send",
        "client": "the worker's own send path, no queue, no database",
    }
    return [
        Contender(name, [sys.executable, "-m", "bench.limits", name, PROCESSES, str(threads), "{count}"], title)
        for name, title in titles.items()
    ]


def worker_settings(database_url: str, broker_url: str, in_flight: int = 50) -> dict[str, str]:
    """Make the worker's settings: without a rate limit, so that the work itself is measured."""
    return {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "VITEC_USERNAME": "bench",
        "VITEC_PASSWORD": "bench-1",
        "VITEC_REQUESTS_PER_SECOND": "0",
        "VITEC_IN_FLIGHT": str(in_flight),
    }


def celery_command(command: str, *options: str) -> list[str]:
    """Make the command `celery -A worker …` as it is started in production."""
    return [sys.executable, "-m", "celery", "-A", "worker", command, *options, "-l", "WARNING"]


def our_contenders(ground: Servers) -> list[Contender]:
    """List the worker: its turns alone, also with slower commits, and as it ships under Celery."""
    fill, unfinished = ground.backlog.fill, partial(ground.backlog.count_unfinished, "operations")
    hundred, fifty, five = (worker_settings(ground.backlog.url, ground.broker_url, count) for count in (100, 50, 5))
    slow, one_lane = {**fifty, "BENCH_FLUSH": "0.001"}, replace(ground.backlog, lanes=1)
    turns, worker = [sys.executable, "-m", "bench.turns", PROCESSES], celery_command("worker", "-c", PROCESSES)
    dispatch = make_dispatcher(ground)
    return [
        Contender("turns", turns, "turns, 50 in flight", fifty, fill, unfinished),
        # 50 for each process, as the figures were that the aims come from.
        Contender("turns_100", turns, "turns, 100 in flight", hundred, fill, unfinished),
        # One turn at a time: the second process finds nothing due.
        Contender("turns_1_lane", turns, "turns, 50 in flight, one single lane", fifty, one_lane.fill, unfinished),
        Contender("turns_flush", turns, "turns, each commit 1 ms longer", slow, fill, unfinished),
        Contender("worker", worker, "worker, 50 in flight", fifty, fill, unfinished, dispatch),
        # Exchanges of at most five rows: slower, so a smaller share is as steady.
        Contender("worker_5", worker, "worker, 5 in flight", five, fill, unfinished, dispatch, share=0.3),
    ]


def make_dispatcher(ground: Servers) -> Callable[[], None]:
    """Make a function that dispatches as beat does, without waiting for beat."""
    db, app = Database(connect(ground.backlog.url)), publisher(Settings(broker_url=SecretStr(ground.broker_url)))

    def dispatch() -> None:
        ring(app, [kind for kind, count in turns.due_kinds(db).items() for _ in range(min(count, 8))])

    return dispatch


def sqlite_contenders(place: sqlite.SqliteBacklog) -> list[Contender]:
    """List turns with an SQLite file, in one process and in two."""
    settings = worker_settings(place.url, "")
    return [
        Contender(
            f"turns_sqlite_{count}",
            [sys.executable, "-m", "bench.turns", str(count)],
            f"turns, 50 in flight, SQLite, {count} process{'es' * (count > 1)}",
            settings,
            place.fill,
            place.count_unfinished,
        )
        for count in (1, 2)
    ]


def other_contenders(ground: Servers) -> list[Contender]:
    """List the usual Celery app and the peers, each in the pool that suits it, with a small share of the rows."""
    python = str(prepare_peers())
    environment = {
        "JOBS_URL": driver_url(ground.backlog.url),
        "BROKER_URL": ground.broker_url,
        "PYTHONPATH": str(ROOT),
    }

    def enqueue(module: str, target: Mapping[str, str]) -> Callable[[int], None]:
        def prepare(count: int) -> None:
            ground.backlog.fill_jobs(count)
            command = [python, "-m", "bench.peers.enqueueing", module]
            subprocess.run(command, cwd=ROOT, env={**environment, **target, "PATH": ""}, check=True)

        return prepare

    def contender(name: str, module: str, title: str, *command: str) -> Contender:
        prepare = enqueue(module, {"VITEC_BASE_URL": "http://127.0.0.1:9"})
        unfinished = partial(ground.backlog.count_unfinished, "jobs")
        return Contender(name, [python, "-m", *command], title, environment, prepare, unfinished, share=0.1)

    usual = ("celery", "-A", "bench.peers.usual_celery", "worker", "-l", "ERROR")
    return [
        contender("celery_2", "usual_celery", "usual Celery app, prefork 2", *usual, "-P", "prefork", "-c", "2"),
        contender("celery_8", "usual_celery", "usual Celery app, prefork 8", *usual, "-P", "prefork", "-c", "8"),
        contender("celery_t", "usual_celery", "usual Celery app, threads 16", *usual, "-P", "threads", "-c", "16"),
        contender("huey", "with_huey", "huey, threads 8", "huey.bin.huey_consumer", "bench.peers.with_huey.huey", "-w", "8", "-k", "thread"),
        contender("dramatiq", "with_dramatiq", "dramatiq, 2 × 8 threads", "dramatiq", "bench.peers.with_dramatiq", "-p", "2", "-t", "8"),
        contender("rq", "with_rq", "rq, 2 simple workers", "bench.peers.with_rq", PROCESSES),
        contender("procrastinate", "with_procrastinate", "procrastinate, 2 × 8 at once", "bench.peers.with_procrastinate", PROCESSES),
        contender("pgqueuer", "with_pgqueuer", "pgqueuer, 2 × 8 threads", "bench.peers.with_pgqueuer", PROCESSES),
    ]  # fmt: skip
