"""A turn's report is one line of counts."""

from collections import Counter

from models import State
from worker.delivery import TurnReport
from worker.delivery.ending import EndReason


def test_a_ring_that_found_nothing_says_so() -> None:
    assert str(TurnReport("comeback")) == "comeback: nothing was due"


def test_a_turn_reports_its_work_in_counts() -> None:
    states = Counter({State.SUCCEEDED: 40, State.FAILED: 1})
    report = TurnReport(
        "comeback", "M30001", sent=41, leftovers=2, states=states, seconds=3.21, ended=EndReason.TIME_UP
    )
    assert report.summary() == (
        "comeback of M30001: sent 41, 2 left by a dead turn (1 failed, 40 succeeded) in 3.2 s; its time was up"
    )


def test_a_turn_that_settled_nothing_says_so() -> None:
    report = TurnReport("comeback", "M30001", seconds=0.04, ended=EndReason.NOTHING_LEFT)
    assert report.summary() == "comeback of M30001: sent 0 (none settled) in 0.0 s; nothing was left"


def test_a_report_is_one_line() -> None:
    assert "\n" not in str(TurnReport("comeback", "M30001"))
