"""A row of `crm_rows` shows in the end how its operation stands, whatever has moved it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.importing.conftest import clock, db, pg_db
from tests.importing.table import (
    DATA,
    behind,
    change,
    crm_row,
    decide,
    insert,
    serve,
    take_in_all,
    write_all_back,
)
from tests.outbox import steps
from tests.outbox.exported import record, row
from tests.outbox.steps import DOUBT, REFUSAL, RETRY, SUCCESS, begin, claim, done, settle
from worker.codes.registry import explain_code
from worker.housekeeping import prune
from worker.outbox.lanes.turns import end_turn
from worker.outbox.operators.decisions import Verb
from worker.results import write_rows_back
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.decide import Settlement
    from worker.outbox import Database

__all__ = ["clock", "db", "pg_db"]


def send(db: Database, settlement: Settlement, *, while_away: Any = None) -> None:
    """Send what is due in the comebacks' lane, and settle it so."""
    turn = begin(db)
    finished = [done(claimed, settlement) for claimed in claim(db, turn).claimed]
    if while_away is not None:
        while_away()
    settle(db, turn, finished)
    end_turn(db, turn)


@pytest.mark.parametrize("settlement", [SUCCESS, REFUSAL, DOUBT, RETRY], ids=lambda settlement: settlement.state.value)
def test_each_verdict_is_written_back(db: Database, settlement: Settlement) -> None:
    id_ = insert(db)
    serve(db)
    send(db, settlement)
    write_all_back(db)
    operation, shown = steps.read(db, crm_row(db, id_).operation_id), crm_row(db, id_)
    assert shown.state == settlement.state.value
    assert shown.remote_id == settlement.remote_id
    assert shown.error_code == settlement.code
    assert (shown.error_text is None) == (settlement.code is None)
    assert shown.error_detail == settlement.detail
    assert shown.sent_at == operation.first_claimed_at is not None
    assert shown.ended_at == operation.finalized_at
    assert (operation.reported_at is None) == (settlement is RETRY)


def test_the_text_tells_meaning_and_remedy(db: Database) -> None:
    id_ = insert(db)
    serve(db)
    send(db, REFUSAL)
    write_all_back(db)
    explanation = explain_code("refused")
    assert crm_row(db, id_).error_text == f"{explanation.text} {explanation.remedy}"


def test_nothing_is_written_where_nothing_changed(db: Database) -> None:
    insert(db)
    take_in_all(db)
    assert write_rows_back(db) == 0
    send(db, SUCCESS)
    assert write_rows_back(db) == 1
    assert write_rows_back(db) == 0


def test_operations_of_files_are_no_rows_matter(db: Database) -> None:
    record(db, row())
    send(db, SUCCESS)
    assert write_rows_back(db) == 0
    assert behind(db) == []


def test_an_operation_that_begins_again_is_shown_again(db: Database) -> None:
    id_ = insert(db)
    serve(db)
    send(db, REFUSAL)
    write_all_back(db)
    decide(db, Verb.REQUEUED)
    write_all_back(db)
    assert crm_row(db, id_).state == "pending"
    assert crm_row(db, id_).error_code is None
    assert crm_row(db, id_).ended_at is None
    decide(db, Verb.CANCELLED)
    write_all_back(db)
    assert crm_row(db, id_).state == "cancelled"


def test_newer_content_supersedes_the_older_row(db: Database) -> None:
    old = insert(db, source_id="A-1")
    serve(db)
    new = insert(db, source_id="A-1", data={**DATA, "note": "new"})
    serve(db)
    send(db, SUCCESS)
    write_all_back(db)
    assert crm_row(db, old).state == crm_row(db, old).error_code == "superseded"
    assert crm_row(db, old).remote_id is None
    assert crm_row(db, new).state == "succeeded"


def test_the_same_content_again_shows_the_same(db: Database) -> None:
    rows = [insert(db, source_id="A-1")]
    serve(db)
    rows.append(insert(db, source_id="A-1"))
    send(db, SUCCESS)
    rows.append(insert(db, source_id="A-1"))
    serve(db)
    assert {crm_row(db, id_).state for id_ in rows} == {"succeeded"}


