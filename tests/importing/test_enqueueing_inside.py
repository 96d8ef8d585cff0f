"""A program records an operation in its own transaction: its commit or rollback decides, and nothing need be called after."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import Lane, State
from tests.importing.exports import operations
from tests.importing.table import DATA, crm_rows, insert, serve, take_in_all, write_all_back
from tests.outbox.steps import make
from worker.importing import Enqueued, enqueue
from worker.kind import BadCells
from worker.kinds import UnknownKind
from worker.outbox.revisions.judge import IntakeResult
from worker.results import RowOutcome, outcome_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.clock import FixedClock
    from worker.outbox import Database


def comeback(target: Database | Connection | Session, source_id: str = "P-1", **fields: Any) -> Enqueued:
    """Enqueue a comeback."""
    given = {"contact_id": "ADR1", "date": datetime(2026, 12, 10, 9, tzinfo=UTC), "customer_id": "M30001", **fields}
    return enqueue(target, kind="comeback", source_id=source_id, **given)


def due_at(db: Database) -> datetime | None:
    """Since when the lane is due."""
    with db.read() as connection:
        return connection.scalar(select(Lane.due_at))


def test_the_callers_commit_decides(db: Database, clock: FixedClock) -> None:
    with db.engine.begin() as connection:
        enqueued = comeback(connection, send_after=clock.moment)
        assert enqueued.result is IntakeResult.RECORDED
    assert [operation.id for operation in operations(db)] == [enqueued.id]
    assert due_at(db) is None
    take_in_all(db)
    assert due_at(db) == clock.moment
    (row,) = crm_rows(db)
    assert row.operation_id == enqueued.id
    assert row.state == "pending"
    assert row.taken_at == clock.moment


def test_the_callers_rollback_decides(db: Database) -> None:
    with db.engine.connect() as connection:
        comeback(connection)
        connection.rollback()
    assert operations(db) == []
    assert crm_rows(db) == []


def test_a_session_brings_its_own_transaction(db: Database) -> None:
    with Session(db.engine) as session:
        comeback(session)
        session.rollback()
        comeback(session, "P-2")
        session.execute(text("UPDATE environments SET failures_in_row = 7"))
        session.commit()
    assert [operation.source_id for operation in operations(db)] == ["P-2"]
    with db.read() as connection:
        assert connection.scalar(text("SELECT failures_in_row FROM environments")) == 7


def test_a_savepoint_that_is_rolled_back_takes_its_row_along(db: Database) -> None:
    with db.engine.begin() as connection:
        comeback(connection, "P-1")
        with connection.begin_nested() as savepoint:
            comeback(connection, "P-2")
            savepoint.rollback()
    take_in_all(db)
    assert [operation.source_id for operation in operations(db)] == ["P-1"]
    assert len(crm_rows(db)) == 1


def test_bad_values_leave_the_transaction_as_it_was(db: Database) -> None:
    with db.engine.begin() as connection:
        with pytest.raises(BadCells, match="contact_id"):
            comeback(connection, contact_id=None)
        with pytest.raises(UnknownKind):
            enqueue(connection, kind="valuation", source_id="P-1", customer_id="M1")
        comeback(connection, "P-2")
    assert [operation.source_id for operation in operations(db)] == ["P-2"]


def test_the_same_and_new_content_are_told_apart(db: Database) -> None:
    with db.engine.begin() as connection:
        first = comeback(connection)
        assert comeback(connection) == Enqueued(IntakeResult.UNCHANGED, first.id)
        assert comeback(connection, note="new") == Enqueued(IntakeResult.REVISED, first.id)
    serve(db)
    assert [row.state for row in crm_rows(db)] == ["superseded", "superseded", "pending"]


def test_content_that_comes_too_late_is_refused(db: Database) -> None:
    id_ = make(db, State.SUCCEEDED, source_id="P-1", payload_hash="another")
    with db.engine.begin() as connection:
        assert comeback(connection) == Enqueued(IntakeResult.ALREADY_SENT, id_)
    assert crm_rows(db) == []


def test_any_documented_name_and_any_moment_is_taken(db: Database) -> None:
    times: dict[str, Any] = {
        "startsAt": datetime(2026, 12, 10, 9),  # noqa: DTZ001 (one without a zone is Stockholm's)
        "endsAt": "2026-12-10T10:00:00+01:00",
        "expires_at": datetime(2026, 12, 9, 12, 30, 15, 123456, tzinfo=UTC),
        "send_after": "2026-12-08 08:00",
    }
    enqueue(db, kind="appointment", source_id="A-1", customer_id="M1", id="HAN1", subject="Visning", **times)
    day = date(2026, 12, 24)
    whole: dict[str, Any] = {"starts_at": day, "ends_at": day, "allDayEvent": True, "user_id": "HAN1"}
    enqueue(db, kind="appointment", source_id="A-2", customer_id="M1", subject="Jul", **whole)
    first, second = operations(db)
    assert first.payload["user_id"] == "HAN1"
    assert first.payload["starts_at"] == "2026-12-10T09:00:00+01:00"
    assert first.expires_at == datetime(2026, 12, 9, 12, 30, 15, tzinfo=UTC)
    assert first.send_after == datetime(2026, 12, 8, 7, tzinfo=UTC)
    assert second.payload["starts_at"] == "2026-12-24"


def test_an_outcome_is_told_from_any_source(db: Database) -> None:
    comeback(db)
    with db.engine.begin() as connection, Session(connection) as session:
        outcomes = [outcome_of(source, "comeback", "P-1") for source in (connection, session)]
    assert outcomes == [outcome_of(db, "comeback", "P-1")] * 2
    assert outcomes[0] is not None
    assert outcomes[0].state == "pending"
    assert not outcomes[0].is_final
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcomes[0].state = "sent"  # type: ignore[misc]


def test_an_outcome_tells_id_code_text_and_times(db: Database) -> None:
    make(db, State.SUCCEEDED, source_id="P-1", remote_id="R1", answer="R1")
    make(db, State.FAILED, source_id="P-2", feed="other")
    good, bad = outcome_of(db, "comeback", "P-1"), outcome_of(db, "comeback", "P-2", feed="other")
    assert good is not None
    assert (good.state, good.remote_id) == ("succeeded", "R1")
    assert good.error_code is None
    assert good.ended_at is not None
    assert bad is not None
    assert bad.error_code == "refused"
    assert "Vitec refused it." in str(bad.error_text)
    assert outcome_of(db, "comeback", "P-2") is None
    assert outcome_of(db, "appointment", "P-1") is None


def test_an_outcome_tells_of_rows_that_have_no_operation(db: Database) -> None:
    insert(db, source_id="P-1", data={"note": "x"})
    insert(db, source_id="P-2", feed=None, data=json.dumps(DATA))
    assert outcome_of(db, "comeback", "P-1") == RowOutcome("new")
    assert outcome_of(db, "comeback", "P-2") == RowOutcome("new")
    take_in_all(db)
    rejected = outcome_of(db, "comeback", "P-1")
    assert rejected is not None
    assert (rejected.state, rejected.error_code) == ("rejected", "missing")
    assert rejected.is_final
    write_all_back(db)
    taken_in = outcome_of(db, "comeback", "P-2")
    assert taken_in is not None
    assert taken_in.state == "pending"
