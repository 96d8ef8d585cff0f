"""Rejected rows as the command shows them: open until their row comes again, or a person closes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.importing.exports import comeback, export

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Office

BAD = comeback("BAD", note="Astrid Hemligs", date="2026-02-30 09:00")


def test_a_rejected_row_that_came_mended_is_closed(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [comeback("C-1"), BAD]))
    office.run("import", export(tmp_path, [comeback("C-1"), comeback("BAD")], name="mended.csv"))
    listed = office.run("rejected")
    assert (listed.status, listed.out) == (0, "There are no rejected rows.\n")
    history = office.run("rejected", "--all")
    assert history.status == 0
    assert "(closed by crm: The CRM exported it again.)" in history.out
    rows = [json.loads(line) for line in office.run("results", "--all", "--json").out.splitlines()]
    assert [(row["source_id"], row["part"]) for row in rows] == [("C-1", "operation"), ("BAD", "operation")]


def test_a_row_that_says_again_what_is_recorded_is_closed(office: Office, tmp_path: Path) -> None:
    for name, row in (("a.csv", comeback("BAD")), ("b.csv", BAD), ("c.csv", comeback("BAD"))):
        office.run("import", export(tmp_path, [row, comeback(name)], name=name))
    assert office.run("rejected").status == 0


def test_a_row_rejected_anew_is_listed_once(office: Office, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        office.run("import", export(tmp_path, [BAD, comeback(name)], name=name))
    (listed,) = office.run("rejected").out.splitlines()
    assert listed.startswith("b.csv, line 2 BAD")


def test_the_same_bad_file_again_keeps_its_rows_open(office: Office, tmp_path: Path) -> None:
    for _ in range(2):
        office.run("import", export(tmp_path, [BAD]))
    assert len(office.run("rejected").out.splitlines()) == 1


def test_another_feeds_or_kinds_row_closes_none(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [BAD]))
    office.run("import", export(tmp_path, [comeback("BAD")], name="b.csv"), "--feed", "other")
    assert office.run("rejected").status == 3


def test_a_person_closes_rejected_rows_with_a_reason(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [BAD, comeback("W", date="x"), comeback("V", date="x")]))
    numbers = [row["id"] for row in json.loads(office.run("rejected", "--json").out)]
    assert office.run("rejected", "--close", numbers[0]).status == 2
    assert office.run("rejected", "--close", "4711", "--close", numbers[0], "--reason", "x").status == 1
    assert office.run("rejected", "--close", "all", "--reason", "x").status == 2
    assert len(office.run("rejected").out.splitlines()) == 3
    ran = office.run("rejected", "--close", numbers[0], "--reason", "done by hand")
    assert (ran.status, ran.out) == (0, "1 rejected row closed.\n")
    assert office.run("rejected", "--file", "export.csv", "--close", "all", "--reason", "old", "--by", "bo").status == 0
    assert office.run("rejected").status == 0
    assert office.run("rejected", "--all").out.count("(closed by bo: old)") == 2


def test_a_refused_file_is_open_until_its_name_comes_well(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    for _ in range(2):
        path.write_bytes(b"%PDF-1.7\n")
        assert office.run("import", path).status == 1
    listed = office.run("rejected")
    assert listed.status == 3
    (line,) = listed.out.splitlines()
    assert line.startswith("export.csv, refused as a whole: ")
    assert [json.loads(line)["error_code"] for line in office.run("results", "--json").out.splitlines()] == [
        "file_refused"
    ]
    office.run("import", export(tmp_path, [comeback("C-1")]))
    assert office.run("rejected").status == 0


def test_a_missing_file_is_not_kept_on_record(office: Office, tmp_path: Path) -> None:
    office.run("import", tmp_path / "missing.csv", tmp_path)
    (tmp_path / "trial.csv").write_bytes(b"%PDF-1.7\n")
    office.run("import", "--dry-run", tmp_path / "trial.csv")
    assert office.run("rejected", "--all").status == 0


def test_rejected_rows_are_written_to_be_mended(office: Office, tmp_path: Path) -> None:
    ran = office.run("import", export(tmp_path, [comeback("C-1"), BAD]), "--rejected-to", tmp_path)
    assert ran.status == 3
    assert "They stand in " in ran.out
    mended = tmp_path / "export.rejected.csv"
    mended.write_text(mended.read_text(encoding="utf-8").replace("2026-02-30", "2026-02-28"), encoding="utf-8")
    again = office.run("import", mended)
    assert again.status == 0
    assert "1 recorded." in again.out
    assert office.run("rejected").status == 0


def test_no_file_is_written_where_nothing_is_rejected(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [comeback("C-1")]), "--rejected-to", tmp_path / "bad.csv")
    assert not (tmp_path / "bad.csv").exists()


def test_a_file_that_is_there_is_not_replaced(office: Office, tmp_path: Path) -> None:
    path = export(tmp_path, [BAD])
    for target in (path, tmp_path / "missing", tmp_path / "x.txt"):
        assert office.run("import", path, "--rejected-to", target).status == 2
    assert office.run("import", path, path, "--rejected-to", tmp_path / "bad.csv").status == 2
    assert office.run("rejected").status == 0


def test_all_is_said_in_the_language_of_the_office(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", "sv_SE:en")
    ran = office.run("import", export(tmp_path, [BAD]))
    assert "rad 2 BAD, date: Det är inget datum med klockslag (ett datum med bindestreck, ett klockslag)." in ran.out
    assert office.run("rejected").out.startswith("export.csv, rad 2 BAD, date: Det är inget datum")
    (row,) = office.run("results", "--json").out.splitlines()
    assert json.loads(row)["error_text"].startswith("Det är inget datum med klockslag")
    refused = office.run("import", export(tmp_path, [], ["source_id", "customer_id", "Färg"]))
    assert "export.csv: Filen har okända rubriker: 'Färg' (rad 1)." in refused.err


def test_a_refused_file_keeps_the_code_of_its_reason(office: Office, tmp_path: Path) -> None:
    office.run("import", export(tmp_path, [], ["source_id", "customer_id", "colour"]))
    (row,) = json.loads(office.run("rejected", "--json").out)
    assert row["code"] == "file_refused"
    assert row["faults"][0]["code"] == "unknown_headings"


def test_codes_are_explained_in_either_language(office: Office) -> None:
    (entry,) = json.loads(office.run("codes", "not_a_time", "--json", "--language", "sv").out)
    assert entry["uses"] == ["rejected row"]
    assert entry["text"] == "Det är inget datum med klockslag."
    assert "token_expired: operation, history (order_token)" in office.run("codes").out
    assert "did you mean" in office.run("codes", "not_a_tim").err
