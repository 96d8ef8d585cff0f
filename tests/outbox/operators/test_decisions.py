"""Decisions of people that meet other transactions at the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, ExceptionContext, event, update

from models import Event, Operation, State
from tests.outbox.plans import explained
from tests.outbox.steps import entries, make, read
from worker.outbox import Database, connect
from worker.outbox.database.sql import current_time
from worker.outbox.operators import decisions
from worker.outbox.operators.decisions import Decision
from worker.outbox.views import status
from worker.reconciling import Cancel, Decider, Requeue, carry_out, judge

if TYPE_CHECKING:
    from tests.clock import FixedClock

ANNA = Decider("anna", "looked in the portal")


def test_second_place_changes_no_row_and_learns_it(db: Database) -> None:
    id_ = make(db)
    with db.write() as connection:
        (standing,) = decisions.lock_operations(connection, [id_])
        connection.execute(update(Operation).where(Operation.id == id_).values(attempt=1, state=State.RETRYABLE))
        decision = judge(Cancel(), standing, ANNA)
        assert isinstance(decision, Decision)
        assert decisions.write_decisions(connection, [(standing, decision)]) == frozenset()
    assert read(db, id_).state is State.RETRYABLE
    assert entries(db, id_) == []


def test_a_decision_that_lost_a_race_is_repeated(db: Database, database_url: str, clock: FixedClock) -> None:
    id_ = make(db, State.FAILED)
    hasty = Database(clock.rule(connect(database_url, lock_timeout=0.05)))
    blocking = db.engine.connect()
    blocking.execute(update(Operation).values(line=7))
    lost: list[str] = []

    @event.listens_for(hasty.engine, "begin")
    def wait_briefly(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")

    @event.listens_for(hasty.engine, "handle_error")
    def let_go(context: ExceptionContext) -> None:
        lost.append(str(context.original_exception))
        blocking.commit()

    report = carry_out(hasty, [id_], Requeue(), ANNA)
    blocking.close()
    hasty.engine.dispose()
    assert [(decision.id, decision.state) for decision in report.carried_out] == [(id_, State.PENDING)]
    assert len(lost) == 1
    assert [entry.event for entry in entries(db, id_)].count(Event.DECIDED) == 1


def test_the_owner_of_a_remote_id_is_found_by_index(pg_db: Database) -> None:
    """Each decision about a remote id would otherwise read the whole table, while others wait."""
    owner = make(pg_db, State.SUCCEEDED, remote_id="R1")
    doubtful = make(pg_db, State.IN_DOUBT)
    plans = explained(pg_db.engine, "SELECT operations.id", freely=False)
    with pg_db.write() as connection:
        (standing,) = status.read_status(connection, current_time, [doubtful])
        plans.clear()
        assert decisions.owner_of(connection, standing, "R1") == owner
    (plan,) = plans
    assert "ix_operations_remote_id" in plan, plan
