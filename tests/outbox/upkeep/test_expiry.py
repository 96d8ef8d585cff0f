"""What waits in vain is ended; what does not wait is left alone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from models import Event, State
from tests.factory import MOMENT, make_environment, make_operation
from tests.outbox.gates import Actor
from tests.outbox.plans import explained
from tests.outbox.steps import begin, claim, entries, make, read, wake_all
from worker.outbox import FixedClock, Outbox, connect
from worker.outbox.lanes import turns as lanes
from worker.outbox.upkeep import expiry

WAITING = (State.PENDING, State.RETRYABLE)


@pytest.mark.parametrize("state", WAITING)
def test_what_waits_past_its_time_expires_and_is_news(box: Outbox, state: State, clock: FixedClock) -> None:
    id_ = make(box, state, expires_at=MOMENT + timedelta(seconds=10), reported_at=MOMENT)
    clock.advance(9.999)
    assert expiry.expire(box) == 0
    clock.advance(0.001)
    assert expiry.expire(box) == 1
    row, entry = read(box, id_), entries(box, id_)[-1]
    assert (row.state, row.finalized_at, row.reported_at) == (State.EXPIRED, clock.moment, None)
    assert (entry.event, entry.outcome, entry.attempt) == (Event.CLOSED, "expired", row.attempt)
    assert expiry.expire(box) == 0


@pytest.mark.parametrize("state", [state for state in State if state not in {*WAITING, State.EXPIRED}])
def test_nothing_else_expires(box: Outbox, state: State) -> None:
    id_ = make(box, state, expires_at=MOMENT - timedelta(hours=1))
    before = read(box, id_)
    assert expiry.expire(box) == 0
    assert read(box, id_) == before


@pytest.mark.parametrize("end", [State.FAILED, State.CANCELLED, State.EXPIRED])
def test_a_child_fails_with_its_parent(box: Outbox, end: State) -> None:
    make(box, end, kind="appointment", source_id="P")
    child = make(box, after_kind="appointment", after_source_id="P")
    assert expiry.orphan(box) == 1
    row = read(box, child)
    assert (row.state, row.error_code, row.finalized_at) == (State.FAILED, "parent_failed", MOMENT)
    assert entries(box, child)[-1].code == "parent_failed"


@pytest.mark.parametrize("parent", [state for state in State if state.value not in {"failed", "cancelled", "expired"}])
def test_a_child_waits_while_its_parent_may_still_succeed(box: Outbox, parent: State) -> None:
    make(box, parent, kind="appointment", source_id="P")
    make(box, after_kind="appointment", after_source_id="P")
    make(box, after_kind="appointment", after_source_id="nobody")
    assert expiry.orphan(box) == 0


def test_a_parent_of_another_feed_is_nobodys_parent(box: Outbox) -> None:
    make(box, State.FAILED, kind="appointment", source_id="P", feed="other")
    make(box, after_kind="appointment", after_source_id="P")
    assert expiry.orphan(box) == 0


def test_more_than_a_batch_is_ended_in_batches(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 3)
    for _ in range(7):
        make(box, expires_at=MOMENT - timedelta(seconds=1))
    assert expiry.expire(box) == 7


def test_a_row_that_is_being_claimed_does_not_expire_under_it(pg_box: Outbox, pg_url: str, clock: FixedClock) -> None:
    id_ = make(pg_box, expires_at=MOMENT + timedelta(seconds=5))
    turn = begin(pg_box)
    claimer = Actor(
        pg_url, lambda actor: claim(actor.box, turn), FixedClock(clock.moment), lambda what: what == "COMMIT"
    )
    assert claimer.go_on() == "COMMIT"
    clock.advance(5)
    # The locked row is passed over, not waited for; and once it is in flight it does not wait any more.
    assert expiry.expire(pg_box) == 0
    assert len(claimer.finish().claimed) == 1
    assert expiry.expire(pg_box) == 0
    assert read(pg_box, id_).state is State.IN_FLIGHT


def test_an_expired_row_makes_nobody_due(box: Outbox, clock: FixedClock) -> None:
    make(box, expires_at=MOMENT + timedelta(seconds=5))
    wake_all(box)
    assert lanes.due_kinds(box) == {"comeback": 1}
    clock.advance(5)
    assert lanes.due_kinds(box) == {}


@pytest.mark.parametrize("end", [expiry.expire, expiry.orphan])
def test_what_is_ended_keeps_nothing_of_its_look_ups(box: Outbox, end: Callable[[Outbox], int]) -> None:
    make(box, State.FAILED, kind="appointment", source_id="P")
    id_ = make(
        box,
        State.RETRYABLE,
        expires_at=MOMENT - timedelta(seconds=1),
        after_kind="appointment",
        after_source_id="P",
        absent_since=MOMENT - timedelta(minutes=5),
        send_again_until=MOMENT + timedelta(minutes=5),
    )
    assert end(box) == 1
    row = read(box, id_)
    assert (row.absent_since, row.send_again_until) == (None, None)


@pytest.fixture
def plans(pg_url: str) -> dict[str, str]:
    """By the index that each should use, how PostgreSQL picks what ends among 50 000 rows, by its own clock."""
    box = Outbox(connect(pg_url))
    with box.write() as connection:
        make_environment(connection)
        for state in (State.PENDING, State.SUCCEEDED):
            make_operation(connection, state, source_id=f"of {state}")
        connection.execute(text(MANY))
    with box.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    told = explained(box.engine, "WITH picked")
    expiry.expire(box)
    expiry.orphan(box)
    box.engine.dispose()
    return dict(zip(("ix_operations_expiring", "ix_operations_children"), told, strict=True))


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


def test_postgresql_finds_what_ends_without_reading_what_does_not(plans: dict[str, str]) -> None:
    for index, plan in plans.items():
        assert f"using {index} on " in plan, plan
        assert "Seq Scan on operations" not in plan, plan
        # The primary key is only asked for what has been picked; it is never walked.
        assert plan.count("pk_operations") == plan.count("Index Cond: (id = picked.id)"), plan
    (entered,) = [line for line in plans["ix_operations_expiring"].splitlines() if "expires_at <= " in line]
    assert entered.strip().startswith("Index Cond: ")
