"""A database's clock that was set is a concern until that is undone or confirmed."""

from datetime import timedelta

import pytest

from tests.concerns.overviews import make_overview, only_concern
from tests.factory import MOMENT
from worker.concerns import Severity, find_concerns


def test_a_clock_set_forward_lets_nothing_expire() -> None:
    concern = only_concern(make_overview(clock_step=3599.99, clock_stepped_at=MOMENT))
    assert (concern.code, concern.severity) == ("clock", Severity.ERROR)
    assert "set forward by 1 h" in concern.text
    assert concern.command == "vitec-sync doctor --fix"


def test_a_clock_set_back_is_a_warning() -> None:
    concern = only_concern(make_overview(clock_step=-172_800.0, clock_stepped_at=MOMENT))
    assert concern.severity is Severity.WARNING
    assert "set back by 2 days" in concern.text


def test_a_clock_before_its_last_look_was_set_back() -> None:
    concern = only_concern(make_overview(clock_seen_at=MOMENT + timedelta(minutes=90)))
    assert "set back by 1.5 h" in concern.text


@pytest.mark.parametrize("step", [0.0, 9.0, -9.0])
def test_drift_is_no_concern(step: float) -> None:
    assert list(find_concerns(make_overview(clock_step=step))) == []
