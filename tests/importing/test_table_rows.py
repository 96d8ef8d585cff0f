"""A row of the table is read as one of a file is; a bad one is rejected with all its faults, and holds up no other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.importing.exports import operations
from tests.importing.table import DATA, crm_row, insert, insert_sql, take_in_all
from worker.importing import take_in_rows

if TYPE_CHECKING:
    from worker.outbox import Database


@pytest.mark.parametrize(
    "data",
    [
        {"contact_id": "ADR0001", "date": "2026-12-11 09:15", "note": "x"},
        {"Id på kontakt": "ADR0001", "Tid och datum för återkomsten": "2026-12-11 09:15", "Anteckning": "x"},
        {"contactId": "ADR0001", "Date": "2026-12-11 09:15", "NOTE": "x"},
    ],
)
def test_fields_have_any_documented_name(db: Database, data: dict[str, str]) -> None:
    id_ = insert(db, data=data)
    assert take_in_rows(db).rejected == 0, crm_row(db, id_).error_text
    assert operations(db)[0].payload["contact_id"] == "ADR0001"


def test_nested_objects_come_as_vitec_has_them(db: Database) -> None:
    id_ = insert(db, data={**DATA, "participant": {"userId": "HAN0001"}})
    assert take_in_rows(db).rejected == 0, crm_row(db, id_).error_text
    assert operations(db)[0].payload["participant_user_id"] == "HAN0001"


def test_vitecs_own_id_in_the_data_is_not_the_rows(db: Database) -> None:
    data = {"id": "HAN0001", "subject": "Visa", "startsAt": "2026-12-10 09:00", "endsAt": "2026-12-10 10:00"}
    id_ = insert(db, kind="appointment", source_id="A-1", data=data)
    assert take_in_rows(db).rejected == 0, crm_row(db, id_).error_text
    assert operations(db)[0].payload["user_id"] == "HAN0001"
    assert operations(db)[0].source_id == "A-1"


def test_the_whole_row_may_stand_in_the_data(db: Database) -> None:
    whole = {"kind": "comeback", "source_id": "A-1", "customerId": "M30001", **DATA}
    id_ = insert(db, kind=None, source_id=None, customer_id=None, feed=None, data=whole)
    assert take_in_rows(db).rejected == 0, crm_row(db, id_).error_text
    assert operations(db)[0].source_id == "A-1"


def test_a_field_that_is_given_twice_must_say_the_same(db: Database) -> None:
    good = insert(db, source_id="A-1", data={"source_id": "A-1", **DATA})
    bad = insert(db, source_id="A-2", data={"source_id": "A-3", **DATA})
    take_in_rows(db)
    assert crm_row(db, good).state == "pending"
    assert crm_row(db, bad).error_code == "given_twice"


HUGE = json.dumps({**DATA, "note": "x" * 11_000_000})
BAD_DATA: dict[str, tuple[Any, str]] = {
    "an array": ("[1, 2]", "not_json"),
    "null": ("null", "not_json"),
    "a number": ("17", "not_json"),
    "a text": ('"x"', "not_json"),
    "cut off": ('{"contactId": "A', "not_json"),
    "nothing": ("", "not_json"),
    "nested without end": ("[" * 200_000, "not_json"),
    "a number of 10,000 digits": ('{"contactId": ' + "9" * 10_000 + "}", "not_json"),
    "no number": ('{"contactId": NaN}', "not_json"),
    "a key twice": ('{"note": "a", "note": "b"}', "repeated_key"),
    "half a character": ('{"note": "\\ud800"}', "not_text"),
    "a NUL": (json.dumps({**DATA, "note": "a\0b"}), "control_character"),
    "a list for a text": ({**DATA, "note": ["a"]}, "wrong_type"),
    "an object for a text": ({**DATA, "note": {"a": "b"}}, "wrong_type"),
    "true for an id": ({**DATA, "contactId": True}, "wrong_type"),
    "an unknown field": ({**DATA, "colour": "red"}, "unknown_field"),
    "a missing field": ({"note": "x"}, "missing"),
    "no data at all": (None, "missing"),
    "ten million characters": (HUGE, "row_too_long"),
    "many fields": ({**DATA, **dict.fromkeys(map(str, range(300)), "x")}, "too_many_fields"),
}


@pytest.mark.parametrize(("data", "code"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_is_rejected_and_holds_up_no_other(db: Database, data: Any, code: str) -> None:
    before, bad, after = insert(db), insert(db, data=data), insert(db)
    taken_in = take_in_all(db)
    assert (taken_in.rows, taken_in.rejected) == (3, 1)
    row = crm_row(db, bad)
    assert row.state == "rejected"
    assert row.error_code == code, row.error_text
    assert row.taken_at is not None
    assert row.operation_id is None
    assert "Traceback" not in row.error_text
    assert {crm_row(db, id_).state for id_ in (before, after)} == {"pending"}


BAD_COLUMNS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown kind": ({"kind": "valuation"}, "unknown_kind"),
    "a kind of a million letters": ({"kind": "k" * 1_000_000}, "unknown_kind"),
    "no kind": ({"kind": None}, "missing"),
    "no id": ({"source_id": None}, "missing"),
    "an empty id": ({"source_id": " "}, "missing"),
    "an id of a million letters": ({"source_id": "".join(map(str, range(200_000)))}, "too_long"),
    "an id with a line break": ({"source_id": "a\nb"}, "control_character"),
    "no customer": ({"customer_id": None}, "missing"),
    "an after that names no row": ({"after": "yesterday"}, "bad_after"),
    "a feed of a hundred letters": ({"feed": "f" * 100}, "too_long"),
    "a feed with a line break": ({"feed": "a\nb"}, "too_long"),
}


@pytest.mark.parametrize(("columns", "code"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_bad_columns_are_rejected_and_hold_up_no_other(db: Database, columns: dict[str, Any], code: str) -> None:
    bad, after = insert(db, **columns), insert(db)
    take_in_all(db)
    assert crm_row(db, bad).error_code == code, crm_row(db, bad).error_text
    assert crm_row(db, bad).state == "rejected"
    assert crm_row(db, after).state == "pending"


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 12:00+00 BC", "12026-01-01 12:00+00"])
def test_moments_that_only_postgresql_knows_are_rejected(pg_db: Database, moment: str) -> None:
    insert_sql(pg_db, "kind, source_id, customer_id, data, send_after", f"'comeback', 'A', 'M1', '{{}}', '{moment}'")
    insert(pg_db)
    take_in_all(pg_db)
    with pg_db.read() as connection:
        texts = connection.scalars(text("SELECT error_text FROM crm_rows ORDER BY id")).all()
    assert "send_after: it" in texts[0]
    assert texts[1] is None


@pytest.mark.parametrize("column", ["data", "kind", "source_id", "customer_id", "feed", "after", "send_after"])
def test_bytes_that_are_no_text_are_rejected_on_sqlite(db: Database, column: str) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL takes no such text")
    bad, good = insert(db), insert(db)
    for value in ("CAST(x'fffe00' AS TEXT)", "x'fffe00'"):
        with db.write() as connection:
            connection.execute(text(f"UPDATE crm_rows SET {column} = {value}, taken_at = NULL WHERE id = {bad}"))
        take_in_all(db)
        with db.read() as connection:
            state = connection.scalar(text(f"SELECT state FROM crm_rows WHERE id = {bad}"))
        assert state == "rejected"
    assert crm_row(db, good).state == "pending"


def test_all_faults_of_a_row_are_told_at_once(db: Database) -> None:
    id_ = insert(
        db, customer_id="no customer!", after="x", data={"Tid och datum för återkomsten": "soon", "colour": "red"}
    )
    take_in_rows(db)
    lines = crm_row(db, id_).error_text.splitlines()
    names = {line.partition(":")[0] for line in lines}
    assert names == {"customer_id", "after", "Tid och datum för återkomsten", "colour", "contact_id"}
    assert "soon" not in crm_row(db, id_).error_text
