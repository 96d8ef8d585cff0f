"""Results, the words of codes and the rows of `crm_rows` speak the language that is set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import text

from models import State
from tests import factory
from tests.importing.table import crm_row, insert
from tests.results.destinations import in_folder, read_rows, visible, write
from worker.codes.language import Language
from worker.codes.registry import explain_code
from worker.feeding import find_destinations
from worker.importing import IntakeDefaults, take_in_rows
from worker.results import keep_code_words, outcome_of, write_results
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database

SWEDISH = Language.SWEDISH


def fail(db: Database, code: str) -> None:
    with db.write() as connection:
        factory.make_operation(connection, State.FAILED, source_id="F-1", error_code=code)


def test_a_file_of_results_speaks_swedish(db: Database, folder: Path) -> None:
    with db.write() as connection:
        factory.make_rejected_row(connection, source_id="BAD", code="not_a_time")
    write(db, replace(in_folder(folder), language=SWEDISH))
    (path,) = visible(folder)
    (row,) = read_rows(path)
    assert row["remedy"].startswith("Skriv")


def test_every_destination_has_the_language_that_is_set(folder: Path) -> None:
    (destination,) = find_destinations([], folder, language=SWEDISH)
    assert destination.language is SWEDISH


def test_the_view_speaks_swedish(db: Database) -> None:
    fail(db, "not_found")
    assert keep_code_words(db, SWEDISH)
    with db.read() as connection:
        shown = connection.scalar(text("SELECT error_text FROM operation_results WHERE source_id = 'F-1'"))
    assert shown == explain_code("not_found", "comeback", SWEDISH).text


def test_an_outcome_speaks_swedish(db: Database) -> None:
    fail(db, "not_found")
    outcome = outcome_of(db, "comeback", "F-1", language=SWEDISH)
    assert outcome is not None
    assert str(outcome.error_text).startswith(explain_code("not_found", "comeback", SWEDISH).text)


def test_a_rejected_table_row_speaks_swedish(db: Database) -> None:
    id_ = insert(db, data='{"contactId": "ADR0001", "date": "i morgon"}')
    take_in_rows(db, IntakeDefaults(language=SWEDISH))
    assert "it is not" not in str(crm_row(db, id_).error_text)
    assert str(crm_row(db, id_).error_text).startswith("date: ")


def test_the_intake_has_the_language_that_is_set() -> None:
    assert IntakeDefaults.of(Settings(language=SWEDISH)).language is SWEDISH


def test_results_wait_for_the_rows_that_tell_them(db: Database, folder: Path) -> None:
    with db.write() as connection:
        factory.make_operation(connection, State.SUCCEEDED, source_id="T-1", rows_behind=True)
    assert write_results(db, [in_folder(folder)], worker="host:1") == {}
