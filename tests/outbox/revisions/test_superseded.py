"""Evidence of an attempt is for what it was sent with, also when the CRM has put something else in its place since."""

from typing import Any

import pytest
from sqlalchemy import select

from models import Event, RejectedRow, State
from tests import factory
from tests.clock import FixedClock
from tests.outbox.scene import ABSENT, GAP, QUIET, THERE, Scene
from tests.outbox.steps import DIED, DOUBT, REFUSAL, SUCCESS, begin, change, claim, done, entries, make, read, settle
from worker import reconciling
from worker.decide import Settlement
from worker.outbox import Database
from worker.outbox.database.staging import NewOperation
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import Claimed
from worker.outbox.intake.record import record_rows
from worker.outbox.lanes.turns import Turn
from worker.outbox.revisions.judge import IntakeResult
from worker.outbox.revisions.superseded import SENT_BEFORE_CHANGE
from worker.reconciling import Decider, Delivered, SendAgain

ANNA = Decider("anna")
OLD: dict[str, Any] = {"source_id": "C", "payload_hash": "old", "match_key": "old key"}


def export(db: Database, content: str, file: int | None = None, key: str | None = None) -> IntakeResult:
    """The CRM exports the row, perhaps changed."""
    row = NewOperation("comeback", factory.CUSTOMER, "C", "{}", content, key or f"{content} key", line=7)
    with db.write() as connection:
        (result,) = record_rows(connection, [row], feed="crm", feed_file_id=file).results
    return result


def a_file(db: Database) -> int:
    with db.write() as connection:
        return factory.make_feed_file(connection)


def rejected(db: Database) -> list[Any]:
    with db.read() as connection:
        return list(connection.execute(select(RejectedRow.__table__)))


def overtaken(db: Database, clock: FixedClock) -> tuple[Turn, Claimed]:
    """Make an attempt of a rescued turn that a person decided to send again."""
    make(db, **OLD)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    clock.advance(45)
    rescue.rescue_lanes(db, lambda *_: DIED, "there:2")
    reconciling.carry_out(db, [claimed.id], SendAgain(), ANNA)
    return turn, claimed


@pytest.mark.parametrize("state", [State.RETRYABLE, State.FAILED])
def test_late_success_of_older_content_needs_a_person(db: Database, clock: FixedClock, state: State) -> None:
    turn, claimed = overtaken(db, clock)
    assert export(db, "new", a_file(db)) is IntakeResult.REVISED
    if state is State.FAILED:
        change(db, claimed.id, state=state, finalized_at=clock.moment)
    settle(db, turn, [done(claimed, SUCCESS)])
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.remote_id == "R1"
    assert row.needs_person is True
    assert (row.error_code, row.reported_at) == (SENT_BEFORE_CHANGE, None)


def test_the_crm_learns_that_its_change_was_late(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    file = a_file(db)
    export(db, "new", file)
    settle(db, turn, [done(claimed, SUCCESS)])
    (rejection,) = rejected(db)
    assert rejection.feed_file_id == file
    assert rejection.line == 7
    assert rejection.code == "already_sent"
    assert rejection.source_id == "C"
    assert rejection.reported_at is None


def test_a_program_s_change_is_answered_in_the_history(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    export(db, "new")
    settle(db, turn, [done(claimed, SUCCESS)])
    assert rejected(db) == []
    last = entries(db, claimed.id)[-1]
    assert last.event is Event.DECIDED
    assert last.code == "already_sent"
    assert last.by == "crm"


def test_later_exports_are_compared_with_the_content_sent(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    export(db, "new")
    settle(db, turn, [done(claimed, SUCCESS)])
    assert export(db, "new") is IntakeResult.ALREADY_SENT
    assert export(db, "old") is IntakeResult.UNCHANGED
    assert read(db, claimed.id).match_key == "old key"


def test_a_change_that_was_taken_back_leaves_nothing_to_ask(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    export(db, "new")
    export(db, "old")
    settle(db, turn, [done(claimed, SUCCESS)])
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.needs_person is False
    assert row.error_code is None


def test_a_success_of_present_content_needs_no_person(db: Database, clock: FixedClock) -> None:
    _, claimed = overtaken(db, clock)
    export(db, "new")
    second_turn = begin(db)
    (second,) = claim(db, second_turn).claimed
    clock.advance(45)
    rescue.rescue_lanes(db, lambda *_: DIED, "there:3")
    settle(db, second_turn, [done(second, SUCCESS)])
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.needs_person is False
    assert row.payload_hash == "new"


@pytest.mark.parametrize(
    ("brings", "code"), [(REFUSAL, SENT_BEFORE_CHANGE), (DOUBT, SENT_BEFORE_CHANGE), (SUCCESS, "acted_twice")]
)
def test_superseded_content_in_flight_is_shown_at_its_settlement(
    db: Database, clock: FixedClock, brings: Settlement, code: str
) -> None:
    turn, claimed = overtaken(db, clock)
    export(db, "new")
    second_turn = begin(db)
    (second,) = claim(db, second_turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    assert not read(db, claimed.id).needs_person
    settle(db, second_turn, [done(second, brings)])
    row = read(db, claimed.id)
    assert row.state is State.SUCCEEDED
    assert row.error_code == code
    assert row.needs_person is True


def test_a_person_can_clear_the_question(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    export(db, "new")
    settle(db, turn, [done(claimed, SUCCESS)])
    assert reconciling.carry_out(db, [claimed.id], Delivered(), ANNA).carried_out
    row = read(db, claimed.id)
    assert (row.needs_person, row.error_code) == (False, None)


def seen_too_late(scene: Scene, clock: FixedClock, other_key: str | None = None) -> int:
    """A look-up finds it there after a person had it sent again and the CRM has changed it."""
    id_ = scene.doubtful(**OLD)
    clock.advance(QUIET)
    (look_up,) = scene.exchange(want=5).look_ups
    reconciling.carry_out(scene.db, [id_], SendAgain(), ANNA)
    export(scene.db, "new")
    if other_key is not None:
        scene.make(State.IN_DOUBT, match_key=other_key)
    scene.bring(look_up, THERE)
    return id_


def test_older_content_found_by_look_up_needs_a_person(scene: Scene, clock: FixedClock) -> None:
    row = scene.row(seen_too_late(scene, clock))
    assert row.state is State.SUCCEEDED
    assert row.error_code == SENT_BEFORE_CHANGE
    assert row.needs_person is True


@pytest.mark.parametrize(
    ("key", "state"), [("old key", State.RETRYABLE), ("new key", State.SUCCEEDED)], ids=["as sent", "as it stands"]
)
def test_a_sighting_may_belong_to_a_row_like_ours(scene: Scene, clock: FixedClock, key: str, state: State) -> None:
    assert scene.row(seen_too_late(scene, clock, other_key=key)).state is state


@pytest.mark.parametrize(("key", "stays"), [("old key", True), ("new key", False)])
def test_resend_permission_ends_with_a_new_match_key(scene: Scene, clock: FixedClock, key: str, stays: bool) -> None:
    """Grown old, it would have Vitec asked about something that was never sent, and what is there taken for ours."""
    id_ = scene.doubtful(**OLD)
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    scene.look_up(ABSENT)
    assert scene.row(id_).send_again_until is not None
    assert export(scene.db, "new", key=key) is IntakeResult.REVISED
    assert (scene.row(id_).send_again_until is not None) is stays
    clock.advance(GAP)
    result = scene.exchange(want=5)
    assert (len(result.look_ups), len(result.claimed)) == ((1, 0) if stays else (0, 1))
