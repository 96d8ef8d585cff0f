"""Old contents are blanked, rows are not: the key must stay, or a re-export would send everything again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from models import Attempt, Event, State
from tests import factory
from worker.outbox.upkeep import prune
from worker.outbox.upkeep.prune import blank_content

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.outbox import Database

pytestmark = pytest.mark.servers

DAY = 86400.0
BLANKED = ("payload", "answer", "revision", "match_key", "error_detail")


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED])
def test_rows_ended_long_ago_lose_only_their_content(db: Database, clock: FixedClock, state: State) -> None:
    with db.write() as connection:
        made = factory.make_operation(connection, state, error_detail="Kontakten Eva finns inte", match_key="ADR0001")
        before = factory.operation(connection, made)
    clock.advance(91 * DAY)
    assert blank_content(db, 90 * DAY) == 1
    with db.read() as connection:
        after = factory.operation(connection, made)
        entries = factory.history(connection, made)
    assert [getattr(after, name) for name in BLANKED] == [None] * len(BLANKED)
    kept = set(before._fields) - set(BLANKED)
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert entries
    assert [(entry.detail, entry.answer) for entry in entries] == [(None, None)] * len(entries)


def test_late_answers_are_blanked_too(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        made = factory.make_operation(connection, State.SUCCEEDED)
        late = {"event": Event.LATE, "attempt": 1, "detail": "Eva", "answer": {"name": "Eva"}, "at": clock.moment}
        connection.execute(insert(Attempt).values(operation_id=made, **late))
    clock.advance(91 * DAY)
    blank_content(db, 90 * DAY)
    with db.read() as connection:
        assert {entry.detail for entry in factory.history(connection, made)} == {None}


def test_kept_answers_are_blanked_and_their_shapes_stay(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        made = factory.make_operation(connection, State.SUCCEEDED)
        kept = {"answer_text": '"Eva"', "answer_shape": "text (one word)", "at": clock.moment}
        connection.execute(insert(Attempt).values(operation_id=made, event=Event.LOOKED_UP, attempt=1, **kept))
    clock.advance(91 * DAY)
    blank_content(db, 90 * DAY)
    with db.read() as connection:
        looked_up = factory.history(connection, made)[-1]
    assert looked_up.answer_text is None
    assert looked_up.answer_shape == "text (one word)"


def test_recent_and_open_rows_keep_their_content(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        for state in State:
            factory.make_operation(connection, state, customer_id=f"M-{state.value}")
    clock.advance(89 * DAY)
    assert blank_content(db, 90 * DAY) == 0
    clock.advance(2 * DAY)
    assert blank_content(db, 90 * DAY) == 4


def test_a_second_prune_finds_nothing(db: Database, clock: FixedClock) -> None:
    with db.write() as connection:
        factory.make_operation(connection, State.SUCCEEDED)
    clock.advance(91 * DAY)
    assert (blank_content(db, 90 * DAY), blank_content(db, 90 * DAY)) == (1, 0)


def test_blanking_takes_small_steps_and_goes_on_later(
    db: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "STEP", 3)
    with db.write() as connection:
        for _ in range(10):
            factory.make_operation(connection, State.SUCCEEDED)
    clock.advance(91 * DAY)
    assert [blank_content(db, 90 * DAY, steps=2) for _ in range(3)] == [6, 4, 0]


def test_a_locked_row_is_blanked_the_next_time(pg_db: Database, clock: FixedClock) -> None:
    with pg_db.write() as connection:
        made = factory.make_operation(connection, State.SUCCEEDED)
    clock.advance(91 * DAY)
    with pg_db.write() as connection:
        connection.exec_driver_sql(f"SELECT id FROM operations WHERE id = {made} FOR UPDATE")
        assert blank_content(pg_db, 90 * DAY) == 0
    assert blank_content(pg_db, 90 * DAY) == 1
