"""G10: Vitec cannot be reached for three days, or something else answers in its place. Nothing is used up by it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from models import Hold, Operation, State
from tests.chaos.result import Result, judge
from tests.chaos.stage import set_stage

if TYPE_CHECKING:
    from tests.chaos.stage import Site, Stage

LONGEST_HOLD = 0.1
"""Seconds that stand for the half hour between two tries in an outage."""

THREE_DAYS = 3 * 24 * 2 * LONGEST_HOLD

BUDGET = 2

SETTINGS = {
    "MAX_FAILURES": str(BUDGET),
    "BACKOFF_FIRST": "0.01",
    "HOLD_UNAVAILABLE": "0.01",
    "HOLD_UNAVAILABLE_CAP": str(LONGEST_HOLD),
    "DISPATCH_EVERY": "0.1",
    "VITEC_IN_FLIGHT": "5",
}


def run(site: Site, *, count: int) -> list[Result]:
    """Let a few operations live through three days without Vitec, then more of them through pages of HTML."""
    return [_unreachable(site), _pages(site, count)]


def _unreachable(site: Site) -> Result:
    few = 5
    with set_stage(site, "g10_unreachable", **SETTINGS) as scene:
        scene.import_to_the_end(few)
        scene.refuse_connections(seconds=THREE_DAYS)
        began = time.monotonic()
        scene.start_worker("one")
        scene.start_beat()
        problems = []
        while (remaining := began + THREE_DAYS - time.monotonic()) > 0:
            problems += [] if scene.count_states()[State.FAILED] == 0 else ["failed by an outage"]
            time.sleep(min(0.5, remaining))
        tries = _most_attempts(scene)
        recovered = scene.wait_until_settled(seconds=60)
        evidence, states = scene.gather_evidence(), scene.count_states()
        problems += _find_problems(scene, states == {State.SUCCEEDED: few}, "not all is sent after the outage")
    problems += [] if tries > BUDGET else [f"no operation was tried more than {tries} times: nothing is proven"]
    notes = f"three days in {THREE_DAYS:.0f} s; one was tried {tries} times, with a budget of {BUDGET}"
    fault = "Vitec unreachable for three days"
    return judge("G10", fault, evidence, problems=sorted(set(problems)), recovered=recovered, notes=notes)


def _pages(site: Site, count: int) -> Result:
    with set_stage(site, "g10_pages", **SETTINGS) as scene:
        scene.import_to_the_end(count)
        scene.set_faults([{"fault": "not_found_html"}])
        scene.start_worker("one")
        scene.start_beat()
        scene.wait(lambda: _most_strikes(scene) >= 10, seconds=60, why="the outage is not held")
        scene.set_faults([{"fault": "proxy_login"}])
        strikes = _most_strikes(scene)
        scene.wait(lambda: _most_strikes(scene) >= strikes + 10, seconds=60, why="the outage is held no more")
        knocks = len(scene.gather_evidence().requests)
        scene.set_faults([])
        recovered = scene.wait_until_settled(seconds=60 + count / 10)
        evidence, states = scene.gather_evidence(), scene.count_states()
        problems = _find_problems(scene, states == {State.SUCCEEDED: count}, "not all is sent after the pages")
    # The first few, in flight together, then one for each hold: two strikes may pass between two looks.
    knocks_at_most = 2 * int(SETTINGS["VITEC_IN_FLIGHT"]) + 3 * (strikes + 10)
    problems += (
        []
        if knocks <= knocks_at_most
        else [f"{knocks} requests were answered by pages, where {knocks_at_most} are enough"]
    )
    fault = "pages of HTML, then a proxy's login, in Vitec's place"
    return judge(
        "G10", fault, evidence, problems=problems, recovered=recovered, notes=f"{knocks} requests met one of them"
    )


def _find_problems(scene: Stage, all_sent: bool, otherwise: str) -> list[str]:
    with scene.db.read() as connection:
        used_up = connection.scalar(select(func.max(Operation.failures)))
        holds = connection.scalar(select(func.count()).select_from(Hold))
    problems = [] if all_sent else [f"{otherwise}: {dict(scene.count_states())}"]
    problems += [f"{used_up} of a budget was used up"] if used_up else []
    return problems + ([f"{holds} holds are left"] if holds else [])


def _most_attempts(scene: Stage) -> int:
    with scene.db.read() as connection:
        return connection.scalar(select(func.max(Operation.attempt))) or 0


def _most_strikes(scene: Stage) -> int:
    with scene.db.read() as connection:
        return connection.scalar(select(func.max(Hold.strikes))) or 0
