"""Reasons that an operation shares with its lane: the lane is closed, or others are served before it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import RowMapping

from worker.explaining.holds import describe_hold, find_advice, write_resume
from worker.explaining.reasons import Reason
from worker.explaining.wording import as_words, count_noun, format_moment
from worker.outbox.exchange.rate_limit import HORIZON
from worker.outbox.views.explain import OperationFacts

_START = "Start celery -A worker worker, and celery -A worker beat."
_HOLD_DATA = ("scope", "customer_id", "function_group", "kind", "since", "until", "by", "note", "cause")


@dataclass(frozen=True, slots=True)
class Limits:
    """The office's limits, by its settings."""

    rate: float = 10.0
    """Requests per second."""
    in_flight: int = 5
    silent: float = 60.0
    """Seconds without a call for work after which no worker can be running."""


def find_lane_reasons(facts: OperationFacts, limits: Limits) -> Iterator[Reason]:
    """Give the reasons for which nothing at all is sent from the operation's lane."""
    environment, at = facts.environment.row, facts.environment.at
    if environment is None:
        # A database belongs to no environment before the first worker has started on it.
        yield Reason("never_started", "No worker has ever started on this database.", _START)
    else:
        since = environment["dispatched_at"]
        if since is None:
            yield Reason("silent", "No worker has ever called for work.", _START, data={"since": None})
        elif at - since > timedelta(seconds=limits.silent):
            yield Reason(
                "silent", f"Nobody has called for work since {format_moment(since, at)}.", _START, data={"since": since}
            )
    for hold in facts.holds:
        if hold["holds"]:
            yield _hold_reason(hold, at)
    if facts.opens_at is not None:
        kind, until = facts.row["kind"], facts.opens_at
        text = f"It is outside the sending hours of {as_words(kind)}, until {format_moment(until, at)}."
        remedy = "The setting SENDING_HOURS says when it may be sent."
        yield Reason("outside_hours", text, remedy, until, {"kind": kind, "until": until})


def _hold_reason(hold: RowMapping, at: datetime) -> Reason:
    data = {"because": hold["reason"], **{name: hold[name] for name in _HOLD_DATA}}
    return Reason("held", describe_hold(hold, at), f"{find_advice(hold)} {write_resume(hold)}", hold["until"], data)


def find_queue_reasons(facts: OperationFacts, limits: Limits) -> Iterator[Reason]:
    """Give the reasons that keep an operation which is due, for a moment: others are served first."""
    environment, at, lane = facts.environment, facts.environment.at, facts.lane
    if facts.probe_id is not None:
        # Its scope comes out of a hold: the half-open probe's answer is awaited before any other follows.
        text = f"A hold has just ended, and operation {facts.probe_id} goes first: its answer decides."
        yield Reason("one_goes_first", text, data={"id": facts.probe_id})
    if environment.in_flight >= limits.in_flight:
        text = (
            f"{count_noun(environment.in_flight, 'request')} in flight already, of {limits.in_flight} allowed at once."
        )
        data = {"in_flight": environment.in_flight, "limit": limits.in_flight}
        yield Reason("limit_reached", text, "The setting VITEC_IN_FLIGHT says how many.", data=data)
    if environment.row is not None and limits.rate > 0:
        free_at = environment.row["next_slot_at"] - timedelta(seconds=HORIZON)
        if free_at > at:
            text = f"The pace of {limits.rate:g} requests a second is used up until {format_moment(free_at, at)}."
            remedy = "The setting VITEC_REQUESTS_PER_SECOND says how many."
            yield Reason("pace_used_up", text, remedy, free_at, {"rate": limits.rate, "until": free_at})
    if lane["free"] and (lane["due_at"] is None or lane["due_at"] > at):
        yield Reason("not_woken", "Its lane does not know of it yet: housekeeping sees to that within a minute.")
    if facts.lanes_ahead:
        text = f"{count_noun(facts.lanes_ahead, 'lane')} of its kind waited longer for a worker."
        yield Reason("lanes_before", text, "More workers serve more lanes.", data={"count": facts.lanes_ahead})
    if facts.operations_ahead:
        text = f"It is behind about {count_noun(facts.operations_ahead, 'operation')} of its lane."
        yield Reason("behind", text, data={"count": facts.operations_ahead})
