"""Named places where a test can end, freeze or hold up the process. Where none is armed, each costs one look.

`VITEC_FAILPOINTS` arms them, against a stand-in on loopback only: `after_last_byte=kill, before_settle_commit=freeze@3`
kills the process where it first has written a request, or stops it where it is to commit settlements for the third time.
"""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

POINTS = (
    "before_claim_commit",
    "after_claim_commit",
    "before_first_byte",
    "after_first_byte",
    "after_last_byte",
    "after_status",
    "after_body",
    "before_settle_commit",
    "after_settle_commit",
)
"""In the order in which a turn comes by. The first byte's right has been granted before `before_first_byte`."""

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Act(StrEnum):
    """What happens to the process."""

    KILL = "kill"
    FREEZE = "freeze"
    """Stopped until somebody continues it."""
    DELAY = "delay"
    """The thread that came by sleeps, this time and every time after it."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens at one point, from which time on that the process comes by."""

    act: Act
    nth: int = 1
    seconds: float = 0.0
    passed: Iterator[int] = field(default_factory=lambda: itertools.count(1), compare=False)


class NotHereError(Exception):
    """Failpoints were asked for where they must not be, or in words that mean nothing."""


_armed: dict[str, Fate] = {}
_lock = threading.Lock()


def reach(name: str) -> None:
    """Say that the process is at this point."""
    if _armed:
        _strike(name)


def is_armed(name: str) -> bool:
    """Whether something is to happen at this point: asked where coming to it takes a detour."""
    return name in _armed


def arm(plan: str, base_url: str) -> None:
    """Arm the points that `plan` names and no others. Raises `NotHereError` unless `base_url` is on this machine."""
    fates = dict(map(_fate, filter(None, map(str.strip, plan.split(",")))))
    if fates and urlsplit(base_url).hostname not in _LOOPBACK:
        raise NotHereError("VITEC_FAILPOINTS is for tests: unset it, or set VITEC_BASE_URL to a stand-in on loopback.")
    _armed.clear()
    _armed.update(fates)


def arm_as_told(environment: Mapping[str, str]) -> None:
    """Arm what the environment says; the address has to stand there too, since settings may come from elsewhere."""
    plan = environment.get("VITEC_FAILPOINTS", "")
    if plan:
        arm(plan, environment.get("VITEC_BASE_URL", ""))


def _fate(text: str) -> tuple[str, Fate]:
    """Read `name=act[:seconds][@nth]`."""
    name, _, rest = text.partition("=")
    what, _, nth = rest.partition("@")
    act, _, seconds = what.partition(":")
    try:
        fate = Fate(Act(act), int(nth or 1), float(seconds or 0))
    except ValueError:
        raise NotHereError(f"VITEC_FAILPOINTS: {text!r} is not name=kill|freeze|delay:seconds[@nth].") from None
    if name not in POINTS:
        raise NotHereError(f"VITEC_FAILPOINTS: there is no point {name!r}, only {', '.join(POINTS)}.")
    return name, fate


def _strike(name: str) -> None:
    fate = _armed.get(name)
    if fate is None:
        return
    with _lock:
        passed = next(fate.passed)
    match fate.act:
        case Act.KILL if passed == fate.nth:
            os.kill(os.getpid(), signal.SIGKILL)
        case Act.FREEZE if passed == fate.nth:
            # Sent to this very thread, which therefore does not run on for a moment while another one stops.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        case Act.DELAY if passed >= fate.nth:
            time.sleep(fate.seconds)
        case _:
            pass


arm_as_told(os.environ)
