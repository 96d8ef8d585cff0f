"""Workbooks and archives on their way into the database."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from models import State
from tests.importing.exports import HEADINGS, comeback, export, feed_files, import_export, operations
from worker.feeds import FileRefused
from worker.importing import ImportOptions
from worker.outbox.intake.feed_files import FileCounts

if TYPE_CHECKING:
    from pathlib import Path

    from worker.outbox import Database


def workbook(folder: Path, ids: list[str], hidden: int | None = None) -> Path:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in (list(HEADINGS), *map(comeback, ids)):
        sheet.append(row)
    if hidden:
        sheet.row_dimensions[hidden].hidden = True
    path = folder / "export.xlsx"
    book.save(path)
    return path


def test_workbook_is_the_same_rows_as_its_csv(db: Database, tmp_path: Path) -> None:
    assert import_export(db, workbook(tmp_path, ["C-1", "C-2"])).counts == FileCounts(recorded=2)
    again = import_export(db, export(tmp_path, [comeback("C-1"), comeback("C-2")]))
    assert again.counts == FileCounts(unchanged=2)


def test_packed_export_is_known_again(db: Database, tmp_path: Path) -> None:
    path = export(tmp_path, [comeback("C-1")])
    import_export(db, path)
    packed = tmp_path / "export.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert import_export(db, packed).counts == FileCounts(unchanged=1)
    assert len({row.content_hash for row in feed_files(db)}) == 1


def test_full_export_with_hidden_rows_withdraws_nothing(db: Database, tmp_path: Path) -> None:
    import_export(db, workbook(tmp_path, ["C-1", "C-2"]))
    full = ImportOptions(full_export=True, agreed=False)
    assert import_export(db, workbook(tmp_path, ["C-1", "C-2"], hidden=3), options=full).counts.withdrawn == 0
    assert {row.state for row in operations(db)} == {State.PENDING}
    assert import_export(db, workbook(tmp_path, ["C-1"]), options=full).counts.withdrawn == 1


def test_refused_workbook_leaves_nothing_recorded(db: Database, tmp_path: Path) -> None:
    path = workbook(tmp_path, ["C-1"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileRefused):
        import_export(db, path)
    assert operations(db) == []
