"""Look-ups as rows: when they are due, what they are held against, and what they move (guards of rules 22 and 24)."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from models import Event, Operation, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.scene import ABSENT, DOUBT, GAP, QUIET, THERE, UNCLEAR, Scene
from tests.outbox.steps import begin, change, make
from worker.decide import Settlement
from worker.kind import LookUpResult
from worker.outbox import Database
from worker.outbox.exchange.claim import claim
from worker.outbox.exchange.settle import Finished
from worker.outbox.lanes import turns


def test_nothing_is_looked_up_in_the_quiet_time(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET - 1)
    assert scene.exchange(want=5).look_ups == ()
    clock.advance(1)
    (doubtful,) = scene.exchange(want=5).look_ups
    assert doubtful.id == id_
    assert doubtful.attempt == 1
    assert doubtful.look_ups == 1
    assert doubtful.sent_at == MOMENT
    assert doubtful.payload["contact_id"] == "ADR0001"


def test_a_look_up_that_is_due_makes_its_lane_due(scene: Scene, clock: FixedClock) -> None:
    scene.doubtful()
    assert scene.turn is not None
    turns.end_turn(scene.db, scene.turn)
    assert turns.due_kinds(scene.db) == {}
    with scene.db.read() as connection:
        assert factory.lane(connection).due_at == MOMENT + timedelta(seconds=QUIET)
    clock.advance(QUIET)
    assert turns.due_kinds(scene.db) == {"comeback": 1}


def test_a_row_that_needs_a_person_is_not_looked_up(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    with scene.db.write() as connection:
        connection.execute(update(Operation).where(Operation.id == id_).values(needs_person=True))
    clock.advance(QUIET)
    assert scene.exchange(want=5).look_ups == ()


def test_a_row_found_present_has_succeeded(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    scene.look_up(THERE)
    row = scene.row(id_)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "R1"
    assert row.acted_at == clock.moment
    assert row.error_code is None
    assert row.needs_person is False
    assert row.reported_at is None
    entry = scene.history(id_)[-1]
    assert entry.event is Event.LOOKED_UP
    assert entry.code == "there"
    assert entry.outcome == "succeeded"
    assert entry.remote_id == "R1"


def test_two_absences_with_the_gap_between_allow_one_more_send(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    assert scene.row(id_).state is State.IN_DOUBT
    clock.advance(GAP - 1)
    assert scene.exchange(want=5).look_ups == ()
    clock.advance(1)
    scene.look_up(ABSENT)
    assert scene.row(id_).state is State.RETRYABLE
    (claimed,) = scene.exchange(want=5).claimed
    assert (claimed.id, claimed.attempt) == (id_, 2)
    row = scene.row(id_)
    assert row.send_again_until is None
    assert row.absent_since is None
    assert row.first_claimed_at == MOMENT


def test_an_unclear_answer_between_absences_starts_over(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    for result in (ABSENT, UNCLEAR, ABSENT):
        scene.look_up(result)
        clock.advance(GAP)
    assert scene.row(id_).state is State.IN_DOUBT
    scene.look_up(ABSENT)
    assert scene.row(id_).state is State.RETRYABLE


def test_leave_to_send_again_grows_old(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    result = scene.exchange(want=5)
    assert result.claimed == ()
    (doubtful,) = result.look_ups
    scene.bring(doubtful, ABSENT)
    assert [claimed.id for claimed in scene.exchange(want=5).claimed] == [id_]


def test_a_claim_by_itself_heeds_old_leave(db: Database) -> None:
    """Also where no look-up has taken the row out of its way before."""
    make(db)
    make(db, State.RETRYABLE, send_again_until=MOMENT, next_attempt_at=MOMENT)
    fresh = make(db, State.RETRYABLE, send_again_until=MOMENT + timedelta(seconds=1), next_attempt_at=MOMENT)
    turn = begin(db)
    with db.write() as connection:
        claimed, _ = claim(connection, turn, 5)
    assert [operation.id for operation in claimed][1:] == [fresh]


def test_old_leave_that_is_not_confirmed_is_doubt_again(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    for _ in range(2):
        scene.look_up(ABSENT)
        clock.advance(GAP)
    scene.look_up(UNCLEAR)
    row = scene.row(id_)
    assert row.state is State.IN_DOUBT
    assert row.send_again_until is None
    assert row.absent_since is None
    assert scene.exchange(want=5).claimed == ()


@pytest.mark.parametrize("result", [ABSENT, UNCLEAR])
def test_a_look_up_of_a_moved_row_changes_nothing(scene: Scene, clock: FixedClock, result: LookUpResult) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    (first,) = scene.exchange(want=5).look_ups
    clock.advance(GAP)
    (second,) = scene.exchange(want=5).look_ups
    scene.bring(first, result)
    assert (scene.row(id_).state, scene.row(id_).absent_since) == (State.IN_DOUBT, None)
    scene.end(id_, State.CANCELLED)
    scene.bring(second, result)
    assert scene.row(id_).state is State.CANCELLED
    assert [entry.event for entry in scene.history(id_)] == [Event.SENT]


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
def test_presence_is_evidence_after_the_row_has_ended(scene: Scene, clock: FixedClock, state: State) -> None:
    id_ = scene.doubtful()
    clock.advance(QUIET)
    (doubtful,) = scene.exchange(want=5).look_ups
    scene.end(id_, state)
    scene.bring(doubtful, THERE)
    row = scene.row(id_)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "R1"
    assert row.reported_at is None
    assert scene.history(id_)[-1].event is Event.LOOKED_UP


def test_an_asked_cancel_is_carried_out_on_absence(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    with scene.db.write() as connection:
        connection.execute(update(Operation).where(Operation.id == id_).values(cancel_asked=True))
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    scene.look_up(ABSENT)
    row = scene.row(id_)
    assert row.state is State.CANCELLED
    assert not row.cancel_asked
    assert row.finalized_at == clock.moment


def test_a_row_that_a_look_up_cancelled_keeps_no_error(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful()
    assert scene.row(id_).error_code == "unanswered"
    change(scene.db, id_, cancel_asked=True)
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    scene.look_up(ABSENT)
    row = scene.row(id_)
    assert row.state is State.CANCELLED
    assert row.error_code is None
    assert row.error_detail is None


def test_expired_resend_permission_is_looked_up_in_any_state(scene: Scene, clock: FixedClock) -> None:
    """Whichever waiting state it stands in, old leave is looked up, and the answer counts."""
    id_ = scene.doubtful()
    clock.advance(QUIET)
    for _ in range(2):
        scene.look_up(ABSENT)
        clock.advance(GAP)
    with scene.db.write() as connection:
        connection.execute(update(Operation).where(Operation.id == id_).values(state=State.PENDING))
    scene.look_up(ABSENT)
    assert [claimed.id for claimed in scene.exchange(want=5).claimed] == [id_]


@pytest.mark.parametrize("state", [State.IN_FLIGHT, State.IN_DOUBT])
def test_nothing_is_concluded_while_another_like_it_is_under_way(scene: Scene, clock: FixedClock, state: State) -> None:
    id_ = scene.doubtful(match_key="A")
    if state is State.IN_FLIGHT:
        scene.make(match_key="A")
        scene.exchange(want=1)
    else:
        scene.make(state, match_key="A", needs_person=True)
    clock.advance(QUIET)
    scene.look_up(THERE)
    assert scene.row(id_).state is State.IN_DOUBT


def test_a_match_may_belong_to_a_row_without_id(scene: Scene, clock: FixedClock) -> None:
    """A person said of the other that it is there, and could not say under which id."""
    id_ = scene.doubtful(match_key="A")
    scene.make(State.SUCCEEDED, match_key="A", remote_id=None)
    clock.advance(QUIET)
    scene.look_up(THERE)
    assert (scene.row(id_).state, scene.row(id_).remote_id) == (State.IN_DOUBT, None)


def test_a_row_with_a_known_id_hinders_no_look_up(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful(match_key="A")
    scene.make(State.SUCCEEDED, match_key="A", remote_id="THEIRS")
    clock.advance(QUIET)
    scene.look_up(THERE)
    assert (scene.row(id_).state, scene.row(id_).remote_id) == (State.SUCCEEDED, "R1")


def test_a_dead_workers_look_up_is_repeated_after_the_gap(scene: Scene, clock: FixedClock) -> None:
    scene.doubtful()
    clock.advance(QUIET)
    assert len(scene.exchange(want=5).look_ups) == 1
    assert scene.exchange(want=5).look_ups == ()
    clock.advance(GAP)
    (doubtful,) = scene.exchange(want=5).look_ups
    assert doubtful.look_ups == 2


def test_an_earlier_look_ups_answer_does_not_settle_the_later(scene: Scene, clock: FixedClock) -> None:
    """An absence that a paused worker saw long ago is no second one."""
    id_ = scene.doubtful()
    clock.advance(QUIET)
    (earlier,) = scene.exchange(want=5).look_ups
    clock.advance(GAP)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    assert [latest.look_ups for latest in scene.exchange(want=5).look_ups] == [3]
    before = scene.row(id_)
    scene.bring(earlier, ABSENT)
    assert scene.row(id_) == before


def test_look_ups_and_sends_share_the_room(scene: Scene, clock: FixedClock) -> None:
    scene.doubtful()
    for _ in range(6):
        scene.make()
    clock.advance(QUIET)
    result = scene.exchange(want=5)
    assert (len(result.look_ups), len(result.claimed)) == (1, 4)


def test_a_rescued_attempts_late_doubt_restarts_the_quiet_time(scene: Scene, clock: FixedClock) -> None:
    """The worker was believed dead, and its attempt ended only later, in doubt too (guards of rule 22)."""
    id_ = scene.make()
    (claimed,) = scene.exchange(want=1).claimed
    died = Settlement(State.IN_DOUBT, State.IN_DOUBT, delay=QUIET, code="worker_died")
    scene.exchange([Finished(claimed.id, claimed.attempt, died, "there:2")])
    clock.advance(600)
    scene.exchange([Finished(claimed.id, claimed.attempt, DOUBT, "here:1", written=True)])
    row = scene.row(id_)
    assert (row.doubt_since, row.next_attempt_at) == (clock.moment, clock.moment + timedelta(seconds=QUIET))
    clock.advance(QUIET - 1)
    assert scene.exchange(want=5).look_ups == ()
