"""Concerns about work that a person must settle, that no worker takes, or that fails before it comes to a hold. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from models import WAITING, Scope, State
from worker.concerns.concern import Concern, Severity, WorkCode
from worker.explaining.wording import as_words, count_noun, format_moment
from worker.outbox.views.overview import DueLanes, Overview

SILENT = timedelta(seconds=60)
"""Without a dispatch for so long, while work waits, no worker and no beat can be running."""

NOT_TAKEN = timedelta(minutes=2)
"""Lanes that have been due for so long, without a turn at any lane of their kind, are taken by no worker."""

NOT_TAKEN_IN = timedelta(minutes=1)
"""Rows of `crm_rows` are taken in within seconds where a worker runs."""

SLOW = timedelta(minutes=15)
"""A lane that has been due for so long is not served as it should be."""

FAILING = 2
"""Failures in a row from which on a person should know, though no hold has come of them yet."""

_START = "Start celery -A worker worker, and celery -A worker beat."


def find_work_concerns(overview: Overview) -> Iterator[Concern]:
    """Give the concerns about operations that are not settled or not sent, and are kept by no hold."""
    if overview.need_person:
        yield _person_concern(overview)
    if (silence := _silence_concern(overview)) is not None:
        yield silence
    else:
        yield from _lateness_concerns(overview)
    if overview.new_rows_since is not None and overview.at - overview.new_rows_since > NOT_TAKEN_IN:
        since = format_moment(overview.new_rows_since, overview.at, seconds=False)
        text = f"{count_noun(overview.new_rows, 'row')} of crm_rows not taken in, the first written at {since}."
        advice = "Is a worker running? Its log tells why if it cannot take them in."
        count, began = overview.new_rows, overview.new_rows_since
        yield Concern("rows_not_taken_in", Severity.ERROR, text, advice, since=began, count=count)
    if overview.failures_in_row >= FAILING:
        text = f"The last {overview.failures_in_row} requests to Vitec failed, or were not answered as they should be."
        advice = "They are tried again by themselves; if it goes on, everything is held. Which, and why:"
        command = "vitec-sync list --state retryable --state in_doubt"
        yield Concern("failing", Severity.WARNING, text, advice, command, count=overview.failures_in_row)


def _person_concern(overview: Overview) -> Concern:
    count, since = overview.need_person, overview.need_person_since
    text = f"{count_noun(count, 'operation')} {'needs' if count == 1 else 'need'} a person."
    if since is not None:
        text += f" The oldest is in doubt since {format_moment(since, overview.at, seconds=False)}."
    advice = "Look for each at Vitec, then decide. Which they are:"
    return Concern(
        "needs_person", Severity.ERROR, text, advice, "vitec-sync list --needs-person", since=since, count=count
    )


def _silence_concern(overview: Overview) -> Concern | None:
    """Give the concern that work waits, be it held or for later, and no process calls for it."""
    at, dispatched_at = overview.at, overview.dispatched_at
    waiting = overview.look_ups + sum(
        count for (_, state), count in overview.counts.items() if state in WAITING | {State.IN_FLIGHT}
    )
    due_for = timedelta(0) if overview.due_since is None else at - overview.due_since
    if dispatched_at is None:
        # An operation that is held or for later is never due: without a turn there was no worker for it either.
        is_silent = due_for > SILENT or bool(waiting and overview.due_since is None and not overview.turns)
    else:
        is_silent = at - dispatched_at > SILENT and bool(waiting or due_for)
    if not is_silent:
        return None
    text = f"Work {'is due' if due_for > SILENT else 'waits'}, and no worker calls for it."
    never = dispatched_at is None and overview.base_url is None
    if dispatched_at is not None:
        text += f" The last call was at {format_moment(dispatched_at, at, seconds=False)}."
    elif never:
        text += " None has ever started on this database."
    code: WorkCode = "never_started" if never else "silent"
    return Concern(code, Severity.CRITICAL, text, _START, since=dispatched_at or overview.due_since, count=waiting)


def _lateness_concerns(overview: Overview) -> Iterator[Concern]:
    at, probed_since = overview.at, _end_of_everythings_hold(overview)
    late = [due for due in overview.due if at - max(due.since, probed_since) > NOT_TAKEN]
    served_kinds = {turn["kind"] for turn in overview.turns}
    if not_taken := [due for due in late if due.kind not in served_kinds]:
        since = min(due.since for due in not_taken)
        kinds = ", ".join(sorted(as_words(due.kind) for due in not_taken))
        text = f"No worker takes what is due: {kinds}, {_describe_lanes(not_taken, since, at)}."
        advice = (
            "A worker serves all kinds, unless -Q keeps it from them. Start one without -Q: celery -A worker worker"
        )
        data = {"kinds": [due.kind for due in not_taken]}
        count = sum(due.lanes for due in not_taken)
        yield Concern("not_taken", Severity.ERROR, text, advice, since=since, count=count, data=data)
    if slow := [due for due in late if due.kind in served_kinds and at - due.since > SLOW]:
        since = min(due.since for due in slow)
        text = f"Work waits long for its turn: {_describe_lanes(slow, since, at)}."
        advice = "Are enough workers running? See VITEC_REQUESTS_PER_SECOND and VITEC_IN_FLIGHT, too."
        yield Concern("slow", Severity.WARNING, text, advice, since=since, count=sum(due.lanes for due in slow))


def _end_of_everythings_hold(overview: Overview) -> datetime:
    """Give the moment from which on lanes can have been served: the end of the latest hold of everything."""
    ends = [hold["until"] for hold in overview.holds if hold["scope"] is Scope.ENVIRONMENT and not hold["holds"]]
    return max(ends, default=datetime.min.replace(tzinfo=overview.at.tzinfo))


def _describe_lanes(due: Sequence[DueLanes], since: datetime, at: datetime) -> str:
    lanes = sum(kind.lanes for kind in due)
    return f"{count_noun(lanes, 'lane')} due, the first since {format_moment(since, at, seconds=False)}"
