"""A database's clock that was set is a concern until that is undone or confirmed; Vitec's, while it is far from it."""

from datetime import timedelta

import pytest

from tests.concerns.overviews import make_overview, only_concern
from tests.factory import MOMENT
from worker.concerns import Severity, find_concerns
from worker.outbox.views.overview import VitecLead


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


def lead(seconds: float, *, within: float = 0.6, ago: float = 3.0) -> VitecLead:
    return VitecLead(seconds, within, MOMENT - timedelta(minutes=ago))


def test_a_vitec_clock_behind_is_a_concern_with_its_effect() -> None:
    concern = only_concern(make_overview(vitec_clock=lead(-8.04)))
    assert (concern.code, concern.severity) == ("vitec_clock", Severity.WARNING)
    assert "Vitec's clock is 8 s behind the database's" in concern.text
    assert "waits for a person" in concern.text
    assert "NTP" in concern.remedy
    assert concern.data == {"seconds": -8.0, "within": 0.6}


def test_a_vitec_clock_ahead_is_a_concern_of_its_own() -> None:
    concern = only_concern(make_overview(vitec_clock=lead(7200.0)))
    assert "Vitec's clock is 2 h ahead of the database's" in concern.text
    assert "made by hand" in concern.text


@pytest.mark.parametrize("measured", [lead(5.5), lead(-5.5), lead(25.0, within=20.0), lead(-8.0, ago=1441.0)], ids=str)
def test_a_small_or_an_old_lead_is_no_concern(measured: VitecLead) -> None:
    assert list(find_concerns(make_overview(vitec_clock=measured))) == []


def test_a_larger_skew_makes_a_larger_lead_none() -> None:
    assert list(find_concerns(make_overview(vitec_clock=lead(-8.0)), skew=10.0)) == []
