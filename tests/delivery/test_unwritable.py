"""Answers that the database refuses: the lane goes on, and nothing that was sent is taken for unsent."""

import json

import pytest
from sqlalchemy import select, text

from models import Operation, State
from tests.delivery.test_turn import make, serve, states
from tests.delivery.wire import Wire, created
from worker.kind import Answer, Call
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outcome import Outcome, Succeeded
from worker.settings import Settings
from worker.vitec.http_attempt import Permit


def test_an_unwritable_answer_does_not_block_the_lane(pg_db: Database, settings: Settings) -> None:
    """Two answers with one id: the unique key refuses the second, which is settled as accepted in doubt."""
    ids = make(pg_db, 3)

    def same_id(call: Call, permit: Permit) -> Answer:
        if call.request_id == f"{ids[2]}.1":
            return created(call, permit)
        return Answer(200, b'"THE-SAME"')

    serve(pg_db, Wire(same_id), settings)
    assert states(pg_db) == {State.SUCCEEDED: 2, State.IN_DOUBT: 1}
    with pg_db.read() as connection:
        row = connection.execute(select(Operation.__table__).where(Operation.state == State.IN_DOUBT)).one()
    assert (row.error_code, row.accepted, row.needs_person) == ("unwritable", True, True)
    assert row.error_detail is None


@pytest.mark.parametrize("unholdable", ["\0", "\ud800"])
def test_an_unstorable_text_does_not_block_the_lane(
    pg_db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, unholdable: str
) -> None:
    """What a kind keeps of an answer is data, whatever stands in it."""
    ids = make(pg_db, 3)

    def keep_all(answer: Answer) -> Outcome:
        told = json.loads(answer.body)
        return Succeeded(told, {"text": unholdable if told == f"ID-{ids[1]}.1" else "plain"})

    monkeypatch.setattr(KIND_BY_NAME["comeback"], "read", keep_all)
    serve(pg_db, Wire(), settings)
    assert states(pg_db) == {State.SUCCEEDED: 2, State.IN_DOUBT: 1}
    with pg_db.read() as connection:
        row = connection.execute(select(Operation.__table__).where(Operation.id == ids[1])).one()
    assert (row.state, row.error_code, row.accepted, row.needs_person) == (State.IN_DOUBT, "unwritable", True, True)


REFUSED = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no verdict but a new try' USING ERRCODE = 'data_exception'; END $$;
CREATE TRIGGER refusing BEFORE UPDATE ON operations FOR EACH ROW
WHEN (NEW.state IN ('succeeded', 'in_doubt')) EXECUTE FUNCTION refuse()
"""


def test_an_unwritable_sent_request_is_not_taken_for_unsent(pg_db: Database, settings: Settings) -> None:
    """It stays in flight, as a dead turn's: sent again it might be there twice."""
    make(pg_db)
    with pg_db.write() as connection:
        connection.execute(text(REFUSED))
    wire = Wire()
    report = serve(pg_db, wire, settings)
    assert (len(wire.calls), report.ended) == (1, "the database refused a value")
    assert states(pg_db) == {State.IN_FLIGHT: 1}
