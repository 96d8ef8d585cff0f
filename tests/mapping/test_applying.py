"""An export with its own headings and words goes in as one with the documented ones would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.importing.exports import RecordingListener, operations
from tests.mapping.exports import GOOD, HEADINGS, TOML, USER, mapping, payload, read, rejections, write
from worker.feeds import FileRefused, open_feed
from worker.importing import import_file
from worker.mapping import map_export
from worker.outbox.database.staging import NewOperation

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database

MIXED = """
version = 1
leave_out = ["Telefon"]
[kind]
column = "Sort"
values = { "Möte" = "appointment", "Återkomst" = "comeback" }
skip = ["Semester"]
[columns]
"Nr" = "source_id"
"Kontor" = "customer_id"
"Vem" = { appointment = "user_id", comeback = "contact_id" }
"Rubrik" = { appointment = "subject" }
"Från" = { appointment = "starts_at", comeback = "date" }
"Till" = { appointment = "ends_at" }
[after]
column = "Gäller"
kind = "appointment"
[handed_on]
meeting_id = "appointment"
"""
MIXED_HEADINGS = ("Nr", "Sort", "Kontor", "Vem", "Rubrik", "Från", "Till", "Gäller", "Telefon")
MEETING = ("1", "möte", "M1", USER, "Kundmöte", "2026-12-02 09:15", "2026-12-02 10:15", "", "070")
CALL = ("2", "Återkomst", "M1", "ADR1", "Ring", "2026-12-03 09:15", "", "1", "070")


def test_own_headings_and_a_form_of_time_are_taken(tmp_path: Path) -> None:
    row = payload(write(tmp_path, [GOOD]))
    assert row["starts_at"] == "2026-12-02T09:15:00+01:00"
    assert row["subject"] == "Kundmöte"


def test_a_rejection_names_the_files_own_heading(tmp_path: Path) -> None:
    (rejected,) = rejections(write(tmp_path, [(*GOOD[:4], "2026-12-02 09:15", GOOD[5])]))
    assert (rejected.column, rejected.code) == ("Från", "not_a_time")
    assert "[times]" in rejected.remedy


def test_other_bad_cells_name_their_own_heading(tmp_path: Path) -> None:
    (rejected,) = rejections(write(tmp_path, [("B-1", "M 3", *GOOD[2:])]))
    assert (rejected.column, rejected.code) == ("Kontor", "bad_id")
    assert rejected.source_id == "B-1"


def test_a_missing_heading_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="lacks the heading 'Till' of the mapping") as refused:
        read(write(tmp_path, [GOOD[:5]], HEADINGS[:5]))
    assert refused.value.code == "missing_headings"


def test_a_heading_beyond_the_mapping_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="unknown heading 'Telefon'"):
        read(write(tmp_path, [(*GOOD, "070")], (*HEADINGS, "Telefon")))


def test_a_column_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, [(*GOOD, "070")], (*HEADINGS, "Telefon"))
    text = TOML.replace("[columns]", 'leave_out = ["telefon"]\n[columns]', 1)
    assert "070" not in json.dumps(payload(path, text))
    with open_feed(path) as file:
        assert map_export(mapping(text), file).notes == ("1 column was left out, as the mapping says.",)


def test_documented_headings_need_no_mention(tmp_path: Path) -> None:
    path = write(tmp_path, [(*GOOD, "Kontoret")], (*HEADINGS, "Plats"))
    assert payload(path)["location"] == "Kontoret"


def test_a_field_that_no_column_gives_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="the mapping has no column for ends_at for appointment"):
        read(write(tmp_path, [GOOD]), TOML.replace('"Till" = "ends_at"', 'leave = "note"').replace("leave", '"Till"'))


def test_constants_fill_every_row(tmp_path: Path) -> None:
    path = write(tmp_path, [(GOOD[0], *GOOD[2:])], (HEADINGS[0], *HEADINGS[2:]))
    text = (
        TOML.replace('"Kontor" = "customer_id"\n', "") + '[constants]\ncustomer_id = "M30009"\nall_day_event = false\n'
    )
    row = payload(path, text)
    assert row["customer_id"] == "M30009"
    assert row["all_day_event"] is False


def test_two_columns_make_one_time(tmp_path: Path) -> None:
    headings = ("Ämne", "Startdatum", "Starttid", "Slutdatum", "Sluttid", "Heldag", "Nr")
    path = write(tmp_path, [("Möte", "2/12/2026", "09:15", "2/12/2026", "10:15", "Falskt", "7")], headings)
    text = f"""
        version = 1
        kind = "appointment"
        [columns]
        "Nr" = "source_id"
        "Heldag" = "all_day_event"
        [constants]
        customer_id = "M1"
        user_id = "{USER}"
        [joined]
        starts_at = ["Startdatum", "Starttid"]
        ends_at = {{ columns = ["Slutdatum", "Sluttid"], separator = " " }}
        [times]
        forms = ["%d/%m/%Y %H:%M"]
        """
    row = payload(path, text)
    assert row["starts_at"] == "2026-12-02T09:15:00+01:00"
    assert row["ends_at"] == "2026-12-02T10:15:00+01:00"


def test_a_joined_time_is_rejected_by_both_headings(tmp_path: Path) -> None:
    headings = ("Nr", "Kontor", "Vem", "Rubrik", "Dag", "Kl", "Till")
    row = ("1", "M1", USER, "Möte", "", "09:15", "2026-12-02 10:15")
    text = TOML.replace('"Bokning"', '"Nr"').replace('"Mäklare"', '"Vem"').replace('"Från" = "starts_at"\n', "")
    text = text.replace("%d.%m.%Y kl. %H:%M", "iso") + '[joined]\nstarts_at = ["Dag", "Kl"]\n'
    (rejected,) = rejections(write(tmp_path, [row], headings), text)
    assert (rejected.column, rejected.code) == ("Dag + Kl", "not_a_time")


def test_each_row_has_the_kind_of_its_word(tmp_path: Path) -> None:
    rows = read(write(tmp_path, [MEETING, CALL], MIXED_HEADINGS), MIXED)
    operations = [row for row in rows if isinstance(row, NewOperation)]
    assert [row.kind for row in operations] == ["appointment", "comeback"]
    assert (operations[1].after_kind, operations[1].after_source_id) == ("appointment", "1")
    assert operations[1].lacks_result is True
    assert operations[0].lacks_result is False


def test_a_row_of_a_skipped_kind_is_no_row(tmp_path: Path) -> None:
    rows = read(write(tmp_path, [MEETING, ("3", "semester", *[""] * 7)], MIXED_HEADINGS), MIXED)
    assert len(rows) == 1


def test_an_unknown_word_for_a_kind_is_rejected(tmp_path: Path) -> None:
    (rejected,) = rejections(write(tmp_path, [("3", "Fika", *[""] * 7)], MIXED_HEADINGS), MIXED)
    assert (rejected.column, rejected.code) == ("Sort", "unknown_kind")
    assert "[kind]" in rejected.remedy


def test_words_and_flags_and_lists_are_translated(tmp_path: Path) -> None:
    headings = ("Nr", "Kontor", "Rubrik", "Till", "Bråttom")
    path = write(tmp_path, [("1", "centrum", "Hej", f"{USER}, HAN2", "på")], headings)
    text = """
        version = 1
        kind = "notification"
        [columns]
        "Nr" = "source_id"
        "Kontor" = "customer_id"
        "Rubrik" = "header"
        "Till" = "recipients"
        "Bråttom" = "express"
        [words.customer_id]
        "Centrum" = "M30001"
        [flags]
        yes = ["På"]
        [lists]
        separator = ","
        """
    row = payload(path, text)
    assert row["customer_id"] == "M30001"
    assert row["recipients"] == [USER, "HAN2"]
    assert row["express"] is True


def test_a_marked_row_is_withdrawn(db: Database, tmp_path: Path) -> None:
    text = TOML.replace("[columns]", 'withdrawn = { column = "Status", values = ["Avbokad"] }\n[columns]', 1)
    import_file(db, write(tmp_path, [(*GOOD, "Bokad")], (*HEADINGS, "Status")), mapping=mapping(text))
    again = import_file(db, write(tmp_path, [(*GOOD, "AVBOKAD ")], (*HEADINGS, "Status")), mapping=mapping(text))
    assert again.counts.withdrawn == 1
    (row,) = operations(db)
    assert row.state == "cancelled"


def test_json_may_leave_a_column_out_that_no_row_needs(tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(json.dumps(dict(zip(HEADINGS, GOOD, strict=True))), encoding="utf-8")
    assert payload(path, TOML.replace("[times]", '"Var" = "location"\n[times]'))["subject"] == "Kundmöte"


def test_a_mapping_without_a_kind_leaves_it_to_the_headings(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [(*GOOD[:4], "2026-12-02 09:15", "2026-12-02 10:15", "070")],
        ("source_id", "customer_id", "user_id", "subject", "starts_at", "ends_at", "Telefon"),
    )
    assert payload(path, 'version = 1\nleave_out = ["Telefon"]\n')["subject"] == "Kundmöte"


def test_the_mapping_is_a_part_of_the_hash(tmp_path: Path) -> None:
    with open_feed(write(tmp_path, [GOOD])) as file:
        first, second = (map_export(mapping(text), file) for text in (TOML, TOML + "zone = 'UTC'\n"))
        again = map_export(mapping(TOML + "# a remark\n"), file)
    assert first.sha256 == again.sha256
    assert first.sha256 not in {second.sha256, file.sha256}


def test_a_changed_mapping_reads_the_file_anew(db: Database, tmp_path: Path) -> None:
    path = write(tmp_path, [GOOD])
    assert import_file(db, path, mapping=mapping()).counts.recorded == 1
    assert import_file(db, path, mapping=mapping()).counts.unchanged == 1
    utc = mapping(TOML + "zone = 'UTC'\n")
    assert import_file(db, path, mapping=utc).counts.revised == 1
    (row,) = operations(db)
    assert row.payload["starts_at"] == "2026-12-02T10:15:00+01:00"


def test_a_mapped_import_goes_on_where_it_stopped(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, [(f"B-{number}", *GOOD[1:]) for number in range(9)])
    monkeypatch.setattr("worker.importing.file_import.BATCH", dict.fromkeys(("postgresql", "sqlite"), 4))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    listener = RecordingListener().callbacks()
    with pytest.raises(KeyboardInterrupt):
        import_file(db, path, mapping=mapping(), listener=type(listener)(on_progress=stop))
    summary = import_file(db, path, mapping=mapping(), listener=listener)
    assert summary.resumed_at == 4
    assert summary.counts.recorded == 9
