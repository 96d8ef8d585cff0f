"""A look-up counts once, and from its begin: also if its exchange is reported as failed and made again (guards of rule 24)."""

from datetime import timedelta

import pytest

from models import State
from tests.clock import FixedClock
from tests.outbox.scene import ABSENT, GAP, QUIET, THERE, UNCLEAR, Scene
from worker.kind import LookUpResult
from worker.outbox.exchange.look_ups import ClaimedLookUp


def begin_second_look_up(scene: Scene, clock: FixedClock) -> ClaimedLookUp:
    """Begin the look-up after one that found the operation absent."""
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    (look_up,) = scene.exchange(want=5).look_ups
    return look_up


def test_a_resend_permission_counts_from_the_look_ups_begin(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    look_up = begin_second_look_up(scene, clock)
    begun_at = clock.moment
    clock.advance(GAP / 2)
    scene.bring(look_up, ABSENT)
    row = scene.row(id_)
    assert row.state is State.RETRYABLE
    assert row.send_again_until == begun_at + timedelta(seconds=GAP)
    assert [claimed.id for claimed in scene.exchange(want=5).claimed] == [id_]


def test_an_absence_kept_for_the_gap_permits_no_resend(scene: Scene, clock: FixedClock) -> None:
    """The database was away for as long."""
    id_ = scene.doubtful()
    look_up = begin_second_look_up(scene, clock)
    clock.advance(GAP)
    scene.bring(look_up, ABSENT)
    result = scene.exchange(want=5)
    assert result.claimed == ()
    assert [again.id for again in result.look_ups] == [id_]


@pytest.mark.parametrize("result", [ABSENT, UNCLEAR, THERE])
def test_a_look_up_taken_in_twice_counts_once(scene: Scene, clock: FixedClock, result: LookUpResult) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    look_up = scene.look_up(result)
    row, history = scene.row(id_), scene.history(id_)
    clock.advance(GAP)
    scene.bring(look_up, result)
    assert scene.row(id_) == row
    assert scene.history(id_) == history


def test_a_repeated_absence_renews_no_expired_permission(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    look_up = begin_second_look_up(scene, clock)
    scene.bring(look_up, ABSENT)
    row, history = scene.row(id_), scene.history(id_)
    clock.advance(2 * GAP)
    scene.bring(look_up, ABSENT)
    assert scene.row(id_) == row
    assert scene.history(id_) == history
    assert scene.exchange(want=5).claimed == ()


def test_a_repeated_presence_proves_success_without_rivals(scene: Scene, clock: FixedClock) -> None:
    """The first time another operation like it was in doubt, so nothing was concluded."""
    id_ = scene.doubtful(match_key="A")
    rival = scene.make(State.IN_DOUBT, match_key="A", needs_person=True)
    clock.advance(QUIET)
    look_up = scene.look_up(THERE)
    assert scene.row(id_).state is State.IN_DOUBT
    scene.end(rival, State.CANCELLED)
    scene.bring(look_up, THERE)
    assert scene.row(id_).state is State.SUCCEEDED
