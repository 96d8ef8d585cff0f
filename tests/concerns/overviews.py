"""Makes overviews, and what stands in them, without a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from models import HoldReason, Scope, State
from tests.factory import MOMENT
from worker.concerns import Concern, find_concerns
from worker.outbox.views.endings import EndingCount
from worker.outbox.views.overview import DueLanes, Overview

SOON = MOMENT + timedelta(minutes=5)


def make_overview(**overrides: Any) -> Overview:
    """Make an overview in which nothing is wrong."""
    well: dict[str, Any] = {
        "at": MOMENT,
        "base_url": "https://vitec.test",
        "dispatched_at": MOMENT - timedelta(seconds=3),
        "counts": {},
        "due_since": None,
        "due_lanes": 0,
        "due": [],
        "look_ups": 0,
        "failures_in_row": 0,
        "held": 0,
        "need_person": 0,
        "need_person_since": None,
        "lost": 0,
        "lost_since": None,
        "holds": [],
        "hold_counts": {},
        "turns": [],
        "files": [],
        "unreported": 0,
        "unreported_rejected": 0,
        "open_rejected": 0,
        "refused_files": 0,
        "untold": [],
        "latest": [],
        "clock_step": 0.0,
        "clock_stepped_at": None,
        "clock_seen_at": None,
        "vitec_clock": None,
        "new_rows": 0,
        "new_rows_since": None,
        "sinks": [],
    }
    assert overrides.keys() <= well.keys()
    return Overview(**{**well, **overrides})


def make_due(minutes: float, kind: str = "comeback", **overrides: Any) -> Overview:
    """Make an overview with two lanes of the kind that have been due for so long."""
    since = MOMENT - timedelta(minutes=minutes)
    return make_overview(due_since=since, due_lanes=2, due=[DueLanes(kind, since, 2)], **overrides)


def make_hold(reason: HoldReason, scope: Scope = Scope.GROUP, **columns: Any) -> dict[str, Any]:
    """Make an active hold's row, since now and for five minutes."""
    parts: dict[Scope, dict[str, str]] = {
        Scope.ENVIRONMENT: {},
        Scope.GROUP: {"customer_id": "M1", "function_group": "viewing"},
        Scope.LANE: {"customer_id": "M1", "kind": "comeback"},
    }
    empty = {"customer_id": "", "function_group": "", "kind": "", "by": None, "note": None, "cause": None}
    times = {"since": MOMENT, "until": SOON, "holds": True, "strikes": 1}
    return {"id": 1, "scope": scope, "reason": reason, **empty, **times, **parts.get(scope, {}), **columns}


def make_ending(count: int, state: State = State.FAILED, code: str | None = "refused", **parts: Any) -> EndingCount:
    """Make a count of comebacks that ended so, since now."""
    return EndingCount(**{"kind": "comeback", "state": state, "code": code, "count": count, "since": MOMENT, **parts})


def only_concern(overview: Overview) -> Concern:
    """Find the concern, of which there must be exactly one."""
    (concern,) = find_concerns(overview)
    return concern
