"""Workbooks as exports: the sheet that is meant, its headings, and rows that are good, rejected or left out."""

from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

from tests.feeds.files import ReadExport, read, write
from worker.feeds import FileRefused, Row, open_feed
from worker.sheets.process import NO_ROOM

FILES = Path(__file__).parent / "workbooks"
HEADINGS: list[Any] = ["Id", "Kund-id", "Anteckning"]
ROWS: list[list[Any]] = [HEADINGS, ["A-1", "M30001", "x"], ["A-2", "M30001", None]]

Change = Callable[[Any, Any], object]


def save(folder: Path, *rows: list[Any], change: Change | None = None) -> Path:
    """Save a workbook of rows; `change` is given the book and the sheet before."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Bokningar"
    for row in rows:
        sheet.append(row)
    if change:
        change(book, sheet)
    path = folder / "export.xlsx"
    book.save(path)
    return path


def read_rows(folder: Path, *rows: list[Any], change: Change | None = None) -> ReadExport:
    return read(save(folder, *rows, change=change))


def refusal(path: Path) -> FileRefused:
    with pytest.raises(FileRefused) as refused, open_feed(path):
        pass
    assert str(refused.value).count("\n") == 0
    return refused.value


def test_rows_of_a_sheet_are_read_with_their_numbers(tmp_path: Path) -> None:
    export = read_rows(tmp_path, *ROWS)
    assert export.feed.headings == tuple(HEADINGS)
    assert export.rows == [(2, ["A-1", "M30001", "x"]), (3, ["A-2", "M30001", ""])]
    assert export.feed.total == 2
    assert export.feed.notes == ()


def test_rows_can_be_read_again(tmp_path: Path) -> None:
    with open_feed(save(tmp_path, *ROWS)) as feed:
        assert list(feed.rows()) == list(feed.rows())


def test_values_are_texts_as_they_are_shown(tmp_path: Path) -> None:
    values = [4711, 4711.0, datetime(2026, 12, 2, 9, 15), date(2026, 12, 2), time(9, 15), True, "=2", 1.5]  # noqa: DTZ001
    headings = ["Id", "Kund-id", *"abcdef"]

    def change(_book: Any, sheet: Any) -> None:
        sheet["A2"].number_format = "000000"
        sheet["G2"].data_type = "s"

    path = save(tmp_path, headings, values, change=change)
    with open_feed(path, headings.__contains__) as feed:
        (row,) = [row for row in feed.rows() if isinstance(row, Row)]
    assert row.cells == ["004711", "4711", "2026-12-02 09:15", "2026-12-02", "09:15", "TRUE", "=2", "1.5"]


def test_lines_before_the_headings_are_left_out(tmp_path: Path) -> None:
    export = read_rows(tmp_path, ["Bokningslista"], ["Uttagen", date(2026, 11, 28)], [], *ROWS)
    assert export.feed.heading_line == 4
    assert export.feed.notes == ("2 lines before the headings on line 4 were left out.",)


def test_total_and_headings_again_are_left_out(tmp_path: Path) -> None:
    export = read_rows(tmp_path, *ROWS, HEADINGS, ["A-3", "M30001"], ["Summa", 3])
    assert [row.line for row in export.rows] == [2, 3, 5]
    assert export.feed.total == 3
    assert len(export.feed.notes) == 2


def test_total_with_texts_is_rejected(tmp_path: Path) -> None:
    (bad,) = read_rows(tmp_path, *ROWS, ["Summa:", "M30001", "tre"]).bad
    assert bad.code == "totals_row"


def test_other_headings_further_down_refuse_the_file(tmp_path: Path) -> None:
    assert refusal(save(tmp_path, *ROWS, ["Id", "Kund-id", "Plats"])).code == "other_headings"


def test_empty_columns_and_rows_around_the_table_say_nothing(tmp_path: Path) -> None:
    export = read_rows(tmp_path, [], [None, None, *HEADINGS], [], [None, None, "A-1", "M30001", "x"])
    assert export.feed.headings == tuple(HEADINGS)
    assert export.rows == [(4, ["A-1", "M30001", "x"])]


def test_empty_column_between_the_headings_says_nothing(tmp_path: Path) -> None:
    export = read_rows(tmp_path, ["Id", None, "Kund-id"], ["A-1", None, "M30001"])
    assert export.rows == [(2, ["A-1", "M30001"])]


@pytest.mark.parametrize(
    ("row", "column"), [(["A-1", "x", "M30001"], "B"), (["A-1", None, "M30001", None, None, "x"], "F")]
)
def test_cell_without_a_heading_rejects_its_row(tmp_path: Path, row: list[Any], column: str) -> None:
    (bad,) = read_rows(tmp_path, ["Id", None, "Kund-id"], ["A-9", None, "M30001"], row).bad
    assert bad.code == "too_many_cells"
    assert f"column {column}," in bad.reason


def test_column_without_a_heading_refuses_the_file(tmp_path: Path) -> None:
    path = save(tmp_path, ["Id", None, "Kund-id"], ["A-1", "x", "M30001"], ["A-2", "y", "M30001"])
    assert refusal(path).code == "column_without_heading"


def test_hidden_rows_are_left_out_and_named(tmp_path: Path) -> None:
    def change(_book: Any, sheet: Any) -> None:
        sheet.row_dimensions[2].hidden = True

    export = read_rows(tmp_path, *ROWS, change=change)
    assert [row.line for row in export.rows] == [3]
    assert "1 hidden row was left out (line 2)" in export.feed.notes[0]


def test_hidden_columns_are_read_and_named(tmp_path: Path) -> None:
    def change(_book: Any, sheet: Any) -> None:
        sheet.column_dimensions["A"].hidden = True

    export = read_rows(tmp_path, *ROWS, change=change)
    assert len(export.rows) == 2
    assert export.feed.notes == ("Hidden columns were read like the others: A.",)


def add_sheet(name: str, *rows: list[Any], state: str = "visible", at: int = 0) -> Change:
    def change(book: Any, _sheet: Any) -> None:
        sheet = book.create_sheet(name, at)
        sheet.sheet_state = state
        for row in rows:
            sheet.append(row)

    return change


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheet_is_never_read(tmp_path: Path, state: str) -> None:
    export = read_rows(tmp_path, *ROWS, change=add_sheet("Gammal", HEADINGS, ["GAMMAL-1", "M30001"], state=state))
    assert [row.cells[0] for row in export.rows] == ["A-1", "A-2"]
    assert export.feed.notes == ("The sheet 'Bokningar' was read; left out: hidden 'Gammal'.",)


def test_sheet_with_known_headings_is_meant(tmp_path: Path) -> None:
    export = read_rows(tmp_path, *ROWS, change=add_sheet("Om", ["Gjord av", "x"], ["Datum", "y"]))
    assert len(export.rows) == 2
    assert export.feed.notes == ("The sheet 'Bokningar' was read; left out: 'Om'.",)


def test_several_sheets_that_may_be_meant_are_named(tmp_path: Path) -> None:
    refused = refusal(save(tmp_path, *ROWS, change=add_sheet("Februari", *ROWS)))
    assert refused.code == "several_sheets"
    assert "'Februari', 'Bokningar'" in refused.wrong


def test_several_sheets_of_unknown_headings_are_named(tmp_path: Path) -> None:
    refused = refusal(save(tmp_path, ["X", "Y"], ["1", "2"], change=add_sheet("Andra", ["Z"], ["3"])))
    assert refused.code == "several_sheets"


def test_empty_second_sheet_says_nothing(tmp_path: Path) -> None:
    assert len(read_rows(tmp_path, *ROWS, change=add_sheet("Blad2", at=1)).rows) == 2


def test_workbook_without_content_is_empty(tmp_path: Path) -> None:
    assert refusal(save(tmp_path)).code == "empty_file"
    assert refusal(save(tmp_path, change=add_sheet("Blad2"))).code == "empty_file"


def test_formula_without_a_value_rejects_its_row(tmp_path: Path) -> None:
    export = read_rows(tmp_path, *ROWS, ["A-3", "M30001", "=B2"])
    (bad,) = export.bad
    assert (bad.line, bad.column) == (4, "Anteckning")
    assert bad.code == "uncalculated_formula"
    assert len(export.rows) == 2


def test_workbook_of_nothing_but_formulas_is_refused(tmp_path: Path) -> None:
    refused = refusal(save(tmp_path, HEADINGS, ['="A"&1', "M30001"], ['="A"&2', "M30001"]))
    assert refused.code == "uncalculated_formulas"


@pytest.mark.parametrize(("cells", "lines"), [("B2:B4", [3, 4]), ("B3:C3", [3]), ("A2:C3", [2]), ("C4:E4", [4])])
def test_row_with_merged_cells_is_rejected(tmp_path: Path, cells: str, lines: list[int]) -> None:
    """But for the first of cells that are merged downwards; a row of which nothing remains is none."""
    rows = [[f"A-{number}", "M30001", "x"] for number in range(1, 5)]
    export = read_rows(tmp_path, HEADINGS, *rows, change=lambda _book, sheet: sheet.merge_cells(cells))
    assert [(bad.line, bad.code) for bad in export.bad] == [(line, "merged_cells") for line in lines]
    assert export.feed.total == len(export.items)


def test_merged_title_says_nothing(tmp_path: Path) -> None:
    export = read_rows(tmp_path, ["Lista"], *ROWS, change=lambda _book, sheet: sheet.merge_cells("A1:C1"))
    assert len(export.rows) == 2


def test_letter_that_was_encoded_twice_rejects_its_row(tmp_path: Path) -> None:
    (bad,) = read_rows(tmp_path, *ROWS, ["A-3", "M30001", "MÃ¶te"]).bad
    assert bad.code == "encoded_twice"
    assert bad.column == "Anteckning"


def test_too_long_cell_is_rejected(tmp_path: Path) -> None:
    path, long = save(tmp_path, *ROWS), tmp_path / "long.xlsx"
    with ZipFile(path) as usual, ZipFile(long, "w", ZIP_DEFLATED) as archive:
        for name in usual.namelist():
            archive.writestr(name, usual.read(name).replace(b">x<", b">" + b"x" * 100_000 + b"<"))
    (bad,) = read(long).bad
    assert bad.code == "cell_too_long"
    assert bad.column == "Anteckning"


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    assert refusal(save(tmp_path, [f"kolumn {number}" for number in range(300)])).code == "too_many_columns"


def test_first_row_of_values_is_no_headings(tmp_path: Path) -> None:
    assert refusal(save(tmp_path, ["A-1", "M30001", 17], ["A-2", "M30001", 18])).code == "no_headings"


def test_unknown_headings_below_a_title_are_pointed_at(tmp_path: Path) -> None:
    refused = refusal(save(tmp_path, ["Lista"], [], ["Nr", "Vem", "Text"], ["a", "b", "c"], ["a", "b", "c"]))
    assert refused.code == "lines_before_headings"
    assert "line 3" in refused.wrong


def test_name_of_the_file_chooses_nothing(tmp_path: Path) -> None:
    """A workbook called .csv is a workbook, and CSV called .xlsx is CSV."""
    content = save(tmp_path, *ROWS).read_bytes()
    assert read(write(tmp_path, content, "export.csv")).feed.form == "xlsx"
    assert read(write(tmp_path, "Id;Kund-id\nA-1;M30001\n", "other.xlsx")).feed.form == "csv"


@pytest.mark.parametrize("name", ["office.xlsx", "office.ods", "office.xls", "office-1904.xlsx", "office-1904.xls"])
def test_workbook_of_an_office_program_is_read(name: str) -> None:
    export = read(FILES / name)
    assert export.feed.form == name.rpartition(".")[2]
    assert export.rows[0].cells[0] == "000123"
    assert export.feed.total == 3


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("EncryptedPackage", "encrypted_file"),
        ("WordDocument", "not_a_table"),
        ("", "not_a_table"),
        ("Workbook", "damaged_workbook"),
    ],
)
def test_old_office_file_is_told_by_its_streams(tmp_path: Path, stream: str, code: str) -> None:
    assert refusal(write(tmp_path, OLE + stream.encode("utf-16-le") + bytes(512), "export.xls")).code == code


@pytest.mark.parametrize("length", [30, 1_000, 3_000])
def test_cut_off_workbook_is_refused(tmp_path: Path, length: int) -> None:
    content = save(tmp_path, *ROWS).read_bytes()[:length]
    assert refusal(write(tmp_path, content, "export.xlsx")).code == "damaged_archive"


@pytest.mark.parametrize(("status", "code"), [(NO_ROOM, "no_room"), (-9, "workbook_too_large")])
def test_reader_that_ends_early_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    monkeypatch.setattr("worker.feeds.sheet_rows._run", lambda *_: status)
    assert refusal(save(tmp_path, *ROWS)).code == code


def test_folder_of_the_caller_lends_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that reads the workbook imports nothing from there."""
    (tmp_path / "json.py").write_text("raise SystemExit(5)")
    path = save(tmp_path, *ROWS)
    monkeypatch.chdir(tmp_path)
    assert len(read(path).rows) == 2
