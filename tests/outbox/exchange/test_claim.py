"""Claims go on from the place that the last one came to, and still find everything."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text

from models import Operation, State
from tests.clock import FixedClock
from tests.factory import MOMENT, make_operation
from tests.outbox.plans import explained
from tests.outbox.steps import RETRY, TERMS, begin, claim, done, make
from worker.outbox import Database, connect
from worker.outbox.exchange.claim import FROM_START
from worker.outbox.exchange.exchange import exchange


def test_a_claim_goes_on_from_the_last_cursor(db: Database) -> None:
    minutes = (9, 8, 7, 6)
    ids = [make(db, next_attempt_at=MOMENT - timedelta(minutes=before)) for before in minutes]
    turn = begin(db)
    first = claim(db, turn, want=1)
    assert (first.cursor.due, first.cursor.id) == (MOMENT - timedelta(minutes=9), ids[0])
    earlier = make(db, next_attempt_at=MOMENT - timedelta(minutes=30))
    second = exchange(db, turn, [], 1, TERMS, cursor=first.cursor)
    assert [operation.id for operation in second.claimed] == [ids[1]]
    assert [operation.id for operation in claim(db, turn, want=1).claimed] == [earlier]


def test_a_claim_at_the_end_starts_over(db: Database) -> None:
    last = make(db)
    turn = begin(db)
    first = claim(db, turn, want=1)
    earlier = make(db, next_attempt_at=MOMENT - timedelta(minutes=30))
    latest = make(db, next_attempt_at=MOMENT)
    second = exchange(db, turn, [], 4, TERMS, cursor=first.cursor)
    assert [operation.id for operation in first.claimed + second.claimed] == [last, latest, earlier]
    assert (second.cursor.due, second.cursor.id) == (FROM_START.due, FROM_START.id)


def test_rows_in_flight_are_counted_from_their_oldest_on(db: Database, clock: FixedClock) -> None:
    """All of it: the place never lies behind what is still in flight."""
    for _ in range(9):
        make(db)
    turn = begin(db)
    first = claim(db, turn, want=2)
    assert first.cursor.since == MOMENT
    clock.advance(5)
    second = exchange(db, turn, [], 2, TERMS, cursor=first.cursor)
    assert second.cursor.since == MOMENT
    clock.advance(5)
    settled = [done(operation, RETRY) for operation in first.claimed]
    third = exchange(db, turn, settled, 9, TERMS, cursor=second.cursor)
    assert third.cursor.since == MOMENT + timedelta(seconds=5)
    assert len(third.claimed) == 3


LATER = """
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, next_attempt_at)
SELECT 'comeback', customer_id, 'later ' || n, '{}', n::text, clock_timestamp() + interval '1 day'
FROM lanes, generate_series(1, 20000) AS n
"""


WAITING = """
INSERT INTO operations (kind, customer_id, source_id, payload, payload_hash, next_attempt_at)
SELECT 'comeback', customer_id, 'new ' || n, jsonb_build_object('note', repeat('x', 150)), md5(n::text),
    clock_timestamp() - interval '1 minute'
FROM lanes, generate_series(1, 20000) AS n
"""


def test_a_claim_reads_picked_rows_by_id_despite_stale_statistics(pg_db: Database) -> None:
    """All had been sent when it last counted; since then an export has been taken in."""
    with pg_db.write() as connection:
        for number in range(50):
            make_operation(connection, State.SUCCEEDED, source_id=f"old {number}")
    with pg_db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    with pg_db.write() as connection:
        connection.execute(text(WAITING))
    turn = begin(pg_db)
    plans = explained(pg_db.engine, "WITH picked")
    assert len(claim(pg_db, turn, want=5).claimed) == 5
    (plan,) = plans
    assert plan.count("ix_operations_due") == 1, plan
    assert "Index Cond: (id = picked.id)" in plan, plan


def test_counting_rows_in_flight_ignores_stale_statistics(pg_db: Database) -> None:
    """The first export of an installation: PostgreSQL has never counted anything."""
    make(pg_db)
    with pg_db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("TRUNCATE operations CASCADE"))
        connection.execute(text("VACUUM ANALYZE operations"))
    with pg_db.write() as connection:
        connection.execute(text(WAITING))
    turn = begin(pg_db)
    plans = explained(pg_db.engine, "SELECT (SELECT count", freely=False)
    claim(pg_db, turn, want=1)
    (plan,) = plans
    used = set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+operations\w*)", plan))
    assert used == {f"ix_operations_{name}" for name in ("in_flight", "asking", "in_doubt", "permitted")}, plan


def test_a_claim_reads_no_entries_of_rows_due_later(pg_db: Database, pg_url: str) -> None:
    """The database's own clock changes as it is asked; the index is cut short only by one value of it."""
    db = Database(connect(pg_url))
    make(db, next_attempt_at=datetime(2026, 1, 1, tzinfo=UTC))
    with db.write() as connection:
        connection.execute(text(LATER))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    turn = begin(db)
    plans = explained(db.engine, "WITH picked")
    assert len(claim(db, turn).claimed) == 1
    db.engine.dispose()
    (plan,) = plans
    (entered,) = [line for line in plan.splitlines() if "Index Cond" in line and "next_attempt_at" in line]
    assert "next_attempt_at <=" in entered


def test_a_claim_takes_no_more_than_wanted(db: Database) -> None:
    for _ in range(40):
        make(db)
    turn = begin(db)
    assert len(claim(db, turn, want=3).claimed) == 3
    with db.read() as connection:
        in_flight = connection.execute(select(Operation.id).where(Operation.state == State.IN_FLIGHT)).all()
    assert len(in_flight) == 3


def test_the_claim_asks_the_database_by_its_partial_index(pg_db: Database) -> None:
    make(pg_db)
    with pg_db.write() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(
            text(
                "EXPLAIN SELECT id FROM operations WHERE customer_id = 'M' AND kind = 'k'"
                " AND state IN ('pending', 'retryable') AND parent_done AND next_attempt_at <= now()"
                " ORDER BY next_attempt_at, id LIMIT 5"
            )
        ).scalars()
        assert any("ix_operations_due" in line for line in plan)
