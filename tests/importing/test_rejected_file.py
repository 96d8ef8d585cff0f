"""Rejected rows written as a file of their own: under the file's own headings, with its own cells, and a reason."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.exports import HEADINGS, comeback, export, import_export, operations
from worker.codes.language import Language
from worker.feeds import BadRow, OpenExport, Row, open_feed
from worker.feeds.letters import describe_damage
from worker.feeds.reasons import REASON_HEADING
from worker.importing import ImportListener, import_file
from worker.importing.rejected_file import RejectedLine, RejectedLines, free_rejected_path, write_rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Any

    from worker.importing import ImportSummary
    from worker.outbox import Database

NAMES = [
    "export.csv",
    "export.rejected.csv",
    "export.rejected-2.csv",
    "export.rejected-7.csv",
    "export.csv.gz",
    "export.xlsx",
]


def open_rows(rows: Sequence[Row | BadRow], headings: Sequence[str]) -> OpenExport:
    """Make an open export of these rows."""
    described: dict[str, Any] = {"name": "export.csv", "form": "csv", "encoding": "UTF-8", "delimiter": ";", "size": 1}
    return OpenExport(
        **described,
        sha256="",
        headings=tuple(headings),
        heading_line=1,
        total=len(rows),
        rows=lambda: iter(rows),
    )


def import_and_write(db: Database, path: Path, language: Language = Language.ENGLISH, form: str = ".csv") -> Path:
    """Import the file, and write its rejected rows beside it."""
    target = free_rejected_path(path.parent, path.name, form)
    with RejectedLines(language) as lines:

        def write(source: OpenExport, _summary: ImportSummary) -> None:
            write_rejected(source, lines, target, language)

        import_file(db, path, listener=ImportListener(on_rejected=lines.add), on_end=write)
    return target


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def test_rejected_rows_keep_their_cells_and_get_a_reason(db: Database, tmp_path: Path) -> None:
    rows = [comeback("C-1"), comeback("BAD", "=1+1", date="2.12.2026"), comeback("WORSE", date="x", customer_id="å")]
    headings, first, second = table(import_and_write(db, export(tmp_path, rows)))
    assert headings == [*HEADINGS, "Reason for rejection"]
    assert first[: len(HEADINGS)] == comeback("BAD", "'=1+1", date="2.12.2026")
    assert first[-1].startswith("date: ")
    assert "(a date with dots). Write it as 2026-12-02 09:15" in first[-1]
    assert "customer_id: " in second[-1]
    assert "date: " in second[-1]


def test_reasons_are_swedish_where_that_is_asked(db: Database, tmp_path: Path) -> None:
    path = import_and_write(db, export(tmp_path, [comeback("BAD", date="2.12.2026")]), Language.SWEDISH)
    headings, row = table(path)
    assert headings[-1] == "Orsak till avvisning"
    assert row[-1] == (
        "date: Det är inget datum med klockslag (ett datum med punkter). Skriv det som 2026-12-02 09:15."
    )


@pytest.mark.parametrize("form", [".csv", ".xlsx"])
def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path, form: str) -> None:
    def broken() -> Iterable[Row]:
        yield Row(2, ["a"])
        raise OSError("gone")

    source = open_rows([], ["id"])
    object.__setattr__(source, "rows", broken)
    with pytest.raises(OSError, match="gone"):
        write_rejected(source, [RejectedLine(2, None, "x"), RejectedLine(3, None, "y")], tmp_path / f"x.rejected{form}")
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_holds_the_same_rows(db: Database, tmp_path: Path) -> None:
    path = import_and_write(db, export(tmp_path, [comeback("BAD", "=1+1", date="x")]), form=".xlsx")
    headings, row = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
    assert headings[-1] == "Reason for rejection"
    assert list(row[: len(HEADINGS)]) == comeback("BAD", "=1+1", date="x")


def test_the_mended_file_is_taken_in_without_its_reasons(db: Database, tmp_path: Path) -> None:
    path = import_and_write(db, export(tmp_path, [comeback("C-1"), comeback("BAD", date="x")]))
    mended = path.read_text(encoding="utf-8-sig").replace(";x;", ";2026-12-10 09:00;")
    path.write_text(mended, encoding="utf-8-sig")
    summary = import_export(db, path)
    assert summary.counts.recorded == 1
    assert summary.counts.rejected == 0
    assert [row.source_id for row in operations(db)] == ["C-1", "BAD"]


def test_a_file_that_is_still_bad_is_written_again(db: Database, tmp_path: Path) -> None:
    first = import_and_write(db, export(tmp_path, [comeback("BAD", date="x")]))
    second = import_and_write(db, first)
    assert second.name == "export.rejected-2.csv"
    assert table(second) == table(first)


def test_rows_that_could_not_be_read_have_known_cells(tmp_path: Path) -> None:
    rows = [
        BadRow(2, "too_many_cells", "4 cells", "Mend it.", cells=["a", "b", "c"]),
        BadRow(3, "too_few_cells", "1 cell", "Mend it.", cells=["a"]),
        BadRow(4, "row_too_long", "long", "Mend it."),
    ]
    path = tmp_path / "x.rejected.csv"
    lines = [RejectedLine(row.line, None, row.reason) for row in rows]
    assert write_rejected(open_rows(rows, ["id", "kund"]), lines, path) == 3
    assert table(path)[1:] == [["a", "b", "4 cells", "c"], ["a", "", "1 cell"], ["", "", "long"]]


def test_rows_on_one_line_are_told_apart_by_their_id(tmp_path: Path) -> None:
    rows = [Row(1, ["A-1", "x"]), Row(1, ["A-2", "y"]), Row(1, ["A-3", "z"])]
    path = tmp_path / "x.rejected.csv"
    lines = [RejectedLine(1, "A-2", "two"), RejectedLine(1, "A-3", "three")]
    assert write_rejected(open_rows(rows, ["id", "note"]), lines, path) == 2
    assert table(path)[1:] == [["A-2", "y", "two"], ["A-3", "z", "three"]]


def test_values_of_json_come_back_as_they_were(tmp_path: Path) -> None:
    row = Row(1, ["A-1", ["HAN1", "HAN2"], {"userId": "U"}, True, None, 7])
    path = tmp_path / "x.rejected.csv"
    write_rejected(open_rows([row], list("abcdef")), [RejectedLine(1, "A-1", "why")], path)
    assert table(path)[1] == ["A-1", "HAN1|HAN2", '{"userId":"U"}', "true", "", "7", "why"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_free_and_says_of_which_file(tmp_path: Path, name: str) -> None:
    assert free_rejected_path(tmp_path, name).name == "export.rejected.csv"
    (tmp_path / "export.rejected.csv").write_text("", encoding="utf-8")
    assert free_rejected_path(tmp_path, name).name == "export.rejected-2.csv"


_CELLS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8).filter(
    lambda text: text == text.strip() and describe_damage(text) is None
)


@given(cells=st.lists(_CELLS, min_size=3, max_size=3))
def test_a_cell_is_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.mktemp("written") / "x.rejected.csv"
    source = open_rows([Row(2, ["A-1", *cells])], ["id", "a", "b", "c"])
    write_rejected(source, [RejectedLine(2, "A-1", "why")], path)
    with open_feed(path) as written:
        assert written.headings[-1] == REASON_HEADING["en"]
        (row,) = written.rows()
    assert row == Row(2, ["A-1", *cells, "why"])
