"""G1: workers are killed every two seconds while Vitec fails in every way it can. And G2's sample in real workers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from models import Operation
from tests.chaos import arming
from tests.chaos.checker import count_repeated
from tests.chaos.meaning import MEANINGS
from tests.chaos.points import DONE_TO_IT
from tests.chaos.result import Result, judge
from tests.chaos.stage import SCALED, TLS, set_stage
from tests.processes import Late
from worker.failpoints import POINTS
from worker.sandbox import CONNECTION_FAULTS, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.stage import Site, Stage
    from tests.processes import Process

RATE = 0.10
"""The part of all requests that meet a fault."""

LONGEST = 2700.0
"""Seconds after which the killing ends, however much is left: then the run has failed."""

SIDE_BY_SIDE = 3
"""Celery workers that are hit at the same time, each on a stage of its own. They mostly wait for a lease to end."""

LEFT_OUT = {Fault.THROTTLED_HUGE}
"""An hour's rest, as for an endless Retry-After, is no setting."""


def mix_faults(rate: float = RATE) -> list[dict[str, Any]]:
    """Make rules by which this part of all requests meets a fault, each fault as often as another."""
    faults = [fault for fault in MEANINGS if fault not in LEFT_OUT]
    at_requests = [fault for fault in faults if fault not in CONNECTION_FAULTS]
    rules: list[dict[str, Any]] = [{"fault": fault, "probability": rate / len(at_requests)} for fault in at_requests]
    rules += [
        {"fault": fault, "probability": rate / len(at_requests), "seconds": 0.5}
        for fault in faults
        if fault in CONNECTION_FAULTS
    ]
    return rules


NOT_STARTED = "Could not start worker processes"
"""The message with which Celery ends when a child has died before it was ready."""


def run(site: Site, count: int, every: float = 2.0) -> list[Result]:
    """G1: send so many operations, until each has been tried under kills and faults; then both end."""
    dice = random.Random(site.seed)
    with set_stage(site, "g1", VITEC_CA_BUNDLE=str(TLS / "authority.pem")) as scene:
        scene.import_to_the_end(count)
        scene.set_faults(mix_faults())
        workers = [scene.start_worker(name) for name in ("one", "two")]
        scene.start_beat()
        began = time.monotonic()
        kills, ended = _kill_while_there_is_work(scene, workers, dice, began, every)
        never_tried, lasted = count_untried(scene), time.monotonic() - began
        scene.set_faults([])
        recovered = scene.wait_until_settled(seconds=120)
        evidence = scene.gather_evidence()
    problems = [] if recovered <= 60 else [f"it took {recovered:.0f} s until everything was final or a person's"]
    problems += [f"{never_tried} operations were not tried in {lasted:.0f} s of killing"] if never_tried else []
    notes = f"{kills} kills and {RATE:.0%} faults in {lasted:.0f} s"
    notes += f"; {count_repeated(evidence)} harmless ones carried out again"
    notes += f"; {ended} times a worker whose child was killed as it started had ended" if ended else ""
    return [
        judge(
            "G1",
            "kill -9 every 2 s, faults of all sorts",
            evidence,
            problems=problems,
            recovered=recovered,
            notes=notes,
        )
    ]


def _kill_while_there_is_work(
    scene: Stage, workers: Sequence[Process], dice: random.Random, began: float, every: float
) -> tuple[int, int]:
    """Kill at random. Returns how often a process was killed, and how often a worker had ended by itself."""
    kills = ended = 0
    while count_untried(scene) and time.monotonic() - began < LONGEST:
        time.sleep(max(0.0, began + (kills + 1) * every - time.monotonic()))
        for worker in workers:
            # A worker ends by itself if its child dies while it starts: start it again, as a supervisor would.
            if not worker.alive:
                if NOT_STARTED not in worker.output[-2000:]:
                    raise Late(worker.told("it has ended by itself"))
                worker.start()
                ended += 1
        kill_something(scene, dice.choice(workers), whole=dice.random() < 0.25, dice=dice)
        kills += 1
    return kills, ended


def count_untried(scene: Stage) -> int:
    """Count the operations that have never been claimed, and have not ended without it."""
    with scene.db.read() as connection:
        never = (
            select(func.count()).select_from(Operation).where(Operation.attempt == 0, Operation.finalized_at.is_(None))
        )
        return connection.execute(never).scalar_one()


def kill_something(scene: Stage, worker: Process, *, whole: bool, dice: random.Random) -> None:
    """Kill one child, which the worker replaces, or the whole worker, which is started again."""
    children = sorted(pid for pid, parent, _ in list_processes() if parent == worker.pid)
    if whole:
        worker.kill()
    elif children:
        children = [dice.choice(children)]
        with suppress(ProcessLookupError):
            os.kill(children[0], signal.SIGKILL)
    # The last statements of the dead process reach the database first.
    time.sleep(0.1)
    scene.in_flight_at_kills += scene.count_in_flight(set(children))
    if whole:
        worker.start()


def list_processes() -> list[tuple[int, int, str]]:
    """List process id, parent and state of every process on this machine."""
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    return [(int(pid), int(parent), state) for pid, parent, state in map(str.split, listing.splitlines())]


def run_sample(site: Site, points: Sequence[tuple[str, str]]) -> list[Result]:
    """G2 through Celery: a child meets its fate at a point, another worker takes over."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        return list(threads.map(partial(_hit_at_point, site), range(len(points)), points))


EVERY_POINT = tuple((point, act) for point in POINTS for act in ("kill", "freeze"))


def _hit_at_point(site: Site, number: int, hit_at: tuple[str, str]) -> Result:
    point, act = hit_at
    with set_stage(site, f"g2_celery_{number}") as scene:
        scene.import_to_the_end(40, customers=2)
        plan = {arming.ENVIRONMENT_VARIABLE: f"{point}={act}@4"}
        hit = scene.start_worker("hit", "--concurrency", "1", "--include", arming.MODULE, **plan)
        problems = _wait_until_hit(scene, hit, act)
        hit.kill()
        scene.start_worker("well")
        scene.start_beat()
        recovered = scene.wait_until_settled(seconds=60)
        evidence = scene.gather_evidence(doubt=False)
    fault, column = point.replace("_", " "), f"Celery child {DONE_TO_IT[act]}"
    return judge("G2", fault, evidence, problems=problems, recovered=recovered, column=column)


def _wait_until_hit(scene: Stage, hit: Process, act: str) -> list[str]:
    if act == "kill":
        hit.says("SIGKILL", seconds=90)
        return []

    def still() -> list[int]:
        return [pid for pid, parent, state in list_processes() if parent == hit.pid and state.startswith("T")]

    scene.wait(still, seconds=90, why="no child stopped")
    (pid,) = still()
    # The stopped process does not renew its lease meanwhile.
    time.sleep(float(SCALED["VITEC_TIMEOUT"]) + float(SCALED["LEASE_MARGIN"]) + 0.5)
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.5)
    return []
