"""Rows of the table that a CRM fills are taken in once, by the rules of a file's row, and a bad one holds up no other."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from models import Lane, State
from tests.clock import MOMENT
from tests.importing.exports import operations
from tests.importing.table import DATA, change, crm_row, crm_rows, insert, insert_sql, take_in_all, write_all_back
from tests.outbox.steps import make
from worker.importing import IntakeDefaults, table, table_rows, take_in_rows
from worker.outbox.intake import crm_rows as intake

if TYPE_CHECKING:
    from tests.clock import FixedClock
    from worker.outbox import Database


def test_a_row_is_taken_in_once_and_wakes_its_lane(db: Database) -> None:
    id_ = insert(db, source_id="A-1")
    taken_in = take_in_rows(db)
    assert (taken_in.rows, taken_in.rejected) == (1, 0)
    assert taken_in.lanes == {("M30001", "comeback")}
    assert take_in_rows(db).rows == 0
    (operation,) = operations(db)
    assert operation.source_id == "A-1"
    assert operation.feed == "crm"
    assert operation.feed_file_id is None
    assert operation.payload["note"] == "Ring efter lunch"
    row = crm_row(db, id_)
    assert row.operation_id == operation.id
    assert row.state == "pending"
    assert row.taken_at == MOMENT
    assert row.data is None
    with db.read() as connection:
        assert connection.scalar(select(Lane.due_at)) is not None


def test_plain_sql_and_its_times(db: Database) -> None:
    moment = "'2026-12-05T09:00:00+01:00'"
    data = json.dumps(DATA)
    insert_sql(
        db,
        "kind, source_id, customer_id, data, after, send_after, expires_at",
        f"'comeback', 'A-1', 'M30001', '{data}', 'comeback:A-0', {moment}, {moment}",
    )
    assert take_in_rows(db).rejected == 0, crm_rows(db)[0].error_text
    (operation,) = operations(db)
    assert operation.send_after == operation.expires_at == datetime(2026, 12, 5, 8, tzinfo=UTC)
    assert (operation.after_kind, operation.after_source_id) == ("comeback", "A-0")


def test_a_bug_at_one_row_rejects_that_row_alone(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [insert(db, source_id=f"A-{number}") for number in range(5)]
    read = table_rows.read_table_row

    def fail_at_third(row: intake.NewRow, defaults: IntakeDefaults) -> Any:
        if row.source_id == "A-2":
            raise RuntimeError("a bug")
        return read(row, defaults)

    monkeypatch.setattr(table, "read_table_row", fail_at_third)
    taken_in = take_in_all(db)
    assert (taken_in.rows, taken_in.rejected) == (5, 1)
    states = [crm_row(db, id_).state for id_ in rows]
    assert states == ["pending", "pending", "rejected", "pending", "pending"]
    assert crm_row(db, rows[2]).error_code == "unforeseen"


def test_the_newest_content_of_an_id_comes_last(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_take_singly", None)
    for note in ("one", "two", "three"):
        insert(db, source_id="A-1", data={**DATA, "note": note})
        insert(db, source_id=f"B-{note}")
    assert take_in_all(db).rows == 6
    by_id = {operation.source_id: operation for operation in operations(db)}
    assert len(by_id) == 4
    assert by_id["A-1"].payload["note"] == "three"


def test_two_feeds_may_have_the_same_id(db: Database) -> None:
    insert(db, source_id="A-1"), insert(db, source_id="A-1", feed="other"), insert(db, source_id="A-1", feed=None)
    take_in_all(db)
    assert [operation.feed for operation in operations(db)] == ["crm", "other"]


def test_a_change_before_the_row_is_taken_in_counts(db: Database) -> None:
    id_ = insert(db)
    change(db, id_, data=json.dumps({**DATA, "note": "changed"}))
    take_in_rows(db)
    assert operations(db)[0].payload["note"] == "changed"


def test_a_row_that_is_written_anew_is_taken_in_again(db: Database) -> None:
    id_ = insert(db)
    take_in_rows(db)
    change(db, id_, data=json.dumps({**DATA, "note": "changed"}), taken_at=None)
    assert take_in_rows(db).rows == 1
    assert operations(db)[0].payload["note"] == "changed"
    assert crm_row(db, id_).state == "pending"


@pytest.mark.parametrize(
    ("state", "columns", "code"),
    [(State.SUCCEEDED, {}, "already_sent"), (State.PENDING, {"customer_id": "M2"}, "other_customer")],
)
def test_content_that_comes_too_late_is_rejected(db: Database, state: State, columns: Any, code: str) -> None:
    make(db, state, source_id="A-1", payload_hash="another", **columns)
    id_ = insert(db, source_id="A-1")
    assert take_in_rows(db).rejected == 1
    assert crm_row(db, id_).error_code == code
    assert crm_row(db, id_).state == "rejected"


def test_data_is_blanked_once_taken_in_and_kept_if_rejected(db: Database) -> None:
    good, bad = insert(db), insert(db, data={"note": "personal"})
    take_in_rows(db)
    assert crm_row(db, good).data is None
    assert crm_row(db, bad).data is not None


def test_many_rows_are_taken_in_batch_by_batch(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH", 3)
    for number in range(7):
        insert(db, source_id=f"A-{number}")
    assert [take_in_rows(db).rows for _ in range(4)] == [3, 3, 1, 0]


def test_long_data_ends_a_batch(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_DATA", 100)
    for _ in range(3):
        insert(db)
    assert [take_in_rows(db).rows for _ in range(3)] == [2, 1, 0]


def test_a_batch_of_hundreds_is_recorded_whole(db: Database) -> None:
    with db.write() as connection:
        connection.execute(
            text(
                "INSERT INTO crm_rows (kind, source_id, customer_id, data)"
                " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
                " SELECT 'comeback', 'N-' || i, 'M' || (30000 + i % 7), :data FROM n"
            ),
            {"data": json.dumps(DATA)},
        )
    assert take_in_all(db).rows == 1200
    assert len(operations(db)) == 1200
    by_id = {operation.id: operation.source_id for operation in operations(db)}
    assert all(by_id[row.operation_id] == row.source_id for row in crm_rows(db))


def test_an_expiry_and_budget_come_from_the_settings(db: Database, clock: FixedClock) -> None:
    insert(db, kind="order_token", data={"data": "x"})
    take_in_rows(db, IntakeDefaults(max_failures=3))
    (operation,) = operations(db)
    assert operation.max_failures == 3
    assert (operation.expires_at - clock.moment).total_seconds() == 3600


def test_a_row_that_the_crm_is_changing_is_passed_over(pg_db: Database) -> None:
    locked, free = insert(pg_db), insert(pg_db)
    with pg_db.write() as connection:
        connection.execute(text(f"UPDATE crm_rows SET data = NULL WHERE id = {locked}"))
        assert take_in_rows(pg_db).rows == 1
        assert crm_row(pg_db, free).state == "pending"
        assert crm_row(pg_db, locked).state == "new"
    assert take_in_rows(pg_db).rows == 1


def test_only_one_process_takes_rows_in_at_a_time(pg_db: Database) -> None:
    insert(pg_db)
    with pg_db.write() as connection:
        assert intake.begin_intake(connection)
        assert take_in_rows(pg_db).rows == 0
    assert take_in_rows(pg_db).rows == 1


def test_many_takers_at_once_keep_the_newest_content(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(120):
        insert(db, source_id=f"A-{number % 10}", data={**DATA, "note": f"{number // 10}"})
    monkeypatch.setattr(intake, "BATCH", 7)

    def take(_: int) -> None:
        while intake.any_new(db):
            take_in_rows(db)

    with ThreadPoolExecutor(3) as takers:
        list(takers.map(take, range(3)))
    assert len(operations(db)) == 10
    assert {operation.payload["note"] for operation in operations(db)} == {"11"}


def test_a_row_is_taken_back_while_it_waits(db: Database) -> None:
    first = insert(db, source_id="A-1")
    back = insert(db, source_id="A-1", data={**DATA, "withdrawn": "ja"})
    unknown = insert(db, source_id="A-9", data={"withdrawn": True})
    assert take_in_all(db).rejected == 0
    (operation,) = operations(db)
    assert operation.state is State.CANCELLED
    write_all_back(db)
    assert {crm_row(db, id_).state for id_ in (first, back, unknown)} == {"cancelled"}


def test_a_row_that_was_sent_is_not_taken_back(db: Database) -> None:
    make(db, State.SUCCEEDED, source_id="A-1")
    id_ = insert(db, source_id="A-1", data={"withdrawn": True})
    assert take_in_all(db).rejected == 1
    assert crm_row(db, id_).error_code == "withdrawn_too_late"
