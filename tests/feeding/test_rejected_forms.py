"""Rejected rows of a dropped file of any form lie beside it, and are taken in when they are mended and dropped."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from tests.feeding.test_mapped import FEED, HEADINGS, MAPPING, ROW
from tests.importing.exports import HEADINGS as OURS
from tests.importing.exports import comeback

if TYPE_CHECKING:
    from pathlib import Path

    from tests.feeding.stage import Stage

ROWS = [comeback("A-1", "å"), comeback("A-2", "ä; ö", date="i morgon"), comeback("A-3")]


def write(path: Path) -> None:
    """Write the rows in the form of the file's ending."""
    lines = [f'{row[0]};{row[1]};{row[2]};{row[3]};"{row[4]}"' for row in ROWS]
    text = "\r\n".join((";".join(OURS), *lines, ""))
    objects = [dict(zip(OURS, row, strict=True)) for row in ROWS]
    match "".join(path.suffixes):
        case ".csv":
            path.write_bytes(text.encode("cp1252"))
        case ".csv.gz":
            path.write_bytes(gzip.compress(text.encode()))
        case ".json":
            path.write_text(json.dumps(objects), encoding="utf-8")
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in objects), encoding="utf-8")
        case _:
            book = Workbook()
            for cells in (list(OURS), *ROWS):
                book.worksheets[0].append(cells)
            book.save(path)


def mend(stage: Stage, name: str, good: str) -> None:
    text = (stage.drop / "done" / name).read_text("utf-8-sig")
    (stage.drop / name).write_text(text.replace("i morgon", good), encoding="utf-8")


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".json", ".jsonl", ".xlsx"])
def test_rejected_rows_of_any_form_come_mended(stage: Stage, ending: str) -> None:
    write(stage.drop / f"export{ending}")
    stage.scan()
    assert stage.operations() == ["A-1", "A-3"]
    mend(stage, "export.rejected.csv", "2026-12-11 09:00")
    stage.scan()
    assert stage.feed().stopped_at is None
    assert stage.operations() == ["A-1", "A-3", "A-2"]
    assert [row.closed_by for row in stage.rejections()] == ["crm"]


def test_rejected_rows_of_a_mapped_export_come_mended(stage: Stage) -> None:
    stage.write_feeds(FEED)
    (stage.folder / "m.toml").write_text(MAPPING, encoding="utf-8")
    bad = ROW.replace("U-1", "U-2").replace("10.12.2026 kl. 09:00", "i morgon")
    (stage.drop / "ring.csv").write_text(HEADINGS + ROW + bad, encoding="utf-8")
    stage.scan()
    mend(stage, "ring.rejected.csv", "11.12.2026 kl. 09:00")
    stage.scan()
    assert stage.feed().stopped_at is None
    assert stage.operations() == ["U-1", "U-2"]
