"""A row knows of its parent's success, recorded after it, changed after it, or recorded at the same moment."""

import pytest
from sqlalchemy import text

from models import State
from tests import factory
from tests.clock import FixedClock
from tests.outbox.gates import COMMIT, Actor
from tests.outbox.steps import SUCCESS, begin, change, claim, done, make, read, settle
from worker import housekeeping
from worker.outbox import Database
from worker.outbox.database.staging import NewOperation
from worker.outbox.intake.record import open_lanes, record_rows
from worker.outbox.lanes import dependencies, turns
from worker.outbox.revisions.apply import apply_revisions
from worker.outbox.revisions.judge import IntakeResult


def row(source_id: str, note: str = "new", after: str | None = "P") -> NewOperation:
    kind = None if after is None else "comeback"
    return NewOperation("appointment", factory.CUSTOMER, source_id, "{}", note, after_kind=kind, after_source_id=after)


def record(db: Database, *rows: NewOperation) -> list[IntakeResult]:
    with db.write() as connection:
        open_lanes(connection, [(factory.CUSTOMER, "appointment", "crm-contact")])
        return record_rows(connection, rows, feed="crm").results


def standing(db: Database) -> dict[str, bool]:
    """Tell of each appointment, by its source id, whether it waits for no parent any more."""
    with db.read() as connection:
        rows = connection.execute(text("SELECT source_id, parent_done FROM operations WHERE kind = 'appointment'"))
        return {row.source_id: bool(row.parent_done) for row in rows}


def test_a_new_row_knows_whether_its_parent_has_succeeded(db: Database) -> None:
    make(db, State.SUCCEEDED, source_id="P")
    make(db, State.SUCCEEDED, source_id="Q", feed="other")
    for state in set(State) - {State.SUCCEEDED}:
        make(db, state, source_id=state.value)
    names = ["P", None, "Q", "nobody", *(state.value for state in set(State) - {State.SUCCEEDED})]
    record(db, *(row(f"after {name}", after=name) for name in names))
    assert standing(db) == {f"after {name}": name in {"P", None} for name in names}


@pytest.mark.parametrize("state", [State.PENDING, State.RETRYABLE, State.FAILED, State.CANCELLED, State.IN_DOUBT])
@pytest.mark.parametrize(("before", "after", "expected"), [("P", "Q", False), ("Q", "P", True), ("Q", None, True)])
def test_new_content_may_name_another_parent(
    db: Database, state: State, before: str, after: str | None, expected: bool
) -> None:
    make(db, State.SUCCEEDED, source_id="P")
    id_ = make(db, state, kind="appointment", source_id="C", after_kind="comeback", after_source_id=before)
    record(db, row("C", "newer", after))
    if state is State.IN_DOUBT:
        # It waited for the verdict, which is that it was not sent.
        change(db, id_, state=State.RETRYABLE)
        with db.write() as connection:
            apply_revisions(connection, [id_])
    after_that = read(db, id_)
    assert (after_that.payload_hash, after_that.parent_done) == ("newer", expected)


def test_housekeeping_releases_a_child_recorded_during_parent_success(
    pg_db: Database, pg_url: str, clock: FixedClock
) -> None:
    make(pg_db, source_id="P")
    turn = begin(pg_db)
    (claimed,) = claim(pg_db, turn).claimed
    settler = Actor(
        pg_url, lambda actor: settle(actor.db, turn, [done(claimed, SUCCESS)]), clock, lambda point: point == COMMIT
    )
    assert settler.go_on() == COMMIT
    record(pg_db, row("C"))
    settler.finish()
    assert standing(pg_db) == {"C": False}
    assert housekeeping.expire(pg_db)["freed"] == 1
    assert standing(pg_db) == {"C": True}
    assert turns.due_kinds(pg_db) == {"appointment": 1}
    assert dependencies.release_missed(pg_db) == 0
