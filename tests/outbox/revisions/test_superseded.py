"""Evidence of an attempt is for what it was sent with, also when the CRM has put something else in its place since."""

from typing import Any

import pytest
from sqlalchemy import select

from models import Event, RejectedRow, State
from tests import factory
from tests.outbox.scene import ABSENT, GAP, QUIET, THERE, Scene
from tests.outbox.steps import DIED, DOUBT, REFUSAL, SUCCESS, begin, change, claim, done, entries, make, read, settle
from worker import reconciling
from worker.decide import Settlement
from worker.outbox import FixedClock, Outbox
from worker.outbox.exchange import rescue
from worker.outbox.exchange.claim import Claimed
from worker.outbox.intake import record as intake
from worker.outbox.intake.record import NewOperation, Verdict
from worker.outbox.lanes.turns import Turn
from worker.outbox.revisions.superseded import SENT_BEFORE_CHANGE
from worker.reconciling import Delivered, SendAgain, Who

ANNA = Who("anna")
OLD: dict[str, Any] = {"source_id": "C", "payload_hash": "old", "match_key": "old key"}


def export(box: Outbox, content: str, file: int | None = None, key: str | None = None) -> Verdict:
    """The CRM exports the row, perhaps changed."""
    row = NewOperation("comeback", factory.CUSTOMER, "C", "{}", content, key or f"{content} key", line=7)
    with box.write() as connection:
        (verdict,) = intake.record(connection, box, [row], feed="crm", feed_file_id=file).verdicts
    return verdict


def a_file(box: Outbox) -> int:
    with box.write() as connection:
        return factory.make_feed_file(connection)


def rejected(box: Outbox) -> list[Any]:
    with box.read() as connection:
        return list(connection.execute(select(RejectedRow.__table__)))


def overtaken(box: Outbox, clock: FixedClock) -> tuple[Turn, Claimed]:
    """An attempt whose worker was believed dead, and that a person said to send again."""
    make(box, **OLD)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    clock.advance(45)
    rescue.rescue(box, lambda *_: DIED, "there:2")
    reconciling.decide(box, [claimed.id], SendAgain(), ANNA)
    return turn, claimed


@pytest.mark.parametrize("state", [State.RETRYABLE, State.FAILED])
def test_a_late_success_of_older_content_is_shown_to_a_person(box: Outbox, clock: FixedClock, state: State) -> None:
    turn, claimed = overtaken(box, clock)
    assert export(box, "new", a_file(box)) is Verdict.REVISED
    if state is State.FAILED:
        change(box, claimed.id, state=state, finalized_at=clock.moment)
    settle(box, turn, [done(claimed, SUCCESS)])
    row = read(box, claimed.id)
    assert (row.state, row.remote_id, row.needs_person) == (State.SUCCEEDED, "R1", True)
    assert (row.error_code, row.reported_at) == (SENT_BEFORE_CHANGE, None)


def test_and_the_crm_is_told_that_its_change_came_too_late(box: Outbox, clock: FixedClock) -> None:
    turn, claimed = overtaken(box, clock)
    file = a_file(box)
    export(box, "new", file)
    settle(box, turn, [done(claimed, SUCCESS)])
    (told,) = rejected(box)
    assert (told.feed_file_id, told.line, told.code, told.source_id) == (file, 7, "already_sent", "C")
    assert told.reported_at is None


def test_a_program_s_change_is_answered_in_the_history(box: Outbox, clock: FixedClock) -> None:
    turn, claimed = overtaken(box, clock)
    export(box, "new")
    settle(box, turn, [done(claimed, SUCCESS)])
    assert rejected(box) == []
    last = entries(box, claimed.id)[-1]
    assert (last.event, last.code, last.by) == (Event.DECIDED, "already_sent", "crm")


def test_from_then_on_exports_are_answered_as_if_it_had_never_been_changed(box: Outbox, clock: FixedClock) -> None:
    turn, claimed = overtaken(box, clock)
    export(box, "new")
    settle(box, turn, [done(claimed, SUCCESS)])
    assert export(box, "new") is Verdict.ALREADY_SENT
    assert export(box, "old") is Verdict.UNCHANGED
    assert read(box, claimed.id).match_key == "old key"


