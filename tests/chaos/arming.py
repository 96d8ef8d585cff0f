"""Plans acts on a process at its failpoints: it is killed, stopped, or held up.

`after_last_byte=kill, before_settle_commit=freeze@3` kills the process the first time it has written a request, or stops
it the third time it is about to commit settlements. A plan is refused unless Vitec's address is on this machine.

A forked turn calls `arm`. A real Celery worker is armed by `celery -A worker worker --include tests.chaos.armed`, which
reads the plan from `VITEC_FAILPOINTS`.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from worker import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENVIRONMENT_VARIABLE = "VITEC_FAILPOINTS"
MODULE = "tests.chaos.armed"
"""For `celery worker --include`."""

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Act(StrEnum):
    """The ways in which a process can be hit."""

    KILL = "kill"
    FREEZE = "freeze"
    """Stopped (SIGSTOP) until the test continues it (SIGCONT)."""
    DELAY = "delay"
    """The thread that reaches the point sleeps, this time and every time after it."""


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """An act at one point, due the `nth` time that the process reaches it."""

    act: Act
    nth: int = 1
    seconds: float = 0.0
    passages: Iterator[int] = field(default_factory=lambda: itertools.count(1), compare=False)


class PlanRefusedError(Exception):
    """The plan names an unknown point or act, or Vitec's address is not on this machine."""


def arm(plan: str, base_url: str) -> None:
    """Set the hook to carry out `plan` and nothing else. Raises `PlanRefusedError`."""
    acts = dict(map(_planned_act, filter(None, map(str.strip, plan.split(",")))))
    if acts and urlsplit(base_url).hostname not in _LOOPBACK:
        raise PlanRefusedError(
            f"{ENVIRONMENT_VARIABLE} is for tests: unset it, or set VITEC_BASE_URL to a stand-in on loopback."
        )
    lock = threading.Lock()

    def hook(point: str) -> None:
        planned = acts.get(point)
        if planned is None:
            return
        with lock:
            passage = next(planned.passages)
        _strike(planned, passage)

    failpoints.hook = hook if acts else None


def arm_from(environment: Mapping[str, str]) -> None:
    """Arm the environment's plan, if it has one. The address must stand there too, not in another source of settings."""
    plan = environment.get(ENVIRONMENT_VARIABLE, "")
    if plan:
        arm(plan, environment.get("VITEC_BASE_URL", ""))


def _planned_act(text: str) -> tuple[str, PlannedAct]:
    """Read `point=act[:seconds][@nth]`."""
    point, _, act_and_times = text.partition("=")
    act_and_seconds, _, nth = act_and_times.partition("@")
    act, _, seconds = act_and_seconds.partition(":")
    try:
        planned = PlannedAct(Act(act), int(nth or 1), float(seconds or 0))
    except ValueError:
        raise PlanRefusedError(
            f"{ENVIRONMENT_VARIABLE}: {text!r} is not point=kill|freeze|delay:seconds[@nth]."
        ) from None
    if point not in failpoints.POINTS:
        raise PlanRefusedError(
            f"{ENVIRONMENT_VARIABLE}: there is no point {point!r}, only {', '.join(failpoints.POINTS)}."
        )
    return point, planned


def _strike(planned: PlannedAct, passage: int) -> None:
    match planned.act:
        case Act.KILL if passage == planned.nth:
            os.kill(os.getpid(), signal.SIGKILL)
        case Act.FREEZE if passage == planned.nth:
            # Sent to this very thread, which therefore does not run on for a moment while another one stops.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        case Act.DELAY if passage >= planned.nth:
            time.sleep(planned.seconds)
        case _:
            pass
