"""Makes the facts from which an operation is explained, without a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from models import State
from tests.factory import MOMENT
from worker.outbox.views.explain import EnvironmentFacts, OperationFacts
from worker.outbox.views.status import OperationStatus

SOON, TOMORROW = MOMENT + timedelta(minutes=5), MOMENT + timedelta(days=1)


def make_facts(state: State = State.PENDING, *, parent_state: State | None = None, **overrides: Any) -> OperationFacts:
    """Make the facts of operation 7: due, with nothing in its way. Overrides are columns of its row, or facts."""
    row: dict[str, Any] = {
        "id": 7,
        "kind": "comeback",
        "state": state,
        "attempt": 1,
        "failures": 0,
        "max_failures": 12,
        "next_attempt_at": MOMENT,
        "parent_done": True,
        "accepted": False,
        "needs_person": False,
        "cancel_asked": False,
    }
    times = ("send_after", "send_again_until", "expires_at", "doubt_since", "absent_since", "claimed_at")
    ends = ("finalized_at", "reported_at", "error_code", "error_detail", "remote_id")
    links = ("revision", "after_kind", "after_source_id", "sequence_key")
    row |= dict.fromkeys((*times, *ends, *links))
    facts: dict[str, Any] = {
        "environment": make_environment(),
        "status": _status(state, parent_state),
        "lane": {"free": True, "due_at": MOMENT, "worker": None, "lease_until": None},
        "holds": (),
        "opens_at": None,
        "probe_id": None,
        "operations_ahead": 0,
        "lanes_ahead": 0,
        "similar_ids": (),
        "look_ups": 0,
        **dict.fromkeys(("look_up_detail", "predecessor_id", "parent_id", "parent")),
        "in_circle": False,
    }
    assert overrides.keys() <= row.keys() | facts.keys()
    for name, value in overrides.items():
        (row if name in row else facts)[name] = value
    facts["row"] = row
    return OperationFacts(**facts)


def make_environment(*, in_flight: int = 0, **overrides: Any) -> EnvironmentFacts:
    """Make an environment with a dispatch just now, in which the next request may start at once."""
    row: Any = {"dispatched_at": MOMENT, "next_slot_at": MOMENT, **overrides}
    return EnvironmentFacts(MOMENT, row, in_flight)


def make_child(parent_state: State | None = None, **overrides: Any) -> OperationFacts:
    """Make the facts of an operation that comes after `appointment:A`."""
    after: dict[str, Any] = {"after_kind": "appointment", "after_source_id": "A", "parent_done": False}
    return make_facts(parent_state=parent_state, **after, **overrides)


def make_hold(**columns: Any) -> dict[str, Any]:
    """Make an active hold's row."""
    empty = {
        "customer_id": "",
        "function_group": "",
        "kind": "",
        "by": None,
        "note": None,
        "cause": None,
        "until": None,
    }
    return {**empty, "since": MOMENT, "holds": True, **columns}


def _status(state: State, parent: State | None) -> OperationStatus:
    flags = ("accepted", "acted", "needs_person", "cancel_asked", "blanked", "too_late", "revised")
    columns: dict[str, Any] = {"id": 7, "kind": "comeback", "customer_id": "M1", "source_id": "C", "feed": "crm"}
    columns |= {"state": state, "attempt": 1, "remote_id": None, "error_code": None, **dict.fromkeys(flags, False)}
    return OperationStatus(**columns, parent=parent)
