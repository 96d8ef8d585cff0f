"""A child waits for its parent's success, whichever way that comes, and no longer; a claim never walks past it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from models import Event, State
from tests import factory
from tests.clock import FixedClock
from tests.factory import MOMENT
from tests.outbox.gates import COMMIT, Actor
from tests.outbox.plans import explained
from tests.outbox.scene import QUIET, THERE, Scene
from tests.outbox.steps import DIED, DOUBT, SUCCESS, begin, change, claim, done, entries, lane, make, read, settle
from worker import housekeeping, reconciling
from worker.outbox import Database
from worker.outbox.exchange import rescue
from worker.outbox.lanes import dependencies, turns
from worker.reconciling import Decider, Delivered, Requeue

ANNA = Decider("anna")
AFTER: dict[str, Any] = {"after_kind": "comeback", "after_source_id": "P"}


def child(db: Database, **overrides: Any) -> int:
    """An operation of another lane that comes after the one called P."""
    return make(db, kind="appointment", **{**AFTER, **overrides})


def by_its_answer(scene: Scene, clock: FixedClock) -> None:
    turn = begin(scene.db)
    (claimed,) = claim(scene.db, turn).claimed
    settle(scene.db, turn, [done(claimed, SUCCESS)])


def by_a_late_answer(scene: Scene, clock: FixedClock) -> None:
    turn = begin(scene.db)
    (claimed,) = claim(scene.db, turn).claimed
    clock.advance(45)
    rescue.rescue_lanes(scene.db, lambda *_: DIED, "there:2")
    settle(scene.db, turn, [done(claimed, SUCCESS)])


def by_what_was_known_before_its_answer(scene: Scene, clock: FixedClock) -> None:
    turn = begin(scene.db)
    (claimed,) = claim(scene.db, turn).claimed
    change(scene.db, claimed.id, acted_at=clock.moment)
    settle(scene.db, turn, [done(claimed, DOUBT)])


def by_a_rescue_of_what_was_known_to_have_acted(scene: Scene, clock: FixedClock) -> None:
    (claimed,) = claim(scene.db, begin(scene.db)).claimed
    change(scene.db, claimed.id, acted_at=clock.moment)
    clock.advance(45)
    rescue.rescue_lanes(scene.db, lambda *_: DIED, "there:2")


def by_a_look_up(scene: Scene, clock: FixedClock) -> None:
    in_doubt(scene)
    clock.advance(QUIET)
    scene.look_up(THERE)


def by_a_look_up_that_came_too_late(scene: Scene, clock: FixedClock) -> None:
    id_ = in_doubt(scene)
    clock.advance(QUIET)
    (look_up,) = scene.exchange(want=5).look_ups
    change(scene.db, id_, state=State.FAILED, finalized_at=clock.moment)
    scene.bring(look_up, THERE)


def in_doubt(scene: Scene) -> int:
    (claimed,) = scene.exchange(want=1).claimed
    scene.exchange([done(claimed, DOUBT)])
    change(scene.db, claimed.id, needs_person=False, next_attempt_at=MOMENT + timedelta(seconds=QUIET))
    return claimed.id


def by_a_person(scene: Scene, clock: FixedClock) -> None:
    id_ = in_doubt(scene)
    assert reconciling.carry_out(scene.db, [id_], Delivered("R"), ANNA).carried_out


WAYS: tuple[Callable[[Scene, FixedClock], None], ...] = (
    by_its_answer,
    by_a_late_answer,
    by_what_was_known_before_its_answer,
    by_a_look_up,
    by_a_look_up_that_came_too_late,
    by_a_person,
)


@pytest.mark.parametrize("way", [*WAYS, by_a_rescue_of_what_was_known_to_have_acted], ids=lambda way: way.__name__)
def test_a_parents_success_releases_its_child(
    scene: Scene, clock: FixedClock, way: Callable[[Scene, FixedClock], None]
) -> None:
    parent = make(scene.db, source_id="P")
    id_ = child(scene.db)
    unrelated_child = child(scene.db, after_source_id="Q")
    way(scene, clock)
    assert read(scene.db, parent).state is State.SUCCEEDED
    assert (read(scene.db, id_).parent_done, read(scene.db, unrelated_child).parent_done) == (True, False)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_released_childs_lane_is_woken(
    scene: Scene, clock: FixedClock, way: Callable[[Scene, FixedClock], None]
) -> None:
    make(scene.db, source_id="P")
    child(scene.db)
    assert lane(scene.db, kind="appointment").due_at is None
    way(scene, clock)
    assert turns.due_kinds(scene.db).get("appointment") == 1


def test_children_are_released_in_the_transaction_of_the_success(
    pg_db: Database, pg_url: str, clock: FixedClock
) -> None:
    make(pg_db, source_id="P")
    id_ = child(pg_db)
    turn = begin(pg_db)
    (claimed,) = claim(pg_db, turn).claimed
    settler = Actor(
        pg_url, lambda actor: settle(actor.db, turn, [done(claimed, SUCCESS)]), clock, lambda point: point == COMMIT
    )
    assert settler.go_on() == COMMIT
    assert (read(pg_db, claimed.id).state, read(pg_db, id_).parent_done) == (State.IN_FLIGHT, False)
    settler.go_on()
    assert (read(pg_db, claimed.id).state, read(pg_db, id_).parent_done) == (State.SUCCEEDED, True)
    settler.finish()


def test_a_lane_of_nothing_but_waiting_children_is_not_due(db: Database) -> None:
    make(db, source_id="P", next_attempt_at=MOMENT + timedelta(hours=1))
    child(db)
    turns.wake_lanes(db, [(factory.CUSTOMER, "appointment")])
    assert lane(db, kind="appointment").due_at is None
    assert turns.take_turn(db, "appointment", lease=45, worker="here:1") is None


def test_expired_resend_permission_waits_for_the_parent(db: Database) -> None:
    """New content may name a parent anew; until that one has succeeded it will not be sent, whatever Vitec says."""
    old = {"send_again_until": MOMENT - timedelta(minutes=1), "next_attempt_at": MOMENT - timedelta(minutes=1)}
    make(db, kind="appointment")
    id_ = make(db, State.RETRYABLE, kind="appointment", **AFTER, **old)
    turn = begin(db, "appointment")
    assert claim(db, turn).look_ups == ()
    change(db, id_, parent_done=True)
    assert [look_up.id for look_up in claim(db, turn).look_ups] == [id_]


def test_a_requeued_child_learns_its_parents_end(db: Database) -> None:
    make(db, State.SUCCEEDED, source_id="P")
    id_ = child(db, state=State.FAILED, finalized_at=MOMENT, parent_done=False)
    assert reconciling.carry_out(db, [id_], Requeue(), ANNA).carried_out
    assert read(db, id_).parent_done


def test_a_child_waits_for_a_requeued_parent(db: Database) -> None:
    parent = make(db, State.FAILED, source_id="P")
    assert reconciling.carry_out(db, [parent], Requeue(), ANNA).carried_out
    id_ = child(db)
    assert housekeeping.expire(db)["orphaned"] == 0
    assert not read(db, id_).parent_done
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    assert read(db, id_).parent_done


def test_a_child_locked_elsewhere_is_not_waited_for(pg_db: Database) -> None:
    """A transaction that locks by ids, as a person's decision does, would wait for the parent in its turn."""
    make(pg_db, source_id="P")
    id_ = child(pg_db)
    turn = begin(pg_db)
    (claimed,) = claim(pg_db, turn).claimed
    with pg_db.write() as locking:
        locking.execute(text(f"SELECT 1 FROM operations WHERE id = {id_} FOR NO KEY UPDATE"))
        settle(pg_db, turn, [done(claimed, SUCCESS)])
        assert dependencies.release_missed(pg_db) == 0
    assert not read(pg_db, id_).parent_done
    assert dependencies.release_missed(pg_db) == 1
    assert read(pg_db, id_).parent_done


