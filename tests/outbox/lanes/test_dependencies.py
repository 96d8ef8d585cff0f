"""A child waits for its parent's success, whichever way that comes, and no longer; a claim never walks past it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from models import Event, State
from tests import factory
from tests.factory import MOMENT
from tests.outbox.gates import COMMIT, Actor
from tests.outbox.plans import explained
from tests.outbox.scene import QUIET, THERE, Scene
from tests.outbox.steps import DIED, DOUBT, SUCCESS, begin, change, claim, done, entries, lane, make, read, settle
from worker import housekeeping, reconciling
from worker.outbox import FixedClock, Outbox
from worker.outbox.exchange import rescue
from worker.outbox.lanes import dependencies as parents
from worker.outbox.lanes import turns as lanes
from worker.reconciling import Delivered, Requeue, Who

ANNA = Who("anna")
AFTER: dict[str, Any] = {"after_kind": "comeback", "after_source_id": "P"}


def child(box: Outbox, **overrides: Any) -> int:
    """An operation of another lane that comes after the one called P."""
    return make(box, kind="appointment", **{**AFTER, **overrides})


def by_its_answer(scene: Scene, clock: FixedClock) -> None:
    turn = begin(scene.box)
    (claimed,) = claim(scene.box, turn).claimed
    settle(scene.box, turn, [done(claimed, SUCCESS)])


def by_a_late_answer(scene: Scene, clock: FixedClock) -> None:
    turn = begin(scene.box)
    (claimed,) = claim(scene.box, turn).claimed
    clock.advance(45)
    rescue.rescue(scene.box, lambda *_: DIED, "there:2")
    settle(scene.box, turn, [done(claimed, SUCCESS)])


def by_what_was_known_before_its_answer(scene: Scene, clock: FixedClock) -> None:
    turn = begin(scene.box)
    (claimed,) = claim(scene.box, turn).claimed
    change(scene.box, claimed.id, acted_at=clock.moment)
    settle(scene.box, turn, [done(claimed, DOUBT)])


def by_a_rescue_of_what_was_known_to_have_acted(scene: Scene, clock: FixedClock) -> None:
    (claimed,) = claim(scene.box, begin(scene.box)).claimed
    change(scene.box, claimed.id, acted_at=clock.moment)
    clock.advance(45)
    rescue.rescue(scene.box, lambda *_: DIED, "there:2")


def by_a_look_up(scene: Scene, clock: FixedClock) -> None:
    in_doubt(scene)
    clock.advance(QUIET)
    scene.look_up(THERE)


def by_a_look_up_that_came_too_late(scene: Scene, clock: FixedClock) -> None:
    id_ = in_doubt(scene)
    clock.advance(QUIET)
    (asked,) = scene.exchange(want=5).doubtful
    change(scene.box, id_, state=State.FAILED, finalized_at=clock.moment)
    scene.bring(asked, THERE)


def in_doubt(scene: Scene) -> int:
    (claimed,) = scene.exchange(want=1).claimed
    scene.exchange([done(claimed, DOUBT)])
    change(scene.box, claimed.id, needs_person=False, next_attempt_at=MOMENT + timedelta(seconds=QUIET))
    return claimed.id


def by_a_person(scene: Scene, clock: FixedClock) -> None:
    id_ = in_doubt(scene)
    assert reconciling.decide(scene.box, [id_], Delivered("R"), ANNA).done


WAYS: tuple[Callable[[Scene, FixedClock], None], ...] = (
    by_its_answer,
    by_a_late_answer,
    by_what_was_known_before_its_answer,
    by_a_look_up,
    by_a_look_up_that_came_too_late,
    by_a_person,
)


@pytest.mark.parametrize("way", [*WAYS, by_a_rescue_of_what_was_known_to_have_acted], ids=lambda way: way.__name__)
def test_a_child_is_told_of_its_parents_success(
    scene: Scene, clock: FixedClock, way: Callable[[Scene, FixedClock], None]
) -> None:
    parent = make(scene.box, source_id="P")
    id_ = child(scene.box)
    other = child(scene.box, after_source_id="Q")
    way(scene, clock)
    assert read(scene.box, parent).state is State.SUCCEEDED
    assert (read(scene.box, id_).parent_done, read(scene.box, other).parent_done) == (True, False)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_and_its_lane_is_woken(scene: Scene, clock: FixedClock, way: Callable[[Scene, FixedClock], None]) -> None:
    make(scene.box, source_id="P")
    child(scene.box)
    assert lane(scene.box, kind="appointment").due_at is None
    way(scene, clock)
    assert lanes.due_kinds(scene.box).get("appointment") == 1


def test_it_is_told_in_the_transaction_of_the_success(pg_box: Outbox, pg_url: str, clock: FixedClock) -> None:
    make(pg_box, source_id="P")
    id_ = child(pg_box)
    turn = begin(pg_box)
    (claimed,) = claim(pg_box, turn).claimed
    settler = Actor(
        pg_url, lambda actor: settle(actor.box, turn, [done(claimed, SUCCESS)]), clock, lambda what: what == COMMIT
    )
    assert settler.go_on() == COMMIT
    assert (read(pg_box, claimed.id).state, read(pg_box, id_).parent_done) == (State.IN_FLIGHT, False)
    settler.go_on()
    assert (read(pg_box, claimed.id).state, read(pg_box, id_).parent_done) == (State.SUCCEEDED, True)
    settler.finish()


def test_a_lane_of_nothing_but_waiting_children_is_not_due(box: Outbox) -> None:
    make(box, source_id="P", next_attempt_at=MOMENT + timedelta(hours=1))
    child(box)
    lanes.wake(box, [(factory.CUSTOMER, "appointment")])
    assert lane(box, kind="appointment").due_at is None
    assert lanes.take(box, "appointment", lease=45, worker="here:1") is None


def test_old_leave_is_not_looked_up_before_the_parent_has_succeeded(box: Outbox) -> None:
    """New content may name a parent anew; until that one has succeeded it will not be sent, whatever Vitec says."""
    old = {"send_again_until": MOMENT - timedelta(minutes=1), "next_attempt_at": MOMENT - timedelta(minutes=1)}
    make(box, kind="appointment")
    id_ = make(box, State.RETRYABLE, kind="appointment", **AFTER, **old)
    turn = begin(box, "appointment")
    assert claim(box, turn).doubtful == ()
    change(box, id_, parent_done=True)
    assert [one.id for one in claim(box, turn).doubtful] == [id_]


def test_a_child_that_is_requeued_knows_what_it_missed_when_it_had_ended(box: Outbox) -> None:
    make(box, State.SUCCEEDED, source_id="P")
    id_ = child(box, state=State.FAILED, finalized_at=MOMENT, parent_done=False)
    assert reconciling.decide(box, [id_], Requeue(), ANNA).done
    assert read(box, id_).parent_done


def test_a_parent_that_is_requeued_is_waited_for_anew(box: Outbox) -> None:
    parent = make(box, State.FAILED, source_id="P")
    assert reconciling.decide(box, [parent], Requeue(), ANNA).done
    id_ = child(box)
    assert housekeeping.expire(box)["orphaned"] == 0
    assert not read(box, id_).parent_done
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    assert read(box, id_).parent_done


def test_a_child_that_somebody_else_has_locked_is_not_waited_for(pg_box: Outbox) -> None:
    """Who locks by ids, as a person's decision does, would wait for the parent in its turn."""
    make(pg_box, source_id="P")
    id_ = child(pg_box)
    turn = begin(pg_box)
    (claimed,) = claim(pg_box, turn).claimed
    with pg_box.write() as other:
        other.execute(text(f"SELECT 1 FROM operations WHERE id = {id_} FOR NO KEY UPDATE"))
        settle(pg_box, turn, [done(claimed, SUCCESS)])
        assert parents.correct(pg_box) == 0
    assert not read(pg_box, id_).parent_done
    assert parents.correct(pg_box) == 1
    assert read(pg_box, id_).parent_done