def test_a_change_that_was_taken_back_leaves_nothing_to_ask(box: Outbox, clock: FixedClock) -> None:
    turn, claimed = overtaken(box, clock)
    export(box, "new")
    export(box, "old")
    settle(box, turn, [done(claimed, SUCCESS)])
    row = read(box, claimed.id)
    assert (row.state, row.needs_person, row.error_code) == (State.SUCCEEDED, False, None)


def test_a_success_of_the_content_that_stands_is_nobody_s_question(box: Outbox, clock: FixedClock) -> None:
    _, claimed = overtaken(box, clock)
    export(box, "new")
    second_turn = begin(box)
    (second,) = claim(box, second_turn).claimed
    clock.advance(45)
    rescue.rescue(box, lambda *_: DIED, "there:3")
    settle(box, second_turn, [done(second, SUCCESS)])
    row = read(box, claimed.id)
    assert (row.state, row.needs_person, row.payload_hash) == (State.SUCCEEDED, False, "new")


@pytest.mark.parametrize(
    ("brings", "code"), [(REFUSAL, SENT_BEFORE_CHANGE), (DOUBT, SENT_BEFORE_CHANGE), (SUCCESS, "acted_twice")]
)
def test_with_the_new_content_in_flight_its_settlement_shows_it(
    box: Outbox, clock: FixedClock, brings: Settlement, code: str
) -> None:
    turn, claimed = overtaken(box, clock)
    export(box, "new")
    second_turn = begin(box)
    (second,) = claim(box, second_turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    assert not read(box, claimed.id).needs_person
    settle(box, second_turn, [done(second, brings)])
    row = read(box, claimed.id)
    assert (row.state, row.error_code, row.needs_person) == (State.SUCCEEDED, code, True)


def test_a_person_who_has_seen_it_takes_the_question_off(box: Outbox, clock: FixedClock) -> None:
    turn, claimed = overtaken(box, clock)
    export(box, "new")
    settle(box, turn, [done(claimed, SUCCESS)])
    assert reconciling.decide(box, [claimed.id], Delivered(), ANNA).done
    row = read(box, claimed.id)
    assert (row.needs_person, row.error_code) == (False, None)


def seen_too_late(scene: Scene, clock: FixedClock, other_key: str | None = None) -> int:
    """A look-up finds it there after a person had it sent again and the CRM has changed it."""
    id_ = scene.doubtful(**OLD)
    clock.advance(QUIET)
    (asked,) = scene.exchange(want=5).doubtful
    reconciling.decide(scene.box, [id_], SendAgain(), ANNA)
    export(scene.box, "new")
    if other_key is not None:
        scene.make(State.IN_DOUBT, match_key=other_key)
    scene.bring(asked, THERE)
    return id_


def test_a_look_up_that_saw_older_content_there_is_shown_to_a_person(scene: Scene, clock: FixedClock) -> None:
    row = scene.row(seen_too_late(scene, clock))
    assert (row.state, row.error_code, row.needs_person) == (State.SUCCEEDED, SENT_BEFORE_CHANGE, True)


@pytest.mark.parametrize(
    ("key", "state"), [("old key", State.RETRYABLE), ("new key", State.SUCCEEDED)], ids=["as sent", "as it stands"]
)
def test_what_it_saw_may_be_that_of_another_like_what_was_sent(
    scene: Scene, clock: FixedClock, key: str, state: State
) -> None:
    assert scene.row(seen_too_late(scene, clock, other_key=key)).state is state


@pytest.mark.parametrize(("key", "stays"), [("old key", True), ("new key", False)])
def test_leave_to_send_again_is_for_what_was_looked_up(scene: Scene, clock: FixedClock, key: str, stays: bool) -> None:
    """Grown old, it would have Vitec asked about something that was never sent, and what is there taken for ours."""
    id_ = scene.doubtful(**OLD)
    clock.advance(QUIET)
    scene.look_up(ABSENT)
    clock.advance(GAP)
    scene.look_up(ABSENT)
    assert scene.row(id_).send_again_until is not None
    assert export(scene.box, "new", key=key) is Verdict.REVISED
    assert (scene.row(id_).send_again_until is not None) is stays
    clock.advance(GAP)
    result = scene.exchange(want=5)
    assert (len(result.doubtful), len(result.claimed)) == ((1, 0) if stays else (0, 1))
