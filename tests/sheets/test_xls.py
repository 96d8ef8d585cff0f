"""Workbooks that an office program wrote: the same sheet in each format gives the same cells."""

from pathlib import Path

import pytest

from worker.sheets.process import open_workbook
from worker.sheets.sheet import UNCALCULATED, Sheet, WorkbookFault

FILES = Path(__file__).parents[1] / "feeds" / "workbooks"
"""`office.*` were saved by LibreOffice, from one document; `uncalculated.xls` by a library that calculates nothing."""

FIRST_ROW = [
    *("000123", "M30001", "HAN0123456789ABCDEF0123456789ABCDEF", "Kundmöte å\nrad två", "2026-12-02 09:15"),
    *("2026-12-02 10:15", "ett  två & tre", "2026-12-02", "09:15", "4711", "9422", "K-0042", "TRUE"),
]
SECOND_ROW = [
    *("A-2", "M30001", "HAN0123456789ABCDEF0123456789ABCDEF", "#N/A", "2026-12-02 09:15", "2026-12-02 10:15:30"),
    *("xy", "2027-03-28", "23:59:59", "1.23456789012346E+15", "#DIV/0!", "K-0007", "FALSE"),
]


def sheets(name: str) -> dict[str, Sheet]:
    with (FILES / name).open("rb") as file:
        reader = open_workbook(file, name.rpartition(".")[2])
        for sheet in reader.sheets:
            rows = list(sheet.rows())
            sheet.rows = lambda rows=rows: iter(rows)  # type: ignore[misc]
    return {sheet.name: sheet for sheet in reader.sheets}


OFFICE = ["office.xlsx", "office-1904.xlsx", "office.ods", "office.xls", "office-1904.xls"]


@pytest.mark.parametrize("name", OFFICE)
def test_every_format_gives_the_same_cells(name: str) -> None:
    first, second = [row.cells for row in sheets(name)["Bokningar"].rows()][1:3]
    assert first == FIRST_ROW
    assert [cell for cell in second if cell != UNCALCULATED] == [
        text for text in SECOND_ROW if text != "xy" or not name.endswith(".xls")
    ]


@pytest.mark.parametrize("name", OFFICE)
def test_every_format_names_what_is_hidden(name: str) -> None:
    book = sheets(name)
    assert [row.is_hidden for row in book["Bokningar"].rows()] == [False, False, False, True, True, False]
    assert book["Bokningar"].hidden_columns == [3]
    assert book["Gammal"].is_hidden


def test_text_that_office_leaves_out_of_xls_is_no_value() -> None:
    """LibreOffice writes 0 there."""
    row = list(sheets("office.xls")["Bokningar"].rows())[2]
    assert row.cells[6] == UNCALCULATED


def test_formula_that_a_library_wrote_into_xls_is_no_value() -> None:
    assert [row.cells for row in sheets("uncalculated.xls")["S"].rows()] == [
        ["a"],
        [UNCALCULATED],
        [UNCALCULATED],
        ["b"],
    ]


@pytest.mark.parametrize("length", [8, 600, 3_000, 5_000])
def test_cut_off_xls_is_a_fault(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.xls"
    path.write_bytes((FILES / "office.xls").read_bytes()[:length])
    with path.open("rb") as file, pytest.raises(WorkbookFault) as fault:
        _ = [list(sheet.rows()) for sheet in open_workbook(file, "xls").sheets]
    assert fault.value.code == "damaged_workbook"
