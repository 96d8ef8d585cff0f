"""The view `operation_results` says what the results say, and the time at which the CRM was told."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

import migrations
from models import State
from tests import factory
from worker import results
from worker.results import writing

if TYPE_CHECKING:
    from worker.outbox import Database


def read_view(db: Database) -> list[dict[str, Any]]:
    with db.read() as connection:
        rows = connection.execute(text("SELECT * FROM operation_results ORDER BY part, source_id")).mappings()
        return [dict(row) for row in rows]


def make_rows(db: Database) -> None:
    with db.write() as connection:
        file_id = factory.make_feed_file(connection)
        factory.make_operation(
            connection, State.SUCCEEDED, source_id="A", remote_id="CAL1", feed_file_id=file_id, line=2
        )
        factory.make_operation(connection, State.FAILED, source_id="B", error_code="refused", error_detail="Nej")
        factory.make_operation(connection, State.FAILED, source_id="C", error_code="not_found")
        factory.make_operation(connection, State.IN_DOUBT, source_id="D")
        factory.make_rejected_row(connection, source_id="E", feed_file_id=file_id)
        factory.make_rejected_row(connection, source_id="CLOSED", closed_at=factory.MOMENT)


def test_it_has_the_columns_of_the_results_and_when_told(db: Database) -> None:
    make_rows(db)
    assert list(read_view(db)[0]) == [*writing.COLUMNS, "told_at"]


def test_its_rows_say_what_the_results_say(db: Database) -> None:
    make_rows(db)
    results.keep_code_words(db)
    stream = io.StringIO()
    results.write_stream(db, stream, form="jsonl")
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    viewed = read_view(db)
    assert len(viewed) == len(written) == 5
    for row, result in zip(viewed, written, strict=True):
        for column in set(writing.COLUMNS) - {*writing.TIMES, "ticket"}:
            assert row[column] == result[column], column
        assert row["told_at"] is not None


def test_a_row_that_waits_is_there_and_not_told(db: Database) -> None:
    with db.write() as connection:
        factory.make_operation(connection, State.PENDING, source_id="W")
    (row,) = read_view(db)
    assert (row["state"], row["told_at"]) == ("pending", None)


def test_the_words_of_codes_are_kept_as_they_are_now(db: Database) -> None:
    assert results.keep_code_words(db)
    assert not results.keep_code_words(db)
    with db.write() as connection:
        connection.execute(text("UPDATE code_words SET text = 'old' WHERE code = 'refused'"))
        connection.execute(text("INSERT INTO code_words (code, text, remedy) VALUES ('gone', 'a', 'b')"))
    assert results.keep_code_words(db)
    assert not results.keep_code_words(db)


def test_a_table_under_it_can_still_be_copied(database_url: str) -> None:
    """As a later revision does on SQLite: the old revision below drops columns of a table that the view reads."""
    migrations.downgrade(database_url, "0013")
    migrations.upgrade(database_url)
    migrations.check(database_url)