def test_content_that_waited_in_vain_is_rejected(db: Database) -> None:
    old, new = insert(db, source_id="A-1"), 0

    def change_it() -> None:
        nonlocal new
        new = insert(db, source_id="A-1", data={**DATA, "note": "new"})
        serve(db)
        assert crm_row(db, new).state == "in_flight"

    serve(db)
    send(db, SUCCESS, while_away=change_it)
    write_all_back(db)
    assert crm_row(db, old).state == "succeeded"
    assert crm_row(db, new).state == "rejected"
    assert crm_row(db, new).error_code == "already_sent"


def test_content_that_waited_begins_the_operation_again(db: Database) -> None:
    old, new = insert(db, source_id="A-1"), 0

    def change_it() -> None:
        nonlocal new
        new = insert(db, source_id="A-1", data={**DATA, "note": "new"})
        serve(db)

    serve(db)
    send(db, REFUSAL, while_away=change_it)
    write_all_back(db)
    assert crm_row(db, old).state == "superseded"
    assert crm_row(db, new).state == "pending"


def test_the_results_tell_of_content_that_came_by_file(db: Database) -> None:
    id_ = insert(db, source_id="C-1")
    serve(db)
    record(db, row())
    send(db, SUCCESS)
    write_all_back(db)
    assert crm_row(db, id_).state == "superseded"
    assert steps.read(db, crm_row(db, id_).operation_id).reported_at is None


def test_a_row_of_an_operation_from_a_file_shows_it(db: Database) -> None:
    insert(db, source_id="A-1")
    take_in_all(db)
    with db.write() as connection:
        connection.execute(text("DELETE FROM crm_rows"))
        connection.execute(text("UPDATE operations SET rows_behind = NULL"))
    send(db, SUCCESS)
    id_ = insert(db, source_id="A-1")
    serve(db)
    assert crm_row(db, id_).state == "succeeded"
    assert crm_row(db, id_).remote_id == "R1"


def test_rows_that_the_crm_deletes_are_no_trouble(db: Database) -> None:
    insert(db)
    serve(db)
    with db.write() as connection:
        connection.execute(text("DELETE FROM crm_rows"))
    send(db, SUCCESS)
    write_all_back(db)
    assert behind(db) == []


def test_a_row_that_the_crm_has_locked_is_written_later(pg_db: Database) -> None:
    locked, free = insert(pg_db), insert(pg_db)
    serve(pg_db)
    send(pg_db, SUCCESS)
    with pg_db.write() as connection:
        connection.execute(text(f"UPDATE crm_rows SET feed = feed WHERE id = {locked}"))
        write_all_back(pg_db)
        assert crm_row(pg_db, free).state == "succeeded"
        assert crm_row(pg_db, locked).state == "pending"
    write_all_back(pg_db)
    assert crm_row(pg_db, locked).state == "succeeded"


def test_a_row_to_be_taken_in_again_is_not_written(db: Database) -> None:
    id_ = insert(db)
    serve(db)
    change(db, id_, taken_at=None, data=json.dumps({**DATA, "note": "new"}))
    send(db, SUCCESS)
    write_all_back(db)
    assert crm_row(db, id_).state == "pending"
    serve(db)
    assert crm_row(db, id_).state == "rejected"


def test_blanking_reaches_the_rows_too(db: Database, clock: Any) -> None:
    good, bad = insert(db), insert(db, data={"note": "personal"})
    serve(db)
    send(db, REFUSAL)
    write_all_back(db)
    assert crm_row(db, good).error_detail == "Nej"
    clock.advance(91 * 86400)
    assert prune(db, Settings(_env_file=None)) == 2
    write_all_back(db)
    assert crm_row(db, good).error_detail is None
    assert crm_row(db, good).ticket is None
    assert crm_row(db, bad).data is None
    assert crm_row(db, bad).error_code == "missing"
