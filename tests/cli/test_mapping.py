"""Mappings as they are drafted, checked and used by command, and the columns of a kind."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook, load_workbook

from run import ROOT
from tests.importing.exports import operations
from worker.drafting.describing import describe_fields, example_of, template_headings
from worker.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell
    from worker.kind import Kind

EXAMPLES = ROOT / "examples" / "mapping"
USER = "HAN0123456789ABCDEF0123456789ABCDEF"
CSV = f"Nr;Kontor;Mäklare;Rubrik;Börjar;Slutar;Telefon\n1;M30001;{USER};Möte;2.12.2026 09:15;13.12.2026 09:15;070-1234567\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An export with headings of its own."""
    path = tmp_path / "kalender.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def test_a_suggested_mapping_takes_the_file_in(shell: Shell, file: Path) -> None:
    toml = file.with_suffix(".toml")
    drafted = shell.run("mapping", "suggest", str(file), "-o", str(toml))
    assert drafted.status == 0, drafted
    assert shell.run("mapping", "check", str(toml), str(file)).status == 0
    assert shell.run("import", "--mapping", str(toml), str(file)).status == 0
    (row,) = operations(shell.db)
    assert row.payload["starts_at"] == "2026-12-02T09:15:00+01:00"
    assert shell.run("import", "--mapping", str(toml), str(file)).out.startswith(
        "kalender.csv: 0 recorded, 1 unchanged"
    )


def test_a_draft_is_never_written_over_a_file(shell: Shell, file: Path) -> None:
    drafted = shell.run("mapping", "suggest", str(file), "-o", str(file))
    assert drafted.status == 1
    assert "is there already" in drafted.err
    assert file.read_text("utf-8") == CSV


def test_a_draft_with_questions_says_how_many(shell: Shell, file: Path) -> None:
    file.write_text(CSV.replace("13.12.2026", "2.12.2026").replace("2.12.2026", "02/12/2026"), encoding="utf-8")
    drafted = shell.run("mapping", "suggest", str(file))
    assert drafted.status == 3
    assert "1 question left open" in drafted.err
    toml = file.with_suffix(".toml")
    toml.write_text(drafted.out, encoding="utf-8")
    checked = shell.run("mapping", "check", str(toml), str(file))
    assert checked.status == 1
    assert "kalender.toml, line" in checked.out
    assert "times.forms: it is still to be decided" in checked.out


def test_a_check_tells_all_that_does_not_fit(shell: Shell, file: Path) -> None:
    toml = file.with_suffix(".toml")
    shell.run("mapping", "suggest", str(file), "-o", str(toml))
    file.write_text(CSV.replace("Slutar", "Slut").replace("Telefon", "Mobil"), encoding="utf-8")
    checked = shell.run("mapping", "check", str(toml), str(file))
    assert checked.status == 1
    assert "has no heading 'Slutar'. Perhaps it is called 'Slut' now." in checked.out
    assert "does not name: 'Mobil'" in checked.out


def test_a_check_counts_the_rows_that_do_not_fit(shell: Shell, file: Path) -> None:
    toml = file.with_suffix(".toml")
    shell.run("mapping", "suggest", str(file), "-o", str(toml))
    file.write_text(CSV + f"2;M30001;{USER};Möte;imorgon 9;13.12.2026 09:15;\n", encoding="utf-8")
    checked = shell.run("mapping", "check", str(toml), str(file))
    assert checked.status == 3
    assert "1 of 2 rows can be taken in" in checked.out
    assert "line 3, Börjar: it is not a time in a form of the mapping" in checked.out
    data = json.loads(shell.run("mapping", "check", "--json", str(toml), str(file)).out)
    assert data["files"][0]["row_faults"][0]["code"] == "not_a_time"


def test_a_dry_run_shows_the_first_request_of_each_kind(shell: Shell) -> None:
    words = ("import", "--dry-run", "--mapping", str(EXAMPLES / "calendar.toml"), str(EXAMPLES / "calendar.csv"))
    tried = shell.run(*words)
    assert f"POST Appointment/M30001/{USER}" in tried.out
    assert '"startsAt": "2026-12-14T11:30:00+01:00"' in tried.out
    assert "POST Meeting/Comeback/M30001/ADR0123456789ABCDEF0123456789ABCDEF" in tried.out
    assert '"meetingId": "<the id of appointment:2601>"' in tried.out
    assert operations(shell.db) == []
    (report,) = json.loads(shell.run(*words, "--json").out)
    assert report["first_requests"][0]["body"]["subject"] == "Intagsmöte"


