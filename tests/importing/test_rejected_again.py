"""A rejected row is one open rejection until it comes mended, however often it comes as bad as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from models import RejectedRow
from tests.importing.exports import HEADINGS, comeback, export, import_export, operations, rejected_rows
from worker.importing import file_import
from worker.outbox.database.sql import current_time
from worker.outbox.intake.rejections import close_rejections

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Row

    from worker.outbox import Database

BAD = comeback("BAD", date="x")
NAMELESS = comeback("", "a note of its own")


def open_rejections(db: Database) -> list[Row[Any]]:
    return [row for row in rejected_rows(db) if row.closed_at is None]


def tell_the_crm(db: Database) -> None:
    with db.write() as connection:
        connection.execute(update(RejectedRow).values(reported_at=current_time))


def test_a_row_rejected_again_is_one_open_rejection(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [BAD]))
    tell_the_crm(db)
    import_export(db, export(tmp_path, [comeback("C-1"), BAD], name="next.csv"))
    (row,) = rejected_rows(db)
    assert (row.line, row.times_seen) == (3, 2)
    assert row.last_seen_at >= row.created_at
    assert row.reported_at is not None


def test_a_row_bad_in_another_way_is_reported_anew(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [BAD]))
    tell_the_crm(db)
    import_export(db, export(tmp_path, [comeback("BAD", "\x07")], name="next.csv"))
    (row,) = rejected_rows(db)
    assert (row.code, row.column) == ("control_character", "note")
    assert row.reported_at is None


def test_the_same_file_again_changes_nothing(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [BAD, NAMELESS, [*comeback("C-2"), "too many"], comeback("C-1")])
    import_export(db, path)
    before = rejected_rows(db)
    assert import_export(db, path).closed == 0
    assert rejected_rows(db) == before


def test_an_old_file_opens_nothing_that_is_closed(db: Database, tmp_path: Path) -> None:
    """Rejected by two files, mended by a third: the first says nothing new, though its own line is gone."""
    first = export(tmp_path, [BAD], name="a.csv")
    import_export(db, first)
    import_export(db, export(tmp_path, [comeback("C-1"), BAD], name="b.csv"))
    import_export(db, export(tmp_path, [comeback("BAD")], name="c.csv"))
    assert import_export(db, first).closed == 1
    assert open_rejections(db) == []


def test_a_file_of_which_all_is_closed_says_so(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [BAD, comeback("WORSE", date="x")])
    import_export(db, path)
    close_rejections(db, [rejected_rows(db)[0].id], by="bo", reason="done by hand")
    summary = import_export(db, path)
    assert summary.counts.rejected == 2
    assert summary.closed == 1
    assert len(open_rejections(db)) == 1


def test_two_bad_rows_of_one_id_are_two_rejections(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [BAD, BAD]))
    assert len(open_rejections(db)) == 2
    import_export(db, export(tmp_path, [BAD, comeback("C-1")], name="next.csv"))
    (row,) = open_rejections(db)
    assert row.times_seen == 2


def test_a_row_without_an_id_is_known_by_its_content(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [NAMELESS]))
    import_export(db, export(tmp_path, [comeback("C-1"), NAMELESS], name="next.csv"))
    (row,) = open_rejections(db)
    assert (row.line, row.times_seen) == (3, 2)


def test_a_row_without_an_id_is_closed_when_mended(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [NAMELESS, comeback("C-1")]))
    import_export(db, export(tmp_path, [comeback("NEW", "a note of its own")], name="mended.csv"))
    assert open_rejections(db) == []
    assert [row.source_id for row in operations(db)] == ["C-1", "NEW"]


@pytest.mark.parametrize("note", ["another note", ""])
def test_another_row_closes_none_without_an_id(db: Database, tmp_path: Path, note: str) -> None:
    import_export(db, export(tmp_path, [NAMELESS, comeback("C-1")]))
    import_export(db, export(tmp_path, [comeback("NEW", note), comeback("C-2")], name="next.csv"))
    assert len(open_rejections(db)) == 1


def test_a_row_of_another_feed_closes_none_without_an_id(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [NAMELESS]))
    import_export(db, export(tmp_path, [comeback("NEW", "a note of its own")], name="next.csv"), feed="other")
    assert len(open_rejections(db)) == 1


def test_a_row_known_before_is_not_the_mended_one(db: Database, tmp_path: Path) -> None:
    twin = comeback("OLD", "a note of its own")
    import_export(db, export(tmp_path, [twin, NAMELESS]))
    import_export(db, export(tmp_path, [twin, comeback("C-2")], name="next.csv"))
    assert len(open_rejections(db)) == 1


BROKEN = [*comeback("C-2"), "too many"]


def test_an_unreadable_line_is_closed_by_its_mended_file(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1"), BROKEN]))
    import_export(db, export(tmp_path, [comeback("C-1"), comeback("C-2")]))
    assert open_rejections(db) == []


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("other.csv", [comeback("C-1"), comeback("C-2")]),
        ("export.csv", [comeback("C-3"), comeback("C-2")]),
        ("export.csv", [comeback("C-1"), comeback("C-2"), comeback("C-3")]),
    ],
)
def test_a_file_that_may_be_another_closes_no_line(
    db: Database, tmp_path: Path, name: str, rows: list[list[str]]
) -> None:
    import_export(db, export(tmp_path, [comeback("C-1"), BROKEN]))
    import_export(db, export(tmp_path, rows, name=name))
    assert len(open_rejections(db)) == 1


def test_a_line_still_broken_in_its_file_is_seen_again(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1"), BROKEN, comeback("", "y")]))
    import_export(db, export(tmp_path, [comeback("C-1"), BROKEN, comeback("C-3", "y")]))
    (row,) = open_rejections(db)
    assert (row.code, row.times_seen) == ("too_many_cells", 2)


def test_a_row_of_no_known_kind_is_closed_when_mended(db: Database, tmp_path: Path) -> None:
    headings = [*HEADINGS, "kind"]
    import_export(db, export(tmp_path, [[*comeback("C-1", "some note"), "comebak"]], headings))
    assert rejected_rows(db)[0].code == "unknown_kind"
    import_export(db, export(tmp_path, [[*comeback("C-1", "some note"), "comeback"]], headings, "next.csv"))
    assert open_rejections(db) == []


def test_a_rejection_from_before_the_upgrade_is_met_again(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [BAD]))
    with db.write() as connection:
        connection.execute(update(RejectedRow).values(faults=None, reported_at=current_time))
    import_export(db, export(tmp_path, [comeback("C-1"), BAD], name="next.csv"))
    (row,) = rejected_rows(db)
    assert row.faults[0]["code"] == "not_a_time"
    assert row.reported_at is not None


def test_a_second_chunk_meets_the_rejections_of_the_first(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "BATCH", dict.fromkeys(("postgresql", "sqlite"), 1))
    import_export(db, export(tmp_path, [BAD, NAMELESS]))
    import_export(db, export(tmp_path, [comeback("C-1"), BAD, NAMELESS, BAD], name="next.csv"))
    assert [(row.line, row.times_seen) for row in sorted(open_rejections(db), key=lambda row: row.line)] == [
        (3, 2),
        (4, 2),
        (5, 1),
    ]
