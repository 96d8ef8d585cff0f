"""Results can be opened as a CRM does, and are marked as reported only when they are safely written."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from models import State
from tests import factory
from worker.outbox.upkeep import reported
from worker.results import write_file, write_stream, writing

if TYPE_CHECKING:
    from pathlib import Path

    from worker.codes.language import Language
    from worker.outbox import Database

TICKET = {"orderId": "ORD1", "hasExpired": False}


@pytest.fixture
def week(db: Database) -> Database:
    """A succeeded, a failed, a doubtful and a waiting operation, a ticket, and a rejected row."""
    with db.write() as connection:
        factory.make_operation(connection, State.SUCCEEDED, source_id="OK", remote_id="CAL1", attempt=2)
        factory.make_operation(
            connection, State.FAILED, source_id="=NO()", error_code="refused", error_detail="-Felaktigt datum"
        )
        factory.make_operation(connection, State.IN_DOUBT, source_id="DOUBT")
        factory.make_operation(connection, State.PENDING, source_id="WAITS")
        factory.make_operation(
            connection, State.SUCCEEDED, source_id="TICKET", kind="order_token", remote_id="ORD1", answer=TICKET
        )
        factory.make_rejected_row(
            connection, source_id="BAD", line=7, column="Datum", reason="why", remedy="what helps"
        )
    return db


def as_csv(db: Database, **options: Any) -> list[dict[str, str]]:
    stream = io.StringIO(newline="")
    write_stream(db, stream, form="csv", **options)
    return list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))


def as_json(db: Database, **options: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    write_stream(db, stream, form="jsonl", **options)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_settlement_comes_once_under_the_crm_s_id(week: Database) -> None:
    rows = as_csv(week)
    assert [(row["part"], row["source_id"], row["state"]) for row in rows] == [
        ("operation", "OK", "succeeded"),
        ("operation", "'=NO()", "failed"),
        ("operation", "DOUBT", "in_doubt"),
        ("operation", "TICKET", "succeeded"),
        ("rejected", "BAD", "rejected"),
    ]
    assert as_csv(week) == []


def test_a_row_says_how_it_ended(week: Database) -> None:
    ok, failed, _, ticket, bad = as_json(week)
    assert list(ok) == list(writing.COLUMNS)
    assert ok["remote_id"] == "CAL1"
    assert ok["attempts"] == 2
    assert ok["kind"] == "comeback"
    assert ok["customer_id"] == "M30001"
    assert ok["finalized_at"] == "2026-12-01T10:00:00+01:00"
    assert (failed["error_code"], failed["error_text"]) == ("refused", "Vitec refused it.")
    assert failed["error_detail"] == "-Felaktigt datum"
    assert ticket["ticket"] == TICKET
    assert bad["file"][-4:] == ".csv"
    assert bad["line"] == 7
    assert bad["column"] == "Datum"
    assert (bad["error_text"], bad["remedy"]) == ("why", "what helps")


@pytest.mark.parametrize("form", writing.FORMS)
def test_a_row_without_a_column_is_not_written(week: Database, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CSV the cells after it would stand under another heading."""
    whole = writing.operation_values

    def without_ticket(row: Any, language: Language) -> Any:
        return {name: value for name, value in whole(row, language).items() if name != "ticket"}

    monkeypatch.setattr(writing, "operation_values", without_ticket)
    with pytest.raises(KeyError, match="ticket"):
        write_stream(week, io.BytesIO() if form == "xlsx" else io.StringIO(newline=""), form=form)
    monkeypatch.undo()
    assert len(as_csv(week)) == 5


def test_formulas_are_escaped_in_csv_only(week: Database) -> None:
    failed = as_csv(week, everything=True)[1]
    assert (failed["source_id"], failed["error_detail"]) == ("'=NO()", "'-Felaktigt datum")
    assert as_json(week)[1]["source_id"] == "=NO()"


def test_all_shows_every_row_and_marks_none(week: Database) -> None:
    as_csv(week)
    everything = [row["source_id"] for row in as_csv(week, everything=True)]
    assert everything == ["OK", "'=NO()", "DOUBT", "WAITS", "TICKET", "BAD"]
    assert as_csv(week) == []


class Broken(io.StringIO):
    """A pipe without a reader."""

    def flush(self) -> None:
        raise BrokenPipeError


def test_rows_that_could_not_be_written_stay_unmarked(week: Database) -> None:
    with pytest.raises(BrokenPipeError):
        write_stream(week, Broken(), form="csv")
    assert len(as_csv(week)) == 5


def test_a_file_appears_whole_and_is_then_marked(week: Database, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "results.csv"
    path.write_text("of yesterday", encoding="utf-8")
    written = write_file(week, path, form="csv")
    assert (written.operations, written.rejected) == (4, 1)
    assert path.read_bytes().count(b"\r\n") == 6
    assert [file.name for file in folder.iterdir()] == ["results.csv"]
    assert as_csv(week) == []


def test_a_failed_write_leaves_the_old_file_and_no_mark(
    week: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "results.csv"
    path.write_text("of yesterday", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_file(week, path, form="csv")
    assert path.read_text(encoding="utf-8") == "of yesterday"
    assert [file.name for file in folder.iterdir()] == ["results.csv"]
    assert len(as_csv(week)) == 5


def test_a_settlement_that_changes_meanwhile_comes_again(week: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = reported.mark_operations_reported

    def mark_late(db: Database, states: Any) -> int:
        with db.write() as connection:
            connection.exec_driver_sql("UPDATE operations SET attempt = attempt + 1 WHERE source_id = 'DOUBT'")
        return mark(db, states)

    with monkeypatch.context() as patch:
        patch.setattr(reported, "mark_operations_reported", mark_late)
        as_csv(week)
    assert [row["source_id"] for row in as_csv(week)] == ["DOUBT"]
