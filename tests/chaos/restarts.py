"""G5 and G7: PostgreSQL falls and stands up, its connections are cut; workers are restarted in turn."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import make_url

from models import State
from tests.chaos.result import Result, judge
from tests.chaos.stage import set_stage
from worker.sandbox import Ledger

if TYPE_CHECKING:
    from tests.chaos.stage import Site, Stage
    from tests.processes import Process


PATIENCE = 30.0
"""Seconds in which a worker must end: half of what docs/deployment.md lets a supervisor give it."""

LASTING = {"CLAIM_MARGIN": "10", "LEASE_MARGIN": "15"}
"""A lease of 18 s. How long PostgreSQL takes to come back cannot be scaled down, so neither are leases: one that ends
while the database is away is a reason for doubt, until the answers that the worker has kept are written.
"""


def restart_postgres(site: Site, *, count: int, restarts: int) -> list[Result]:
    """G5: so many immediate restarts, and as many times all connections cut, while so many operations are sent."""
    assert site.postgres is not None, "there is no server to restart"
    pace = max(20, count // (restarts * 4))
    with set_stage(site, "g5", VITEC_REQUESTS_PER_SECOND=str(pace), **LASTING) as scene:
        scene.import_to_the_end(count)
        scene.start_worker("one").says("ready")
        scene.start_worker("two")
        scene.start_beat()
        slowest, dice, restarted = 0.0, random.Random(site.seed), 0
        while restarted < restarts and scene.count_succeeded() < count:
            time.sleep(dice.uniform(0.2, 1.5))
            _terminate_backends(scene)
            time.sleep(dice.uniform(0.2, 1.5))
            site.postgres.kill()
            site.postgres.start(deadline=60)
            slowest = max(slowest, _seconds_until_sending(scene))
            restarted += 1
        scene.wait_until_settled(seconds=count / pace + 120)
        evidence, states = scene.gather_evidence(), scene.count_states()
    problems = [] if states == {State.SUCCEEDED: count} else [f"not all has succeeded: {dict(states)}"]
    problems += [f"sending began again only after {slowest:.1f} s"] if slowest > 15 else []
    problems += [f"only {restarted} restarts before all was done"] if restarted < restarts else []
    notes = f"{restarted} restarts, connections cut {restarted} times, {pace} requests/s; the slowest counted"
    fault = "PostgreSQL restarted at once, connections cut"
    return [judge("G5", fault, evidence, problems=problems, recovered=slowest, notes=notes)]


def _terminate_backends(scene: Stage) -> None:
    url = make_url(scene.database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            (url.database,),
        )


def _seconds_until_sending(scene: Stage) -> float:
    """Measure how long it takes until the stand-in receives a request."""
    with Ledger(scene.ledger) as ledger:
        before = ledger.count()
        return scene.wait(
            lambda: ledger.count() > before or not _is_work_left(scene), seconds=60, why="nothing is sent"
        )


def _is_work_left(scene: Stage) -> bool:
    states = scene.count_states()
    return bool(states[State.PENDING] + states[State.RETRYABLE])


def restart_workers(site: Site, *, restarts: int) -> list[Result]:
    """G7: two workers, restarted in turn by SIGTERM while there is work for both."""
    pace = 30
    count = 0
    with set_stage(site, "g7", VITEC_REQUESTS_PER_SECOND=str(pace)) as scene:
        workers = [scene.start_worker(name).says("ready") for name in (("one",) if site.on_sqlite else ("one", "two"))]
        scene.start_beat()
        slowest, idle, problems = 0.0, 0, []
        for number in range(restarts):
            if scene.count_states()[State.PENDING] < 10 * pace:
                scene.import_to_the_end(12 * pace, start=count, name=f"export_{count}")
                count += 12 * pace
            idle += not _is_work_left(scene)
            status, seconds = _restart_worker(workers[number % len(workers)])
            slowest = max(slowest, seconds)
            problems += [] if status == 0 else [f"a worker ended with status {status}"]
        scene.wait_until_settled(seconds=count / pace + 60)
        evidence, states = scene.gather_evidence(), scene.count_states()
    problems += [] if states == {State.SUCCEEDED: count} else [f"not all has succeeded: {dict(states)}"]
    problems += [f"{idle} restarts without load"] if idle else []
    notes = f"a shutdown took at most {slowest:.1f} s"
    return [judge("G7", f"{restarts} rolling restarts by SIGTERM", evidence, problems=problems, notes=notes)]


def _restart_worker(worker: Process) -> tuple[int, float]:
    """Restart a worker by SIGTERM. Returns its exit status, and how long it took to end."""
    began, ready_before = time.monotonic(), worker.output.count("ready.")
    worker.terminate()
    status = worker.ends(seconds=PATIENCE)
    seconds = time.monotonic() - began
    worker.start().until(lambda: worker.output.count("ready.") > ready_before, seconds=60, why="it does not start")
    return status, seconds
