"""Results that do not arrive are a concern after a while, with the cause and the way around it."""

from datetime import timedelta
from typing import Any

from tests.concerns.overviews import make_overview, only_concern
from tests.factory import MOMENT
from worker.concerns import Severity, find_concerns


def make_sink(minutes: float | None, **columns: Any) -> dict[str, Any]:
    """Make the row of a sink that has failed for so many minutes; None: it is well."""
    since = None if minutes is None else MOMENT - timedelta(minutes=minutes)
    fault = "Results cannot be written to /srv/crm: the disk is full: make room."
    times = {"failing_since": since, "next_at": MOMENT + timedelta(minutes=4), "told_at": None}
    return {"name": "crm", "number": 0, "failures": 3, "fault": fault, **times, **columns}


def test_a_sink_that_fails_for_long_is_a_concern() -> None:
    concern = only_concern(make_overview(sinks=[make_sink(11)]))
    assert (concern.code, concern.severity) == ("results_failing", Severity.ERROR)
    assert "The results of feed crm have not arrived since" in concern.text
    assert "make room" in concern.text
    assert "tried again at 10:04" in concern.advice
    assert concern.since == MOMENT - timedelta(minutes=11)


def test_the_sink_of_every_feed_is_called_so() -> None:
    assert "The results of every feed" in only_concern(make_overview(sinks=[make_sink(60, name="*")])).text


def test_a_short_failure_and_a_well_sink_are_none() -> None:
    assert list(find_concerns(make_overview(sinks=[make_sink(9), make_sink(None)]))) == []