def test_a_turn_releases_one_batch_and_housekeeping_the_others(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "BATCH", 3)
    make(db, source_id="P")
    ids = [child(db) for _ in range(8)]
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    assert sum(read(db, id_).parent_done for id_ in ids) == 3
    assert dependencies.release_missed(db) == 5
    assert all(read(db, id_).parent_done for id_ in ids)


def test_a_success_looks_for_children_only_if_any_wait(db: Database) -> None:
    statements: list[str] = []
    make(db, source_id="P")
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    settle(db, turn, [done(claimed, SUCCESS)])
    assert not any("child.feed" in statement for statement in statements)


def test_an_ended_child_is_not_released(db: Database) -> None:
    """Its history would say otherwise; a requeue asks again."""
    make(db, source_id="P")
    id_ = child(db, state=State.CANCELLED, finalized_at=MOMENT)
    turn = begin(db)
    (claimed,) = claim(db, turn).claimed
    settle(db, turn, [done(claimed, SUCCESS)])
    assert not read(db, id_).parent_done
    assert [entry.event for entry in entries(db, id_)] == [Event.DECIDED]


MANY = """
INSERT INTO operations (kind, customer_id, feed, source_id, payload, payload_hash, next_attempt_at, after_kind,
    after_source_id, parent_done)
SELECT 'comeback', 'M30001', 'crm', 'child ' || n, '{}', 'h', now() - interval '1 day', 'appointment',
    CASE WHEN n % 2 = 0 THEN 'nobody' ELSE 'P' END, false FROM generate_series(1, 20000) AS n
"""


def test_neither_claim_nor_success_reads_blocked_children(pg_db: Database) -> None:
    make(pg_db)
    with pg_db.write() as connection:
        connection.execute(text(MANY))
    with pg_db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    turn = begin(pg_db)
    # A settlement names its rows by id; with so few rows it is the engine that forbids reading all of them.
    plans = explained(pg_db.engine, "SELECT", "WITH")
    (claimed,) = claim(pg_db, turn).claimed
    settle(pg_db, turn, [done(claimed, SUCCESS)])
    assert any("ix_operations_due" in plan for plan in plans)
    assert any("ix_operations_children on operations child" in plan for plan in plans)
    assert [plan for plan in plans if "Seq Scan on operations" in plan] == []
