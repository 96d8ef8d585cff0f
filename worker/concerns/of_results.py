"""Concerns about results that do not arrive. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from models import EVERY_FEED
from worker.concerns.concern import Concern, Severity
from worker.explaining.wording import format_moment
from worker.outbox.views.overview import Overview

FAILING = timedelta(minutes=10)
"""A place that has not taken results for so long is a concern."""


def find_result_concerns(overview: Overview) -> Iterator[Concern]:
    """Give a concern for each place that has not taken results for a while."""
    for sink in overview.sinks:
        since = sink["failing_since"]
        if since is None or overview.at - since < FAILING:
            continue
        feeds = "every feed" if sink["name"] == EVERY_FEED else f"feed {sink['name']}"
        text = f"The results of {feeds} have not arrived since {format_moment(since, overview.at, seconds=False)}:"
        text += f" {sink['fault']}"
        again = "" if sink["next_at"] is None else f" at {format_moment(sink['next_at'], overview.at, seconds=False)}"
        advice = f"Nothing is lost: they wait, and it is tried again{again}. To write them by hand meanwhile:"
        command = "vitec-sync results --output results.csv"
        data = {"feed": sink["name"], "failures": sink["failures"]}
        yield Concern(
            "results_failing", Severity.ERROR, text, advice, command, since=since, count=sink["failures"], data=data
        )
