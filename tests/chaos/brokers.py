"""G4 and G6: the broker forgets, goes away and comes back; beat is dead or doubled; the queue is full of rubbish."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from models import State
from tests.chaos.result import Result, judge
from tests.chaos.stage import set_stage
from tests.running.test_messages import envelope, forgeries
from worker import rings

if TYPE_CHECKING:
    from tests.chaos.stage import Site, Stage

PACE = 40


def run(site: Site, *, count: int, every: float, outage: float) -> list[Result]:
    """G4: FLUSHALL under load, Redis away, away for hours, restarted, and refusing what is written."""
    return [
        _flush_redis(site, count, every),
        _stop_redis(site, outage),
        _stay_away(site),
        _restart_redis(site, count),
        *(_refuse_writes(site, fault, *commands) for fault, commands in REFUSALS.items()),
    ]


REFUSALS = {
    "Redis full, noeviction": ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
    "Redis a read-only replica": ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    "Redis without the right to write": ("ACL SETUSER default -@write", "ACL SETUSER default +@all"),
}
"""Faults, each with the command that begins it and the one that ends it."""

HURRY = 600
"""By how much faster the tries to connect follow each other than a worker's own."""

AWAY = 2 * 3600
"""Seconds of the long outage, by the clock of the hurried processes."""


def _refuse_writes(site: Site, fault: str, refuse: str, accept: str) -> Result:
    """Let Redis refuse all writes under load, for longer than all that is imported takes, then take them again."""
    with set_stage(site, f"g4_{fault.rsplit(maxsplit=1)[-1]}") as scene, scene.connect_to_broker() as broker:
        running = scene.start_worker("one").says("ready")
        beat = scene.start_beat()
        scene.import_to_the_end(50)
        broker.execute_command(*refuse.split())
        try:
            scene.import_to_the_end(100, start=50, name="refused")
            took = scene.wait(lambda: scene.count_succeeded() == 150, seconds=90, why="work stands still")
        finally:
            broker.execute_command(*accept.split())
        running.says("the broker can be used again", seconds=60)
        scene.import_to_the_end(50, start=150, name="later")
        recovered = scene.wait(lambda: scene.count_succeeded() == 200, seconds=90, why="nothing moves")
        problems, evidence = _unfinished(scene, 200), scene.gather_evidence()
        problems += [] if running.alive and beat.alive else ["a process has ended"]
    lines = running.output.count("the broker cannot be used")
    problems += [] if lines == 1 else [f"logged {lines} times"]
    notes = f"100 rows sent meanwhile, within {took:.1f} s"
    return judge("G4", fault, evidence, problems=problems, recovered=recovered, notes=notes)


def _stay_away(site: Site) -> Result:
    """Take Redis away for two hours, as the processes' tries to connect count them; work goes on all the time."""
    with set_stage(site, "g4_hours") as scene:
        processes = [scene.start_hurried(role, HURRY) for role in ("worker", "beat")]
        scene.import_to_the_end(50)
        scene.wait(lambda: scene.count_succeeded() == 50, seconds=60, why="nothing was sent")
        site.broker.kill()
        try:
            gone = time.monotonic()
            scene.import_to_the_end(50, start=50, name="while_away")
            took = scene.wait(lambda: scene.count_succeeded() == 100, seconds=90, why="work stands still")
            time.sleep(max(0.0, gone + AWAY / HURRY - time.monotonic()))
        finally:
            site.broker.start()
        processes[0].says("the broker can be used again", seconds=60)
        scene.import_to_the_end(50, start=100, name="later")
        recovered = scene.wait(lambda: scene.count_succeeded() == 150, seconds=90, why="nothing moves")
        problems, evidence = _unfinished(scene, 150), scene.gather_evidence()
        problems += [f"{process.name} has ended" for process in processes if not process.alive]
    fault = f"Redis away for two hours, {HURRY} times as fast"
    notes = f"50 rows sent meanwhile, within {took:.1f} s"
    return judge("G4", fault, evidence, problems=problems, recovered=recovered, notes=notes)


def _flush_redis(site: Site, count: int, every: float) -> Result:
    with (
        set_stage(site, "g4_flush", VITEC_REQUESTS_PER_SECOND=str(PACE)) as scene,
        scene.connect_to_broker() as broker,
    ):
        scene.start_worker("one").says("ready")
        scene.start_beat()
        running = scene.start_import(count)
        began, flushes = time.monotonic(), 0
        while scene.count_succeeded() < count and time.monotonic() - began < count / PACE + 120:
            time.sleep(0.2)
            if time.monotonic() - began > (flushes + 1) * every:
                broker.flushall()
                flushes += 1
        added = time.monotonic() - began - count / PACE
        problems = _unfinished(scene, count) + ([] if running.ends() == 0 else ["the import failed"])
        evidence = scene.gather_evidence()
    if added > 20:
        problems.append(f"the work took {added:.0f} s longer than its pace")
    notes = f"{flushes} times; {added:.1f} s longer than the pace of {PACE}/s alone"
    return judge("G4", f"FLUSHALL every {every:g} s", evidence, problems=problems, notes=notes)


