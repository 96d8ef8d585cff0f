"""`vitec-sync results` in every form, by its ending or as asked."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook

from models import State
from tests import factory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Office


@pytest.fixture
def office(office: Office) -> Office:
    """An office with news: a success, and a failure with words that a spreadsheet would run."""
    with office.db.write() as connection:
        factory.make_operation(connection, State.SUCCEEDED, source_id="000123", remote_id="CAL1")
        factory.make_operation(connection, State.FAILED, source_id="B", error_detail="=HYPERLINK(1)")
    return office


def test_a_workbook_holds_texts_and_dates(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "svar.xlsx"
    assert office.run("results", "--output", path).status == 0
    sheet = load_workbook(path).active
    assert sheet is not None
    headings, first, second = sheet.iter_rows()
    at = {str(cell.value): number for number, cell in enumerate(headings)}
    assert (first[at["source_id"]].value, first[at["source_id"]].data_type) == ("000123", "s")
    assert isinstance(first[at["finalized_at"]].value, datetime)
    assert (second[at["error_detail"]].value, second[at["error_detail"]].data_type) == ("=HYPERLINK(1)", "s")


def test_a_swedish_excel_opens_it_in_columns(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "svar.csv"
    assert office.run("results", "--output", path, "--format", "csv-excel").status == 0
    assert path.read_bytes().startswith(b"\xef\xbb\xbfpart;source_id;feed;")
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), delimiter=";"))
    assert rows[0]["finalized_at"] == "2026-12-01 10:00:00"
    assert rows[1]["error_detail"] == "'=HYPERLINK(1)"


def test_a_workbook_goes_into_a_pipe(office: Office) -> None:
    ran = office.start("results", "--format", "xlsx", stdout=None)
    assert ran.status == 0


@pytest.mark.parametrize(
    ("name", "form", "why"),
    [
        ("svar.csv", "xlsx", "ends in .xlsx"),
        ("svar.xlsx", "csv", "ends in .xlsx"),
        ("svar.ods", "csv", "no .ods file can be written"),
    ],
)
def test_an_ending_that_would_deceive_is_refused(
    office: Office, tmp_path: Path, name: str, form: str, why: str
) -> None:
    ran = office.run("results", "--output", tmp_path / name, "--format", form)
    assert ran.status == 2
    assert why in " ".join(ran.err.split())
    assert not (tmp_path / name).exists()


def test_json_and_another_form_contradict(office: Office) -> None:
    assert office.run("results", "--json", "--format", "csv-excel").status == 2
