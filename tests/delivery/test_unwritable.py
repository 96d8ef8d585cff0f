"""Answers that the database refuses: the lane goes on, and nothing that was sent is taken for unsent."""

import json

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from models import Operation, State
from tests.delivery.steps import count_states, make_due, serve_turn
from tests.delivery.wire import Wire
from tests.outbox.steps import read
from worker.kind import Answer
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outcome import Outcome, Succeeded
from worker.settings import Settings


def test_an_unwritable_answer_does_not_block_the_lane(
    pg_db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is longer than the column: the database refuses it, and it is settled as accepted in doubt."""
    ids = make_due(pg_db, 3)

    def keep_all(answer: Answer) -> Outcome:
        remote_id = json.loads(answer.body)
        return Succeeded(remote_id * 100 if remote_id == f"ID-{ids[1]}.1" else remote_id)

    monkeypatch.setattr(KIND_BY_NAME["comeback"], "read", keep_all)
    serve_turn(pg_db, Wire(), settings)
    assert count_states(pg_db) == {State.SUCCEEDED: 2, State.IN_DOUBT: 1}
    with pg_db.read() as connection:
        row = connection.execute(select(Operation.__table__).where(Operation.state == State.IN_DOUBT)).one()
    assert (row.error_code, row.error_detail) == ("unwritable", None)
    assert row.accepted
    assert row.needs_person


@pytest.mark.parametrize(
    ("unholdable", "reason"), [("\0", "the database refused a value"), ("\ud800", "an exchange failed")]
)
def test_an_unstorable_text_does_not_block_the_lane(
    pg_db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, unholdable: str, reason: str
) -> None:
    """A kind keeps an answer as data, whatever text it holds."""
    ids = make_due(pg_db, 3)

    def keep_all(answer: Answer) -> Outcome:
        remote_id = json.loads(answer.body)
        return Succeeded(remote_id, {"text": unholdable if remote_id == f"ID-{ids[1]}.1" else "plain"})

    monkeypatch.setattr(KIND_BY_NAME["comeback"], "read", keep_all)
    report = serve_turn(pg_db, Wire(), settings)
    assert report.ended == reason
    assert count_states(pg_db) == {State.SUCCEEDED: 2, State.IN_DOUBT: 1}
    row = read(pg_db, ids[1])
    assert (row.state, row.error_code) == (State.IN_DOUBT, "unwritable")
    assert row.accepted
    assert row.needs_person


def test_a_fault_of_our_own_is_not_called_the_databases(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row ends as one that the database refused; the log tells the place and no value."""
    (id_,) = make_due(db)
    monkeypatch.setattr(KIND_BY_NAME["comeback"], "read", lambda answer: Succeeded("ID-1", {"text": {"a set"}}))
    with capture_logs() as events:
        report = serve_turn(db, Wire(), settings)
    assert report.ended == "an exchange failed"
    (failure,) = [event for event in events if event["event"] in {"exchange_failed", "exchange_refused"}]
    assert failure["event"] == "exchange_failed"
    assert failure["error"] == "TypeError"
    assert failure["place"].startswith("worker/outbox/database/sql.py:")
    assert "a set" not in str(failure)
    row = read(db, id_)
    assert (row.state, row.error_code) == (State.IN_DOUBT, "unwritable")
    assert row.accepted
    assert row.needs_person


REFUSED = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no verdict but a new try' USING ERRCODE = 'data_exception'; END $$;
CREATE TRIGGER refusing BEFORE UPDATE ON operations FOR EACH ROW
WHEN (NEW.state IN ('succeeded', 'in_doubt')) EXECUTE FUNCTION refuse()
"""


def test_an_unwritable_sent_request_is_not_taken_for_unsent(pg_db: Database, settings: Settings) -> None:
    """It stays in flight, as a dead turn's leftover: sent again it might be there twice."""
    make_due(pg_db)
    with pg_db.write() as connection:
        connection.execute(text(REFUSED))
    wire = Wire()
    report = serve_turn(pg_db, wire, settings)
    assert (len(wire.calls), report.ended) == (1, "the database refused a value")
    assert count_states(pg_db) == {State.IN_FLIGHT: 1}
