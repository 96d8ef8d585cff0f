"""Rivals of a look-up: the operations that the read-back may show in its place (guards of rule 24)."""

from models import State
from tests.clock import FixedClock
from tests.outbox.scene import QUIET, THERE, Scene
from tests.outbox.steps import change


def test_a_look_up_knows_the_id_of_each_rival(scene: Scene, clock: FixedClock) -> None:
    for match_key, remote_id in (("A", "THEIRS"), ("A", None), ("A", "ITS OWN"), ("B", "UNRELATED")):
        scene.make(State.SUCCEEDED, match_key=match_key, remote_id=remote_id)
    scene.doubtful(match_key="A")
    clock.advance(QUIET)
    (doubtful,) = scene.exchange(want=5).look_ups
    assert sorted(doubtful.known_ids) == ["ITS OWN", "THEIRS"]
    assert doubtful.asked_at == clock.moment


def test_an_id_that_a_rival_has_got_is_not_ours(scene: Scene, clock: FixedClock) -> None:
    """The rival was in doubt when the look-up began, and a late answer has named the very meeting that was seen."""
    rival = scene.make(State.SUCCEEDED, match_key="A", remote_id=None)
    id_ = scene.doubtful(match_key="A")
    clock.advance(QUIET)
    (doubtful,) = scene.exchange(want=5).look_ups
    change(scene.db, rival, remote_id=THERE.remote_id)
    scene.bring(doubtful, THERE)
    assert scene.row(id_).state is State.IN_DOUBT
    assert scene.row(id_).remote_id is None


def test_an_id_that_a_rival_has_is_no_late_evidence(scene: Scene, clock: FixedClock) -> None:
    """As above, and the operation has been sent again since the look-up began."""
    rival = scene.make(State.SUCCEEDED, match_key="A", remote_id=None)
    id_ = scene.doubtful(match_key="A")
    clock.advance(QUIET)
    (doubtful,) = scene.exchange(want=5).look_ups
    change(scene.db, rival, remote_id=THERE.remote_id)
    change(scene.db, id_, attempt=2)
    scene.bring(doubtful, THERE)
    assert scene.row(id_).state is State.IN_DOUBT
