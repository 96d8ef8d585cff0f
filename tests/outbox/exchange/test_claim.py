"""Claims go on from the place that the last one came to, and still find everything."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from models import State
from tests.factory import MOMENT, make_operation
from tests.outbox.plans import explained
from tests.outbox.steps import RETRY, TERMS, begin, claim, done, make
from worker.outbox import FixedClock, Outbox, SqlClock
from worker.outbox.exchange.claim import START
from worker.outbox.exchange.exchange import exchange


def test_a_claim_goes_on_from_the_place_that_the_last_one_came_to(box: Outbox) -> None:
    minutes = (9, 8, 7, 6)
    ids = [make(box, next_attempt_at=MOMENT - timedelta(minutes=before)) for before in minutes]
    turn = begin(box)
    first = claim(box, turn, want=1)
    assert (first.place.due, first.place.id) == (MOMENT - timedelta(minutes=9), ids[0])
    earlier = make(box, next_attempt_at=MOMENT - timedelta(minutes=30))
    second = exchange(box, turn, [], 1, TERMS, place=first.place)
    assert [one.id for one in second.claimed] == [ids[1]]
    assert [one.id for one in claim(box, turn, want=1).claimed] == [earlier]


def test_a_claim_that_comes_to_the_end_finds_what_lies_before_its_place_and_begins_anew(box: Outbox) -> None:
    last = make(box)
    turn = begin(box)
    first = claim(box, turn, want=1)
    earlier = make(box, next_attempt_at=MOMENT - timedelta(minutes=30))
    latest = make(box, next_attempt_at=MOMENT)
    second = exchange(box, turn, [], 4, TERMS, place=first.place)
    assert [one.id for one in first.claimed + second.claimed] == [last, latest, earlier]
    assert (second.place.due, second.place.id) == (START.due, START.id)


def test_what_is_in_flight_is_counted_from_the_oldest_of_it_on(box: Outbox, clock: FixedClock) -> None:
    """All of it: the place never lies behind what is still in flight."""
    for _ in range(9):
        make(box)
    turn = begin(box)
    first = claim(box, turn, want=2)
    assert first.place.since == MOMENT
    clock.advance(5)
    second = exchange(box, turn, [], 2, TERMS, place=first.place)
    assert second.place.since == MOMENT
    clock.advance(5)
    settled = [done(one, RETRY) for one in first.claimed]
    third = exchange(box, turn, settled, 9, TERMS, place=second.place)
    assert third.place.since == MOMENT + timedelta(seconds=5)
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


def test_a_claim_finds_by_id_what_it_has_picked_though_postgresql_knows_of_nothing_that_waits(pg_box: Outbox) -> None:
    """All had been sent when it last counted; since then an export has been taken in."""
    with pg_box.write() as connection:
        for number in range(50):
            make_operation(connection, State.SUCCEEDED, source_id=f"old {number}")
    with pg_box.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    with pg_box.write() as connection:
        connection.execute(text(WAITING))
    turn = begin(pg_box)
    plans = explained(pg_box.engine, "WITH picked")
    assert len(claim(pg_box, turn, want=5).claimed) == 5
    (plan,) = plans
    assert plan.count("ix_operations_due") == 1, plan
    assert "Index Cond: (id = picked.id)" in plan, plan


def test_what_is_under_way_is_counted_without_reading_the_rest_of_a_table_believed_to_be_empty(pg_box: Outbox) -> None:
    """The first export of an installation: PostgreSQL has never counted anything."""
    make(pg_box)
    with pg_box.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("TRUNCATE operations CASCADE"))
        connection.execute(text("VACUUM ANALYZE operations"))
    with pg_box.write() as connection:
        connection.execute(text(WAITING))
    turn = begin(pg_box)
    plans = explained(pg_box.engine, "SELECT (SELECT count", freely=False)
    claim(pg_box, turn, want=1)
    (plan,) = plans
    used = set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+operations\w*)", plan))
    assert used == {f"ix_operations_{name}" for name in ("in_flight", "asking", "in_doubt", "permitted")}, plan


def test_a_claim_with_room_to_spare_does_not_step_over_what_is_due_later(pg_box: Outbox) -> None:
    """The database's own clock changes as it is asked; the index is cut short only by one value of it."""
    box = replace(pg_box, clock=SqlClock())
    make(box, next_attempt_at=datetime(2026, 1, 1, tzinfo=UTC))
    with box.write() as connection:
        connection.execute(text(LATER))
    with box.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE operations"))
    turn = begin(box)
    plans = explained(box.engine, "WITH picked")
    assert len(claim(box, turn).claimed) == 1
    (plan,) = plans
    (entered,) = [line for line in plan.splitlines() if "Index Cond" in line and "next_attempt_at" in line]
    assert "next_attempt_at <=" in entered
