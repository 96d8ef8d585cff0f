"""Rows that the CRM marks as withdrawn, or leaves out of a full export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from models import Operation, State
from tests.importing.exports import (
    HEADINGS,
    comeback,
    export,
    feed_files,
    import_export,
    in_chunks_of,
    operations,
    rejected_rows,
    rejections_of,
)
from worker.importing import ImportOptions, TooManyAbsent, file_import
from worker.outbox.intake.feed_files import FileCounts

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database

MARKED = (*HEADINGS, "Återtagen")
FULL = ImportOptions(full_export=True, agreed=False)


def states(db: Database) -> dict[str, State]:
    return {row.source_id: row.state for row in operations(db)}


def succeed(db: Database, source_id: str, **values: object) -> None:
    with db.write() as connection:
        row = update(Operation).where(Operation.source_id == source_id)
        columns = {"state": State.SUCCEEDED, "finalized_at": Operation.created_at, "acted_at": Operation.created_at}
        connection.execute(row.values(columns | values))


def test_a_marked_row_withdraws_its_operation(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1"), comeback("C-2")]))
    path = export(tmp_path, [[*comeback("C-1"), "ja"], [*comeback("C-2"), "nej"]], MARKED)
    assert import_export(db, path).counts == FileCounts(withdrawn=1, unchanged=1)
    assert states(db) == {"C-1": State.CANCELLED, "C-2": State.PENDING}
    assert feed_files(db)[-1].withdrawn == 1


def test_of_a_marked_row_nothing_but_its_id_matters(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1")]))
    path = export(tmp_path, [["C-1", "", "", "sometime", "", "x"]], MARKED)
    assert import_export(db, path).counts == FileCounts(withdrawn=1)


def test_a_marked_row_that_was_never_recorded_is_nothing(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [[*comeback("C-1"), "ja"]], MARKED)
    assert import_export(db, path).counts == FileCounts(unchanged=1)
    assert operations(db) == []


def test_a_mark_that_is_neither_yes_nor_no_is_rejected(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [[*comeback("C-1"), "kanske"]], MARKED)
    assert rejections_of(db, path) == [(2, "Återtagen", "not_a_flag")]


def test_a_withdrawal_that_came_too_late_is_rejected_once(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1")]))
    succeed(db, "C-1")
    path = export(tmp_path, [[*comeback("C-1"), "ja"]], MARKED)
    assert rejections_of(db, path) == [(2, "source_id", "withdrawn_too_late")]
    assert rejections_of(db, path) == []


def test_a_dry_run_withdraws_nothing(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1")]))
    path = export(tmp_path, [[*comeback("C-1"), "ja"]], MARKED)
    assert import_export(db, path, dry_run=True).counts == FileCounts(withdrawn=1)
    assert states(db) == {"C-1": State.PENDING}


def test_a_full_export_withdraws_what_it_lacks(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BATCH", in_chunks_of(2))
    import_export(db, export(tmp_path, [comeback(f"C-{number}") for number in range(5)]))
    path = export(tmp_path, [comeback(f"C-{number}") for number in range(4)])
    assert import_export(db, path, options=FULL).counts == FileCounts(unchanged=4, withdrawn=1)
    assert states(db)["C-4"] is State.CANCELLED
    assert list(states(db).values()).count(State.PENDING) == 4


def test_named_again_by_the_next_full_export_it_is_wanted(db: Database, tmp_path: Path) -> None:
    rows = [comeback("C-1"), comeback("C-2")]
    import_export(db, export(tmp_path, rows))
    import_export(db, export(tmp_path, rows[:1]), options=FULL)
    assert import_export(db, export(tmp_path, rows), options=FULL).counts == FileCounts(unchanged=1, requeued=1)
    assert states(db) == {"C-1": State.PENDING, "C-2": State.PENDING}


def test_a_rejected_row_is_not_absent(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1"), comeback("C-2")]))
    path = export(tmp_path, [comeback("C-1"), comeback("C-2", date="2026-02-30 09:00")])
    assert import_export(db, path, options=FULL).counts == FileCounts(unchanged=1, rejected=1)
    assert states(db)["C-2"] is State.PENDING


def test_with_a_row_without_id_nothing_is_absent(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1"), comeback("C-2")]))
    path = export(tmp_path, [comeback("C-1"), comeback("")])
    assert import_export(db, path, options=FULL).counts == FileCounts(unchanged=1, rejected=1)
    assert states(db)["C-2"] is State.PENDING


def test_kinds_and_feeds_that_do_not_occur_are_not_absent(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback("C-1")]), feed="other")
    import_export(db, export(tmp_path, [["S-1", "M30001", "ORD1", "Delivered"]], STATUS), kind="order_status")
    import_export(db, export(tmp_path, [comeback("C-9")]), options=FULL)
    assert set(states(db).values()) == {State.PENDING}


STATUS = ("source_id", "customer_id", "order_id", "status")


def test_one_that_was_sent_before_its_date_is_reported(db: Database, tmp_path: Path) -> None:
    rows = [[*comeback("C-1"), "2099-01-01 10:00"], [*comeback("C-2"), "2099-01-01 10:00"]]
    headings = (*HEADINGS, "expires_at")
    import_export(db, export(tmp_path, rows, headings))
    succeed(db, "C-2")
    path = export(tmp_path, rows[:1], headings)
    assert import_export(db, path, options=FULL).counts == FileCounts(unchanged=1, rejected=1)
    (rejection,) = rejected_rows(db)
    assert rejection.code == "withdrawn_too_late"
    assert rejection.source_id == "C-2"
    assert import_export(db, path, options=FULL).counts == FileCounts(unchanged=1)


def test_an_export_that_lacks_nearly_all_is_hardly_full(db: Database, tmp_path: Path) -> None:
    import_export(db, export(tmp_path, [comeback(f"C-{number}") for number in range(50)]))
    path = export(tmp_path, [comeback("C-0"), comeback("NEW")])
    with pytest.raises(TooManyAbsent, match="lacks 49 of the 51"):
        import_export(db, path, options=FULL)
    assert set(states(db).values()) == {State.PENDING}
    assert feed_files(db)[-1].finished_at is None
    agreed = import_export(db, path, options=ImportOptions(full_export=True))
    assert agreed.counts == FileCounts(recorded=1, unchanged=1, withdrawn=49)
    assert feed_files(db)[-1].finished_at is not None
