"""Concerns about the feeds that run by themselves: stopped, failing, silent, or run by no worker. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import RowMapping

from worker.concerns.concern import Concern, Severity
from worker.explaining.wording import format_moment
from worker.outbox.views.overview import Overview

OVERDUE = timedelta(minutes=5)
"""A feed that has been due for so long, while no run of it is under way, is run by no worker."""


def find_feed_concerns(overview: Overview, feeds_fault: str | None) -> Iterator[Concern]:
    """Give a concern for the file of feeds, and for each feed at most one: the most pressing."""
    if feeds_fault is not None:
        advice = "Until it is mended no feed runs. Whether it is:"
        yield Concern("feeds_file", Severity.ERROR, feeds_fault, advice, "vitec-sync feeds check")
    for feed in overview.feeds:
        concern = _concern_of(feed, overview.at)
        if concern is not None:
            yield concern


def _concern_of(feed: RowMapping, at: datetime) -> Concern | None:
    name = feed["name"]
    facts = {"feed": name, "source": feed["source"], "finding": feed["finding_code"]}
    if feed["stopped_at"] is not None:
        return _stopped_concern(feed, at, facts)
    if feed["finding"]:
        severity = Severity.ERROR if feed["failures"] else Severity.WARNING
        text = f"Feed {name}: {feed['finding']}"
        advice = "It is tried again by itself. When it is mended, to see at once:"
        command, since = f"vitec-sync feeds run {name}", feed["finding_since"]
        return Concern("feed_finding", severity, text, advice, command, since=since, count=feed["failures"], data=facts)
    if feed["is_silent"]:
        text = f"Feed {name} has given nothing new since {format_moment(feed['silent_since'], at, seconds=False)}."
        advice = "Does the CRM still export? If it is meant, raise or take out `silent_after` of the feed. Its state:"
        since = feed["silent_since"]
        return Concern("feed_silent", Severity.ERROR, text, advice, "vitec-sync feeds", since=since, data=facts)
    if at - feed["next_run_at"] > OVERDUE and not feed["runs"]:
        text = f"Feed {name} has been due since {format_moment(feed['next_run_at'], at, seconds=False)}, and nothing runs it."
        advice = (
            "Start celery -A worker beat and celery -A worker worker; feeds run only while the broker takes messages."
        )
        return Concern("feed_overdue", Severity.ERROR, text, advice, since=feed["next_run_at"], data=facts)
    return None


def _stopped_concern(feed: RowMapping, at: datetime, facts: dict[str, object]) -> Concern:
    name, since = feed["name"], feed["stopped_at"]
    command = f"vitec-sync feeds start {name}"
    if feed["stopped_by"] is None:
        text = f"Feed {name} has stopped: {feed['finding'].partition(' If it is meant,')[0]}"
        advice = "When the export or the feed's table is mended, or if the new form is meant:"
        return Concern("feed_stopped", Severity.ERROR, text, advice, command, since=since, data=facts)
    why = f" ({feed['stopped_reason']})" if feed["stopped_reason"] else ""
    text = f"Feed {name} was stopped by {feed['stopped_by']}{why} at {format_moment(since, at, seconds=False)}."
    return Concern("feed_stopped", Severity.WARNING, text, "To let it run again:", command, since=since, data=facts)
