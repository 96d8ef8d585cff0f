"""Rows that wait in vain are ended; rows that do not wait are left alone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from models import Event, State
from tests.clock import FixedClock
from tests.factory import MOMENT, make_environment, make_operation
from tests.outbox.gates import Actor
from tests.outbox.plans import explained
from tests.outbox.steps import begin, claim, entries, make, read, wake_all
from worker.outbox import Database, connect
from worker.outbox.lanes import turns
from worker.outbox.upkeep import expiry

WAITING = (State.PENDING, State.RETRYABLE)


@pytest.mark.parametrize("state", WAITING)
def test_an_overdue_row_expires_and_is_reported_again(db: Database, state: State, clock: FixedClock) -> None:
    id_ = make(db, state, expires_at=MOMENT + timedelta(seconds=10), reported_at=MOMENT)
    clock.advance(9.999)
    assert expiry.expire_overdue(db) == 0
    clock.advance(0.001)
    assert expiry.expire_overdue(db) == 1
    row, entry = read(db, id_), entries(db, id_)[-1]
    assert row.state is State.EXPIRED
    assert row.finalized_at == clock.moment
    assert row.reported_at is None
    assert entry.event is Event.CLOSED
    assert entry.outcome == "expired"
    assert entry.attempt == row.attempt
    assert expiry.expire_overdue(db) == 0


@pytest.mark.parametrize("state", [state for state in State if state not in {*WAITING, State.EXPIRED}])
def test_other_rows_do_not_expire(db: Database, state: State) -> None:
    id_ = make(db, state, expires_at=MOMENT - timedelta(hours=1))
    before = read(db, id_)
    assert expiry.expire_overdue(db) == 0
    assert read(db, id_) == before


@pytest.mark.parametrize("end", [State.FAILED, State.CANCELLED, State.EXPIRED])
def test_a_child_fails_with_its_parent(db: Database, end: State) -> None:
    make(db, end, kind="appointment", source_id="P")
    child = make(db, after_kind="appointment", after_source_id="P")
    assert expiry.fail_orphans(db) == 1
    row = read(db, child)
    assert row.state is State.FAILED
    assert row.error_code == "parent_failed"
    assert row.finalized_at == MOMENT
    assert entries(db, child)[-1].code == "parent_failed"


@pytest.mark.parametrize("parent", [state for state in State if state.value not in {"failed", "cancelled", "expired"}])
def test_a_child_waits_while_its_parent_may_still_succeed(db: Database, parent: State) -> None:
    make(db, parent, kind="appointment", source_id="P")
    make(db, after_kind="appointment", after_source_id="P")
    make(db, after_kind="appointment", after_source_id="nobody")
    assert expiry.fail_orphans(db) == 0


def test_a_row_of_another_feed_is_no_parent(db: Database) -> None:
    make(db, State.FAILED, kind="appointment", source_id="P", feed="other")
    make(db, after_kind="appointment", after_source_id="P")
    assert expiry.fail_orphans(db) == 0


def test_more_than_a_batch_is_ended_in_batches(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 3)
    for _ in range(7):
        make(db, expires_at=MOMENT - timedelta(seconds=1))
    assert expiry.expire_overdue(db) == 7


def test_a_row_does_not_expire_during_its_claim(pg_db: Database, pg_url: str, clock: FixedClock) -> None:
    id_ = make(pg_db, expires_at=MOMENT + timedelta(seconds=5))
    turn = begin(pg_db)
    claimer = Actor(
        pg_url, lambda actor: claim(actor.db, turn), FixedClock(clock.moment), lambda point: point == "COMMIT"
    )
    assert claimer.go_on() == "COMMIT"
    clock.advance(5)
    # The locked row is passed over, not waited for; and once it is in flight it does not wait any more.
    assert expiry.expire_overdue(pg_db) == 0
    assert len(claimer.finish().claimed) == 1
    assert expiry.expire_overdue(pg_db) == 0
    assert read(pg_db, id_).state is State.IN_FLIGHT


def test_an_expired_row_makes_no_lane_due(db: Database, clock: FixedClock) -> None:
    make(db, expires_at=MOMENT + timedelta(seconds=5))
    wake_all(db)
    assert turns.due_kinds(db) == {"comeback": 1}
    clock.advance(5)
    assert turns.due_kinds(db) == {}


@pytest.mark.parametrize("end", [expiry.expire_overdue, expiry.fail_orphans])
def test_an_ended_row_keeps_no_traces_of_look_ups(db: Database, end: Callable[[Database], int]) -> None:
    make(db, State.FAILED, kind="appointment", source_id="P")
    id_ = make(
        db,
        State.RETRYABLE,
        expires_at=MOMENT - timedelta(seconds=1),
        after_kind="appointment",
        after_source_id="P",
        absent_since=MOMENT - timedelta(minutes=5),
        send_again_until=MOMENT + timedelta(minutes=5),
    )
    assert end(db) == 1
    row = read(db, id_)
    assert (row.absent_since, row.send_again_until) == (None, None)


@pytest.fixture
def plans(pg_url: str) -> dict[str, str]:
    """By the index that each should use, how PostgreSQL picks what ends among 50 000 rows, by its own clock."""
    db = Database(connect(pg_url))
    with db.write() as connection:
        make_environment(connection)
        for state in (State.PENDING, State.SUCCEEDED):
            make_operation(connection, state, source_id=f"of {state}")
        connection.execute(text(MANY))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    plans = explained(db.engine, "WITH picked")
    expiry.expire_overdue(db)
    expiry.fail_orphans(db)
    db.engine.dispose()
    return dict(zip(("ix_operations_expiring", "ix_operations_children"), plans, strict=True))


MANY = """
INSERT INTO operations (kind, customer_id, feed, source_id, payload, payload_hash, state, finalized_at, expires_at,
    after_kind, after_source_id)
SELECT kind, customer_id, feed, 'copy ' || n, payload, payload_hash,
    CASE WHEN n % 10 < 3 THEN 'pending' ELSE 'succeeded' END,
    CASE WHEN n % 10 < 3 THEN NULL ELSE now() END,
    CASE WHEN n % 4 = 0 THEN now() + interval '1 day' END,
    CASE WHEN n % 50 = 0 THEN kind END,
    CASE WHEN n % 50 = 0 THEN 'copy ' || (n + 5) END
FROM operations, generate_series(1, 50000) AS n WHERE source_id = 'of pending'
"""


def test_postgresql_finds_rows_to_end_by_index(plans: dict[str, str]) -> None:
    for index, plan in plans.items():
        assert f"using {index} on " in plan, plan
        assert "Seq Scan on operations" not in plan, plan
        # The primary key is only asked for what has been picked; it is never walked.
        assert plan.count("pk_operations") == plan.count("Index Cond: (id = picked.id)"), plan
    (entered,) = [line for line in plans["ix_operations_expiring"].splitlines() if "expires_at <= " in line]
    assert entered.strip().startswith("Index Cond: ")
