"""Concerns about holds: pauses, and trouble with Vitec that has come to a hold. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import RowMapping

from models import HoldReason, Scope
from worker.concerns.concern import Concern, Severity
from worker.explaining.holds import describe_reason, find_advice, write_resume
from worker.explaining.wording import count_noun, format_moment, name_scope
from worker.outbox.views.overview import Overview

LASTING = timedelta(minutes=1)
"""A hold because Vitec asked for patience is a concern if it lasts longer, or has come back."""

_HOLD_DATA = ("scope", "customer_id", "function_group", "kind", "until", "strikes", "cause", "by", "note")


def find_hold_concerns(overview: Overview) -> Iterator[Concern]:
    """Give a concern for each hold that lasts: those of everything first, then those that keep most operations."""
    holds = [hold for hold in overview.holds if _lasts(hold, overview)]
    counts = overview.hold_counts
    for hold in sorted(holds, key=lambda hold: (hold["scope"] is not Scope.ENVIRONMENT, -counts.get(hold["id"], 0))):
        count = counts.get(hold["id"], 0)
        yield Concern(
            hold["reason"],
            Severity.CRITICAL if hold["scope"] is Scope.ENVIRONMENT else Severity.ERROR,
            f"{_describe(hold, overview.at)} {_describe_waiting(hold, count, overview.at)}",
            find_advice(hold),
            write_resume(hold),
            since=hold["since"],
            count=count,
            data={name: hold[name] for name in _HOLD_DATA},
        )


def _lasts(hold: RowMapping, overview: Overview) -> bool:
    """Tell whether a hold is more than a moment's: one that has run out is none where nothing waits for its probe."""
    if not hold["holds"] and not overview.hold_counts.get(hold["id"]):
        return False
    if hold["reason"] is not HoldReason.THROTTLED or hold["until"] is None:
        return True
    until: datetime = max(hold["until"], overview.at)
    return bool(hold["strikes"] > 1 or until - hold["since"] > LASTING)


def _describe(hold: RowMapping, at: datetime) -> str:
    paused, why = hold["reason"] is HoldReason.PAUSED, describe_reason(hold)
    if paused:
        by = f" by {hold['by']}" if hold["by"] else ""
        why = f"Paused{by}{f' ({why})' if why else ''}"
    else:
        why = f"{why[0].upper()}{why[1:]}"
    return f"{why}: {name_scope(hold)}, since {format_moment(hold['since'], at, seconds=False)}."


def _describe_waiting(hold: RowMapping, count: int, at: datetime) -> str:
    waiting = f"{count_noun(count, 'operation')} {'waits' if count == 1 else 'wait'}" if count else "No operation waits"
    if hold["until"] is None:
        return "No operation waits." if not count else f"{waiting} until somebody resumes it."
    if not hold["holds"]:
        return f"{waiting}; one goes first now."
    return f"{waiting}; one is tried at {format_moment(hold['until'], at, seconds=False)}."