def _stop_redis(site: Site, outage: float) -> Result:
    with set_stage(site, "g4_away") as scene:
        scene.start_worker("one").says("ready")
        scene.start_beat()
        scene.import_to_the_end(50)
        scene.wait(lambda: scene.count_succeeded() == 50, seconds=60, why="nothing was sent")
        site.broker.kill()
        try:
            gone = time.monotonic()
            took = scene.import_to_the_end(100, start=50, name="while_away")
            time.sleep(max(0.0, gone + outage - time.monotonic()))
        finally:
            site.broker.start()
        back = time.monotonic()
        scene.wait(lambda: scene.count_succeeded() > 50, seconds=90, why="nothing moves")
        recovered = time.monotonic() - back
        scene.wait(lambda: scene.count_succeeded() == 150, seconds=90, why="not all was sent")
        problems, evidence = _unfinished(scene, 150), scene.gather_evidence()
    if recovered > 60:
        problems.append(f"work moved again only {recovered:.0f} s after its return")
    notes = f"an import meanwhile took {took:.1f} s and failed at nothing"
    return judge("G4", f"Redis away for {outage:.0f} s", evidence, problems=problems, recovered=recovered, notes=notes)


def _restart_redis(site: Site, count: int) -> Result:
    with set_stage(site, "g4_restart", VITEC_REQUESTS_PER_SECOND=str(PACE)) as scene:
        scene.start_worker("one").says("ready")
        scene.start_beat()
        scene.import_to_the_end(count)
        slowest, restarts = 0.0, 0
        while scene.count_succeeded() < count * 0.7 and restarts < 10:
            site.broker.kill()
            site.broker.start()
            restarts, before, back = restarts + 1, scene.count_succeeded(), time.monotonic()
            scene.wait(lambda before=before: scene.count_succeeded() > before, seconds=90, why="nothing moves")  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - back)
            time.sleep(3)
        scene.wait(lambda: scene.count_succeeded() == count, seconds=count / PACE + 90, why="not all was sent")
        problems, evidence = _unfinished(scene, count), scene.gather_evidence()
    if slowest > 60:
        problems.append(f"work moved again only {slowest:.0f} s after a restart")
    notes = f"{restarts} times, the slowest counted"
    return judge("G4", "Redis restarted, empty", evidence, problems=problems, recovered=slowest, notes=notes)


def messages(site: Site, count: int) -> list[Result]:
    """G6: beat dead, then two beats and a queue full of doubled and forged messages."""
    return [_work_without_beat(site, count), _forge_messages(site, count)]


def _work_without_beat(site: Site, count: int) -> Result:
    with set_stage(site, "g6_no_beat") as scene, scene.connect_to_broker() as broker:
        scene.import_to_the_end(count)
        broker.flushall()
        scene.start_worker("one").says("ready")
        added = scene.wait(lambda: scene.count_succeeded() == count, seconds=120, why="work does not move")
        problems, evidence = _unfinished(scene, count), scene.gather_evidence()
    if added > 60:
        problems.append(f"without beat it took {added:.0f} s")
    return judge("G6", "beat dead, rings lost", evidence, problems=problems, recovered=added)


def _forge_messages(site: Site, count: int) -> Result:
    with set_stage(site, "g6_rubbish") as scene, scene.connect_to_broker() as broker:
        canary = scene.folder / "unpickled"
        forged = list(forgeries(canary).values())
        running = scene.start_worker("one").says("ready")
        scene.start_beat("beat_one")
        scene.start_beat("beat_two")
        scene.import_to_the_end(count)
        for number in range(200):
            broker.lpush(rings.QUEUE, envelope(), forged[number % len(forged)])
        recovered = scene.wait(lambda: scene.count_succeeded() == count, seconds=120, why="not all was sent")
        scene.wait(lambda: broker.llen(rings.QUEUE) == 0, seconds=60, why="the queue is not heard")
        problems, evidence = _unfinished(scene, count), scene.gather_evidence()
        problems += ["the worker has ended"] if not running.alive else []
        problems += ["a message was unpickled"] if canary.exists() else []
    if len(evidence.tried) != count:
        problems.append(f"{len(evidence.tried)} attempts at {count} operations")
    fault = "two beats, 200 doubled and 200 forged messages"
    return judge("G6", fault, evidence, problems=problems, recovered=recovered)


def _unfinished(scene: Stage, count: int) -> list[str]:
    states = scene.count_states()
    return [] if states == {State.SUCCEEDED: count} else [f"not all has succeeded: {dict(states)}"]
