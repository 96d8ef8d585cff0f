"""Concerns about the database's clock, by which every wait is reckoned, and about Vitec's beside it. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from worker.concerns.concern import Concern, Severity
from worker.explaining.wording import format_moment
from worker.outbox.views.overview import Overview

DRIFT = 10.0
"""Seconds that are no step: two clocks may drift apart by as much."""

TIMELY = timedelta(days=1)
"""An older measurement of Vitec's clock says nothing of it now."""

_CONFIRM = "vitec-sync doctor --fix"


def _describe_length(seconds: int) -> str:
    """Write a length of time in its largest fitting unit."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds} s"


def find_clock_concerns(overview: Overview) -> Iterator[Concern]:
    """Give the concern that the clock was set, until that is undone or confirmed."""
    step, since = overview.clock_step, overview.clock_stepped_at
    seen_at = overview.clock_seen_at
    if seen_at is not None and (behind := (seen_at - overview.at).total_seconds()) > DRIFT:
        step, since = step - behind, overview.at
    if abs(step) <= DRIFT:
        return
    when = "" if since is None else f", seen at {format_moment(since, overview.at, seconds=False)}"
    size = _describe_length(round(abs(step)))
    facts = {"seconds": round(step)}
    if step > 0:
        text = f"The database's clock was set forward by {size}{when}: nothing expires, and no doubt is looked up."
        advice = "Set it right again, and work goes on by itself. If it is right as it is now, confirm it:"
        yield Concern("clock", Severity.ERROR, text, advice, _CONFIRM, since=since, data=facts)
    else:
        text = f"The database's clock was set back by {size}{when}: a running worker brings back what waited for it."
        advice = "Set it right if it is wrong. If it is right as it is now, confirm it:"
        yield Concern("clock", Severity.WARNING, text, advice, _CONFIRM, since=since, data=facts)


def find_vitec_clock_concerns(overview: Overview, skew: float) -> Iterator[Concern]:
    """Give the concern that Vitec's clock and the database's are surely further apart than `skew` s."""
    measured = overview.vitec_clock
    if measured is None or overview.at - measured.at > TIMELY or abs(measured.lead) - measured.within <= skew:
        return
    apart = _describe_length(round(abs(measured.lead)))
    when = format_moment(measured.at, overview.at, seconds=False)
    if measured.lead < 0:
        side = "behind"
        effect = "a comeback that it made and did not answer seems older than its attempt, and waits for a person"
    else:
        side = "ahead of"
        effect = "a comeback made by hand just before an attempt could be taken for the attempt's own"
    text = f"Vitec's clock is {apart} {side} the database's, by the date of an answer at {when}: {effect}."
    advice = (
        "Set the clock of the database's host by NTP. If that one is right and Vitec's is not, tell Vitec; nothing is sent "
        "twice by it. Both are compared anew every minute in which something is sent."
    )
    facts = {"seconds": round(measured.lead, 1), "within": round(measured.within, 1)}
    yield Concern("vitec_clock", Severity.WARNING, text, advice, since=measured.at, data=facts)