def test_a_dry_run_shows_only_requests_to_be_sent(shell: Shell, file: Path) -> None:
    toml = file.with_suffix(".toml")
    shell.run("mapping", "suggest", str(file), "-o", str(toml))
    shell.run("import", "--mapping", str(toml), str(file))
    assert "would be sent" not in shell.run("import", "--dry-run", "--mapping", str(toml), str(file)).out


def test_the_example_is_what_is_suggested_for_it(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    draft = tmp_path / "calendar.toml"
    shell.run("mapping", "suggest", str(EXAMPLES / "calendar.csv"), "-o", str(draft))
    assert draft.read_text("utf-8") == (EXAMPLES / "calendar.toml").read_text("utf-8")


def test_a_wrong_mapping_stops_the_import(shell: Shell, file: Path) -> None:
    toml = file.with_suffix(".toml")
    toml.write_text("version = 1\nkind = 'möte'\n", encoding="utf-8")
    ran = shell.run("import", "--mapping", str(toml), str(file))
    assert ran.status == 1
    assert "line 2, kind: there is no such kind" in ran.err


def test_a_kind_beside_a_mapping_that_names_another_is_refused(shell: Shell, file: Path) -> None:
    toml = file.with_suffix(".toml")
    shell.run("mapping", "suggest", str(file), "-o", str(toml))
    ran = shell.run("import", "--kind", "comeback", "--mapping", str(toml), str(file))
    assert ran.status == 1
    assert "Leave --kind out" in ran.err


@pytest.mark.parametrize("name", ["suggest", "check"])
def test_each_command_about_mappings_explains_itself(shell: Shell, name: str) -> None:
    page = shell.run("mapping", name, "--help").out
    assert "Exit status" in page
    assert "<bool>" not in page


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_an_example_of_each_field_is_read(kind: type[Kind]) -> None:
    for entry in describe_fields(kind):
        if entry.field in kind.model_fields:
            assert kind.cell_of(entry.field).read(entry.example) is not None
    cells = {name: example_of(kind, name) for name in ("source_id", *kind.required, *kind.handed_on)}
    row = kind.parse({**cells, **({"header": "Hej"} if "header" in kind.model_fields else {})})
    assert row.customer_id == "M30001"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_columns_are_listed(shell: Shell, kind: type[Kind]) -> None:
    lines = shell.run("columns", kind.kind).out.splitlines()
    assert lines[1].startswith("source_id\t")
    data = json.loads(shell.run("columns", kind.kind, "--json").out)
    assert {entry["field"] for entry in data} >= set(kind.model_fields)
    assert [entry["field"] for entry in data if entry["is_required"]][:2] == ["source_id", "customer_id"]


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_template_can_be_imported_once_filled_in(shell: Shell, tmp_path: Path, kind: type[Kind], ending: str) -> None:
    path = tmp_path / f"template{ending}"
    assert shell.run("columns", kind.kind, "--template", str(path)).status == 0
    headings = list(template_headings(kind))
    fields = [entry.field for entry in describe_fields(kind) if entry.field not in {"handed_on", "withdrawn"}]
    fields = ["kind", *fields] if len(headings) > len(fields) else fields
    wanted = {"source_id", *kind.required, *kind.handed_on, "kind"} | ({"header"} & kind.model_fields.keys())
    row = [kind.kind if name == "kind" else example_of(kind, name) if name in wanted else "" for name in fields]
    _append(path, headings, row)
    ran = shell.run("import", str(path))
    assert ran.status == 0, ran
    assert [operation.kind for operation in operations(shell.db)] == [kind.kind]


def _append(path: Path, headings: list[str], row: list[str]) -> None:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            assert list(csv.reader(stream, delimiter=";")) == [headings]
        with path.open("a", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter=";").writerow(row)
        return
    book = load_workbook(path)
    sheet = book.active
    assert sheet is not None
    assert [cell.value for cell in next(sheet.iter_rows())] == headings
    sheet.append(row)
    book.save(path)


def test_a_template_never_replaces_a_file(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    Workbook().save(path)
    before = path.read_bytes()
    assert shell.run("columns", "comeback", "--template", str(path)).status == 1
    assert path.read_bytes() == before
    assert shell.run("columns", "comeback", "--template", str(tmp_path / "a.doc")).status == 2


def test_a_kind_that_there_is_not_gets_the_nearest(shell: Shell) -> None:
    ran = shell.run("columns", "combeack")
    assert ran.status == 2
    assert "comeback" in ran.err
