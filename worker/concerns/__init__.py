"""Concerns: the things that a person should see to, or that last, each with its cause and its cure.

`find_concerns` finds them in an overview. Status, Flower and alerts show the same ones, by the same codes.
"""

from collections.abc import Iterator
from datetime import timedelta

from worker.address import is_same_address
from worker.concerns.concern import Concern, Severity
from worker.concerns.of_clock import find_clock_concerns, find_vitec_clock_concerns
from worker.concerns.of_endings import find_ending_concerns
from worker.concerns.of_feeds import find_feed_concerns
from worker.concerns.of_holds import find_hold_concerns
from worker.concerns.of_results import find_result_concerns
from worker.concerns.of_work import find_work_concerns
from worker.outbox.views.overview import Overview

__all__ = ["Concern", "Severity", "find_clock_concerns", "find_concerns"]


def find_concerns(
    overview: Overview,
    *,
    parent_missing_after: timedelta = timedelta(days=1),
    broker_fault: str | None = None,
    configured: str | None = None,
    skew: float = 5.0,
    feeds_fault: str | None = None,
) -> Iterator[Concern]:
    """Find the concerns, the most pressing first; without any, all is well.

    `broker_fault`: the finding of `rings.find_fault`. `configured`: VITEC_BASE_URL; None: it is not set here.
    `skew`: LOOK_UP_SKEW. `feeds_fault`: why the file of feeds cannot be used; None: it can, or is not there.
    """
    if configured and overview.base_url and not is_same_address(configured, overview.base_url):
        text = (
            f"VITEC_BASE_URL is {configured}, and the database belongs to {overview.base_url}: nothing is sent there."
        )
        advice = "Correct VITEC_BASE_URL, or use another database. Since when, and whether it can be changed:"
        yield Concern("other_address", Severity.CRITICAL, text, advice, "vitec-sync environment")
    yield from find_clock_concerns(overview)
    yield from find_hold_concerns(overview)
    yield from find_work_concerns(overview)
    yield from find_ending_concerns(overview, parent_missing_after)
    yield from find_result_concerns(overview)
    yield from find_feed_concerns(overview, feeds_fault)
    yield from find_vitec_clock_concerns(overview, skew)
    if broker_fault is not None:
        text = f"The broker at BROKER_URL takes no rings: {broker_fault}."
        advice = (
            'Running workers go on without it, more slowly. Its cures stand in docs/operations.md, "Redis is gone".'
        )
        yield Concern("broker", Severity.WARNING, text, advice)
