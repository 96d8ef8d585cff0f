"""How often Vitec is asked before a person must: each doubt has patience of its own (guards of rule 24)."""

from models import State
from tests.clock import FixedClock
from tests.outbox.scene import ABSENT, GAP, QUIET, THERE, UNCLEAR, Scene
from worker import reconciling
from worker.outbox.exchange.look_ups import ClaimedLookUp
from worker.reconciling import Decider, SendAgain


def absent_twice(scene: Scene, clock: FixedClock) -> None:
    """Two look-ups give leave to send again."""
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    scene.look_up(ABSENT)


def in_doubt_again(scene: Scene, id_: int) -> None:
    """It is sent again, and not answered again."""
    (claimed,) = scene.exchange(want=1).claimed
    assert claimed.id == id_
    scene.unanswered(claimed)


def test_a_second_attempts_doubt_begins_with_full_patience(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    absent_twice(scene, clock)
    in_doubt_again(scene, id_)
    clock.advance(QUIET)
    for needs_person in (False, False, True):
        assert not scene.row(id_).needs_person
        scene.look_up(UNCLEAR)
        assert scene.row(id_).needs_person is needs_person
        clock.advance(GAP)


def test_so_does_a_doubt_that_old_leave_has_become(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    absent_twice(scene, clock)
    clock.advance(GAP)
    for needs_person in (False, False, True):
        assert scene.row(id_).look_ups < 5
        scene.look_up(UNCLEAR)
        assert (scene.row(id_).state, scene.row(id_).needs_person) == (State.IN_DOUBT, needs_person)
        clock.advance(GAP)


def test_look_ups_of_dead_workers_cost_no_patience(scene: Scene, clock: FixedClock) -> None:
    """They have proven nothing, not even that Vitec's answer is unclear."""
    id_ = scene.doubtful()
    clock.advance(QUIET)
    for _ in range(5):
        assert len(scene.exchange(want=5).look_ups) == 1
        clock.advance(GAP)
    scene.look_up(UNCLEAR)
    assert (scene.row(id_).look_ups, scene.row(id_).needs_person) == (6, False)


def test_a_look_up_that_never_reached_vitec_costs_no_patience(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    for _ in range(40):
        scene.look_up(UNCLEAR, counts_as_unclear=False, written=False)
        assert not scene.row(id_).needs_person
        clock.advance(GAP)
    for needs_person in [False] * 11 + [True]:
        scene.look_up(UNCLEAR, counts_as_unclear=False)
        assert scene.row(id_).needs_person is needs_person
        clock.advance(GAP)


def test_resent_again_and_again_it_ends_with_a_person(scene: Scene, clock: FixedClock) -> None:
    """Looked up, found absent, sent again, not answered: each doubt uses up one of the budget."""
    id_ = scene.doubtful(max_failures=3)
    for failures in (1, 2):
        assert scene.row(id_).failures == failures
        absent_twice(scene, clock)
        assert scene.row(id_).state is State.RETRYABLE
        in_doubt_again(scene, id_)
    absent_twice(scene, clock)
    assert (scene.row(id_).state, scene.row(id_).needs_person) == (State.IN_DOUBT, True)
    assert scene.row(id_).error_detail == "twice: none is there; but its tries are used up"
    reconciling.carry_out(scene.db, [id_], SendAgain(), Decider("anna", "not in the call log"))
    in_doubt_again(scene, id_)
    assert scene.row(id_).failures == 1


def test_with_its_tries_used_up_it_may_still_be_found(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful(max_failures=1)
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    scene.look_up(THERE)
    assert scene.row(id_).state is State.SUCCEEDED


def test_look_ups_slower_than_their_permission_end_with_a_person(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    for needs_person in [False] * 11 + [True]:
        (doubtful,) = scene.exchange(want=5).look_ups
        clock.advance(GAP + 1)
        scene.bring(doubtful, ABSENT)
        assert (scene.row(id_).state, scene.row(id_).needs_person) == (State.IN_DOUBT, needs_person)


def first_look_up(scene: Scene, clock: FixedClock) -> ClaimedLookUp:
    clock.advance(QUIET)
    (doubtful,) = scene.exchange(want=5).look_ups
    assert doubtful.look_ups == 1
    return doubtful


def test_an_earlier_attempts_look_up_ends_no_later_one(scene: Scene, clock: FixedClock) -> None:
    """A person's decision lets the numbers begin anew: only with the attempt do they name a look-up."""
    id_ = scene.doubtful()
    earlier = first_look_up(scene, clock)
    reconciling.carry_out(scene.db, [id_], SendAgain(), Decider("anna"))
    in_doubt_again(scene, id_)
    later = first_look_up(scene, clock)
    before = scene.row(id_)
    scene.bring(earlier, ABSENT)
    assert scene.row(id_) == before
    assert before.look_up_until is not None
    scene.bring(later, ABSENT)
    assert scene.row(id_).absent_since == clock.moment
