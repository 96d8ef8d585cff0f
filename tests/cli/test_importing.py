"""Import, rejected and results as they are called: exit status, one clear line, JSON, and nothing personal."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from models import Operation, State
from tests.cli.conftest import Office
from tests.importing.exports import comeback, export, operations
from worker import bootstrap
from worker.cli import terminal
from worker.outbox import Database, connect
from worker.outbox.database.sql import current_time

if TYPE_CHECKING:
    from pathlib import Path

BAD = comeback("BAD", note="Astrid Hemligs", date="2026-02-30 09:00")


def test_a_good_file_is_taken_in_without_a_broker(office: Office, tmp_path: Path) -> None:
    ran = office.start("import", export(tmp_path, [comeback("C-1"), comeback("C-2")]))
    assert (ran.status, ran.out) == (0, "export.csv (comeback, by its headings): 2 recorded.\n")
    assert "the broker takes no rings; the rows are found without" in ran.err
    assert len(operations(office.db)) == 2


def test_rejected_rows_are_printed_with_place_reason_and_remedy(office: Office, tmp_path: Path) -> None:
    ran = office.start("import", export(tmp_path, [comeback("C-1"), BAD]), "--kind", "comeback")
    assert ran.status == 3
    first, second = ran.out.splitlines()
    assert first == "export.csv: 1 recorded, 1 rejected."
    assert second.startswith(
        "  line 3 BAD, date: there is no such date or time of day (a date with hyphens, a time). Write it as "
    )
    listed = office.run("rejected")
    assert listed.status == 3
    assert listed.out.startswith("export.csv, line 3 BAD, date: there is no such date")
    assert "Hemligs" not in ran.out + ran.err + listed.out


def test_a_refused_file_does_not_stop_the_other_files(office: Office, tmp_path: Path) -> None:
    good = export(tmp_path, [comeback("C-1")])
    ran = office.run("import", tmp_path / "missing.csv", good, tmp_path)
    assert ran.status == 1
    assert "missing.csv: there is no such file. Check the path." in ran.err.splitlines()
    assert f"{tmp_path.name}: this is a folder. Name the files in it." in ran.err.splitlines()
    assert "1 recorded" in ran.out


def test_an_unknown_kind_is_a_usage_error(office: Office, tmp_path: Path) -> None:
    ran = office.run("import", export(tmp_path, [comeback("C-1")]), "--kind", "valuation")
    assert ran.status == 2
    assert office.run("import", export(tmp_path, []), "--feed", "").status == 2


def test_a_dry_run_records_nothing_and_says_so(office: Office, tmp_path: Path) -> None:
    ran = office.run("import", "--dry-run", export(tmp_path, [comeback("C-1"), BAD]))
    assert ran.status == 3
    assert "1 recorded, 1 rejected. Dry run: nothing was recorded." in ran.out
    assert operations(office.db) == []
    assert office.run("rejected").out == "There are no rejected rows.\n"


def test_json_is_all_that_stands_on_standard_output(office: Office, tmp_path: Path) -> None:
    ran = office.start("import", "--json", export(tmp_path, [comeback("C-1"), BAD]), tmp_path / "missing.csv")
    assert ran.status == 1
    good, missing = json.loads(ran.out)
    assert good["kind"] == "comeback"
    assert good["rows"] == 2
    assert good["recorded"] == 1
    assert good["rejected"] == 1
    assert (good["rejected_rows"][0]["line"], good["rejected_rows"][0]["column"]) == (3, "date")
    assert missing["refused"].startswith("missing.csv: there is no such file")
    (listed,) = json.loads(office.run("rejected", "--json").out)
    assert listed["file"] == "export.csv"
    assert listed["line"] == 3
    assert listed["code"] == "not_a_time"


def test_rejected_rows_are_listed_by_feed_and_file(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [BAD], name="a.csv"))
    office.run("import", export(tmp_path, [BAD, BAD], name="b.csv"), "--feed", "other")
    assert len(office.run("rejected").out.splitlines()) == 3
    assert len(office.run("rejected", "--feed", "other").out.splitlines()) == 2
    assert len(office.run("rejected", "--file", "folder/a.csv").out.splitlines()) == 1
    assert len(office.run("rejected", "--limit", "1").out.splitlines()) == 1


def test_many_rejected_rows_are_cut_short(office: Office, tmp_path: Path) -> None:
    ran = office.run("import", export(tmp_path, [comeback(f"B-{n}", date="x") for n in range(23)]))
    assert len(ran.out.splitlines()) == 22
    assert ran.out.splitlines()[-1].endswith("and 3 rejected rows more: `vitec-sync rejected` lists all.")


def test_a_file_s_words_cannot_command_a_terminal(office: Office, tmp_path: Path) -> None:
    path = export(tmp_path, [], ["source_id", "customer_id", "\x9b31mred\x9b0m"])
    ran = office.start("import", path, "--kind", "comeback")
    assert ran.status == 1
    assert "\x9b" not in ran.err


def ended(office: Office) -> None:
    with office.db.write() as connection:
        values = {"state": State.FAILED, "finalized_at": current_time, "error_code": "refused"}
        connection.execute(update(Operation).values(values))


def test_results_are_reported_once(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [comeback("C-1"), BAD]))
    ended(office)
    ran = office.start("results")
    rows = list(csv.DictReader(io.StringIO(ran.out, newline="")))
    assert [(row["source_id"], row["state"], row["error_text"]) for row in rows] == [
        ("C-1", "failed", "Vitec refused it."),
        ("BAD", "rejected", "there is no such date or time of day (a date with hyphens, a time)"),
    ]
    assert ran.out.count("\r\n") == 3
    assert len(office.run("results").out.splitlines()) == 1
    assert [json.loads(line)["source_id"] for line in office.run("results", "--all", "--json").out.splitlines()] == [
        "C-1",
        "BAD",
    ]


def test_results_in_a_file_take_their_form_from_its_ending(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [comeback("C-1")]))
    ended(office)
    path = tmp_path / "results.jsonl"
    ran = office.run("results", "--output", path)
    assert (ran.status, ran.out) == (0, f"{path}: 1 operation, 0 rejected rows.\n")
    assert json.loads(path.read_text(encoding="utf-8"))["source_id"] == "C-1"


def test_results_that_cannot_be_written_stay_untold(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [comeback("C-1")]))
    ended(office)
    ran = office.run("results", "--output", tmp_path / "missing" / "results.csv")
    assert ran.status == 1
    assert "cannot be written (No such file or directory): nothing was marked as told." in ran.err
    with open("/dev/full", "wb") as full:  # noqa: PTH123 (a device)
        assert office.start("results", stdout=full).status == 1
    assert len(office.run("results").out.splitlines()) == 2


def test_a_missing_database_is_reported_at_once(tmp_path: Path) -> None:
    nowhere = Office(Database(connect("sqlite://")), f"sqlite:///{tmp_path / 'missing.db'}")
    for command in (("import", export(tmp_path, [])), ("rejected",), ("results",)):
        ran = nowhere.start(*command)
        assert ran.status == 1
        assert len(ran.err.splitlines()) == 1
        assert "vitec-sync migrate" in ran.err
    nowhere.db.engine.dispose()


def test_results_never_replace_a_file_unasked(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [comeback("C-1")]))
    ended(office)
    path = tmp_path / "results.csv"
    assert office.run("results", "--output", path).status == 0
    before = path.read_bytes()
    ran = office.run("results", "--output", path)
    assert ran.status == 1
    assert "say --overwrite" in ran.err
    again = office.run("results", "--output", path, "--overwrite")
    assert again.out.startswith("There is nothing new.")
    assert path.read_bytes() == before


def test_without_consent_nothing_is_recorded(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "gamla.csv"
    path.write_text("source_id,customer_id,contact_id,date\nC-1,M30001,ADR1,2026-01-07 09:00\n", encoding="utf-8")
    ran = office.run("import", path)
    assert ran.status == 1
    assert "gamla.csv: 1 comeback rows have dates more than 30 days back. Nothing was recorded." in ran.err
    assert "--yes" in ran.err
    assert json.loads(office.run("import", path, "--json").out)[0]["code"] == "consent_needed"
    agreed = office.run("import", path, "--yes")
    assert agreed.status == 0
    assert "1 recorded" in agreed.out


def test_a_full_export_withdraws_by_the_command(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "alla.csv"
    heading, rows = (
        "source_id,customer_id,contact_id,date\n",
        [f"C-{n},M30001,ADR1,2099-01-0{n} 09:00\n" for n in (1, 2)],
    )
    path.write_text(heading + "".join(rows), encoding="utf-8")
    office.run("import", path)
    path.write_text(heading + rows[0], encoding="utf-8")
    assert "1 unchanged, 1 withdrawn" in office.run("import", path, "--full-export").out


@pytest.mark.parametrize(
    ("language", "summary", "step"),
    [
        ("en", "1 recorded, 1 rejected.", "Next: mend the rejected rows in the CRM"),
        ("sv", "1 ny, 1 avvisad.", "Nästa steg: rätta de avvisade raderna"),
    ],
)
def test_a_person_is_told_what_to_do_next(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, summary: str, step: str
) -> None:
    monkeypatch.setenv("LANGUAGE", language)
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    bootstrap.settings.cache_clear()
    ran = office.run("import", export(tmp_path, [comeback("C-1"), BAD]))
    words = " ".join(ran.out.split())
    assert summary in words
    assert step in words
    assert "vitec-sync status" in words
    bootstrap.settings.cache_clear()


def test_a_program_is_told_no_next_step(office: Office, tmp_path: Path) -> None:
    assert "Next:" not in office.run("import", export(tmp_path, [comeback("C-1"), BAD])).out
