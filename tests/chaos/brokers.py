"""G4 and G6: the broker forgets, goes away and comes back; beat is dead or doubled; the queue is full of rubbish."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from models import State
from tests.chaos.house import stage
from tests.chaos.result import Result, judged
from tests.running.test_messages import envelope, forgeries
from worker import rings

if TYPE_CHECKING:
    from tests.chaos.house import House, Stage

PACE = 40


def run(house: House, *, count: int, every: float, away: float) -> list[Result]:
    """G4: FLUSHALL under load, Redis away, Redis restarted."""
    return [_flushed(house, count, every), _away(house, away), _restarted(house, count)]


def _flushed(house: House, count: int, every: float) -> Result:
    with stage(house, "g4_flush", VITEC_REQUESTS_PER_SECOND=str(PACE)) as scene, scene.broker() as broker:
        scene.worker("one").says("ready")
        scene.beat()
        running = scene.import_rows(count)
        began, flushes = time.monotonic(), 0
        while scene.done() < count and time.monotonic() - began < count / PACE + 120:
            time.sleep(0.2)
            if time.monotonic() - began > (flushes + 1) * every:
                broker.flushall()
                flushes += 1
        added = time.monotonic() - began - count / PACE
        problems = _told(scene, count) + ([] if running.ends() == 0 else ["the import failed"])
        evidence = scene.evidence()
    if added > 20:
        problems.append(f"the work took {added:.0f} s longer than its pace")
    notes = f"{flushes} times; {added:.1f} s longer than the pace of {PACE}/s alone"
    return judged("G4", f"FLUSHALL every {every:g} s", evidence, problems=problems, notes=notes)


def _away(house: House, away: float) -> Result:
    with stage(house, "g4_away") as scene:
        scene.worker("one").says("ready")
        scene.beat()
        scene.imported(50)
        scene.wait(lambda: scene.done() == 50, seconds=60, why="nothing was sent")
        house.broker.kill()
        try:
            gone = time.monotonic()
            took = scene.imported(100, start=50, name="while_away")
            time.sleep(max(0.0, gone + away - time.monotonic()))
        finally:
            house.broker.start()
        back = time.monotonic()
        scene.wait(lambda: scene.done() > 50, seconds=90, why="nothing moves")
        recovered = time.monotonic() - back
        scene.wait(lambda: scene.done() == 150, seconds=90, why="not all was sent")
        problems, evidence = _told(scene, 150), scene.evidence()
    if recovered > 60:
        problems.append(f"work moved again only {recovered:.0f} s after its return")
    notes = f"an import meanwhile took {took:.1f} s and failed at nothing"
    return judged("G4", f"Redis away for {away:.0f} s", evidence, problems=problems, recovered=recovered, notes=notes)


def _restarted(house: House, count: int) -> Result:
    with stage(house, "g4_restart", VITEC_REQUESTS_PER_SECOND=str(PACE)) as scene:
        scene.worker("one").says("ready")
        scene.beat()
        scene.imported(count)
        slowest, restarts = 0.0, 0
        while scene.done() < count * 0.7 and restarts < 10:
            house.broker.kill()
            house.broker.start()
            restarts, before, back = restarts + 1, scene.done(), time.monotonic()
            scene.wait(lambda before=before: scene.done() > before, seconds=90, why="nothing moves")  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - back)
            time.sleep(3)
        scene.wait(lambda: scene.done() == count, seconds=count / PACE + 90, why="not all was sent")
        problems, evidence = _told(scene, count), scene.evidence()
    if slowest > 60:
        problems.append(f"work moved again only {slowest:.0f} s after a restart")
    notes = f"{restarts} times, the slowest counted"
    return judged("G4", "Redis restarted, empty", evidence, problems=problems, recovered=slowest, notes=notes)


def messages(house: House, count: int) -> list[Result]:
    """G6: beat dead, then two beats and a queue full of doubled and forged messages."""
    return [_without_beat(house, count), _rubbish(house, count)]


def _without_beat(house: House, count: int) -> Result:
    with stage(house, "g6_no_beat") as scene, scene.broker() as broker:
        scene.imported(count)
        broker.flushall()
        scene.worker("one").says("ready")
        added = scene.wait(lambda: scene.done() == count, seconds=120, why="work does not move")
        problems, evidence = _told(scene, count), scene.evidence()
    if added > 60:
        problems.append(f"without beat it took {added:.0f} s")
    return judged("G6", "beat dead, rings lost", evidence, problems=problems, recovered=added)


def _rubbish(house: House, count: int) -> Result:
    with stage(house, "g6_rubbish") as scene, scene.broker() as broker:
        canary = scene.folder / "unpickled"
        forged = list(forgeries(canary).values())
        running = scene.worker("one").says("ready")
        scene.beat("beat_one")
        scene.beat("beat_two")
        scene.imported(count)
        for number in range(200):
            broker.lpush(rings.QUEUE, envelope(), forged[number % len(forged)])
        recovered = scene.wait(lambda: scene.done() == count, seconds=120, why="not all was sent")
        scene.wait(lambda: broker.llen(rings.QUEUE) == 0, seconds=60, why="the queue is not heard")
        problems, evidence = _told(scene, count), scene.evidence()
        problems += ["the worker has ended"] if not running.alive else []
        problems += ["a message was unpickled"] if canary.exists() else []
    if len(evidence.tried) != count:
        problems.append(f"{len(evidence.tried)} attempts at {count} operations")
    fault = "two beats, 200 doubled and 200 forged messages"
    return judged("G6", fault, evidence, problems=problems, recovered=recovered)


def _told(scene: Stage, count: int) -> list[str]:
    states = scene.states()
    return [] if states == {State.SUCCEEDED: count} else [f"not all has succeeded: {dict(states)}"]