def test_a_turn_frees_no_more_than_a_batch_and_housekeeping_the_rest(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parents, "BATCH", 3)
    make(box, source_id="P")
    ids = [child(box) for _ in range(8)]
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    assert sum(read(box, id_).parent_done for id_ in ids) == 3
    assert parents.correct(box) == 5
    assert all(read(box, id_).parent_done for id_ in ids)


def test_a_success_asks_after_children_only_where_somebody_waits(box: Outbox) -> None:
    asked: list[str] = []
    make(box, source_id="P")
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed

    @event.listens_for(box.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    settle(box, turn, [done(claimed, SUCCESS)])
    assert not any("child.feed" in statement for statement in asked)


def test_what_has_ended_is_told_nothing(box: Outbox) -> None:
    """Its history would say otherwise; whoever brings it back asks anew."""
    make(box, source_id="P")
    id_ = child(box, state=State.CANCELLED, finalized_at=MOMENT)
    turn = begin(box)
    (claimed,) = claim(box, turn).claimed
    settle(box, turn, [done(claimed, SUCCESS)])
    assert not read(box, id_).parent_done
    assert [entry.event for entry in entries(box, id_)] == [Event.DECIDED]


MANY = """
INSERT INTO operations (kind, customer_id, feed, source_id, payload, payload_hash, next_attempt_at, after_kind,
    after_source_id, parent_done)
SELECT 'comeback', 'M30001', 'crm', 'child ' || n, '{}', 'h', now() - interval '1 day', 'appointment',
    CASE WHEN n % 2 = 0 THEN 'nobody' ELSE 'P' END, false FROM generate_series(1, 20000) AS n
"""


def test_neither_claim_nor_success_reads_the_children_that_wait_in_vain(pg_box: Outbox) -> None:
    make(pg_box)
    with pg_box.write() as connection:
        connection.execute(text(MANY))
    with pg_box.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    turn = begin(pg_box)
    # A settlement names its rows by id; with so few rows it is the engine that forbids reading all of them.
    plans = explained(pg_box.engine, "SELECT", "WITH")
    (claimed,) = claim(pg_box, turn).claimed
    settle(pg_box, turn, [done(claimed, SUCCESS)])
    assert any("ix_operations_due" in plan for plan in plans)
    assert any("ix_operations_children on operations child" in plan for plan in plans)
    assert [plan for plan in plans if "Seq Scan on operations" in plan] == []
