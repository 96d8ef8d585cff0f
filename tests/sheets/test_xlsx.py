"""Workbooks of Office Open XML: cells as a person sees them, in every shape in which programs write them."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.sheets.xml_files import cells, only_sheet, xlsx_cells, xlsx_file
from worker.sheets import xlsx, xml
from worker.sheets.sheet import MAX_KEPT, MAX_SHEET_COLUMNS, UNCALCULATED, Merged, SheetRow, WorkbookFault
from worker.sheets.xlsx import Xlsx

FILES = Path(__file__).parents[1] / "feeds" / "workbooks"


def sheet_xml(rows: str, before: str = "", behind: str = "") -> str:
    return f"<worksheet>{before}<sheetData>{rows}</sheetData>{behind}</worksheet>"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<c r='A1'><v>4711</v></c>", "4711"),
        ("<c r='A1'><v>4711.0</v></c>", "4711"),
        ("<c r='A1' t='n' s='1'><v>123</v></c>", "000123"),
        ("<c r='A1' s='2'><v>46358.3854166551</v></c>", "2026-12-02 09:15"),
        ("<c r='A1' s='3'><v>46358</v></c>", "2026-12-02"),
        ("<c r='A1' t='d'><v>2026-12-02T09:15:00</v></c>", "2026-12-02 09:15"),
        ("<c r='A1' t='b'><v>1</v></c>", "TRUE"),
        ("<c r='A1' t='e'><v>#N/A</v></c>", "#N/A"),
        ("<c r='A1' t='str'><f>A2</f><v>text</v></c>", "text"),
        ("<c r='A1'><f>1+1</f><v>2</v></c>", "2"),
        ("<c r='A1' t='inlineStr'><is><t>rad 1&#10;rad 2</t></is></c>", "rad 1\nrad 2"),
        ("<c r='A1' t='inlineStr'><is><r><t>fet</t></r><r><t xml:space='preserve'> text</t></r></is></c>", "fet text"),
        ("<c r='A1' t='inlineStr'><is><t>a_x000D_&#10;b_x005F_x0041_</t></is></c>", "a\nb_x0041_"),
        ("<c r='A1' t='inlineStr'><is><t>000123</t></is></c>", "000123"),
        ("<c r='A1' s='99'><v>7</v></c>", "7"),
        ("<c r='A1' t='odd'><v>x</v></c>", "x"),
        ("<c r='A1'><v>none</v></c>", "none"),
    ],
)
def test_cell_is_read_as_it_is_shown(cell: str, text: str) -> None:
    assert xlsx_cells(cell) == [text]


@pytest.mark.parametrize(
    "cell",
    ["<c r='A1'><f>1+1</f></c>", "<c r='A1'><f>1+1</f><v></v></c>", "<c r='A1' t='str'><f>A2</f></c>"],
)
def test_formula_without_a_value_is_no_value(cell: str) -> None:
    assert xlsx_cells(cell) == [UNCALCULATED]


def test_formula_with_an_empty_text_is_empty() -> None:
    assert xlsx_cells("<c r='A1' t='str'><f>A2</f><v></v></c><c r='B1'><v>1</v></c>") == ["", "1"]


def test_value_of_a_workbook_that_was_never_calculated_counts_not() -> None:
    """Some libraries write 0 for every formula, and ask the office program to calculate when it opens the file."""
    book = "<workbook><sheets><sheet name='Ark' r:id='worksheet'/></sheets><calcPr calcId='1' fullCalcOnLoad='1'/></workbook>"
    assert xlsx_cells("<c r='A1'><f>1+1</f><v>0</v></c><c r='B1'><v>5</v></c>", book=book) == [UNCALCULATED, "5"]


def test_shared_text_is_whole_without_its_pronunciation() -> None:
    strings = "<sst><si><t>A-1</t></si><si><r><t>Mö</t></r><r><t>te</t></r><rPh><t>uttal</t></rPh></si></sst>"
    row = "<c r='A1' t='s'><v>1</v></c><c r='B1' t='s'><v>0</v></c>"
    assert xlsx_cells(row, strings=strings) == ["Möte", "A-1"]


@pytest.mark.parametrize("index", ["2", "-1", "x", ""])
def test_shared_text_that_is_not_there_is_damage(index: str) -> None:
    row = f"<c r='A1' t='s'><v>{index}</v></c><c r='B1'><v>1</v></c>"
    if index:
        with pytest.raises(WorkbookFault, match="damaged"):
            xlsx_cells(row, strings="<sst><si><t>a</t></si></sst>")
    else:
        assert xlsx_cells(row) == ["", "1"]


def test_cells_and_rows_without_references_are_counted() -> None:
    rows = "<row><c><v>1</v></c><c/><c><v>3</v></c></row><row/><row><c r='B3'><v>2</v></c><c><v>3</v></c></row>"
    assert list(only_sheet(xlsx_file(sheet_xml(rows))).rows()) == [
        SheetRow(1, is_hidden=False, cells=["1", "", "3"]),
        SheetRow(3, is_hidden=False, cells=["", "2", "3"]),
    ]


def test_names_may_have_prefixes() -> None:
    sheet = sheet_xml("<x:row r='1'><x:c r='A1'><x:v>5</x:v></x:c></x:row>")
    prefixed = sheet.replace("worksheet>", "x:worksheet>").replace("sheetData>", "x:sheetData>")
    assert cells(xlsx_file(prefixed)) == [["5"]]


def test_hidden_rows_and_columns_are_named() -> None:
    rows = (
        "<row r='1'><c r='A1'><v>1</v></c></row><row r='2' hidden='1'><c r='A2'><v>2</v></c></row>"
        "<row r='3' ht='0' customHeight='1'><c r='A3'><v>3</v></c></row>"
    )
    sheet = only_sheet(
        xlsx_file(sheet_xml(rows, "<cols><col min='2' max='3' hidden='1'/><col min='4' max='4'/></cols>"))
    )
    assert [row.is_hidden for row in sheet.rows()] == [False, True, True]
    assert sheet.hidden_columns == [2, 3]


def test_merged_cells_are_named() -> None:
    behind = "<mergeCells><mergeCell ref='A1:C1'/><mergeCell ref='B2:B4'/><mergeCell ref='D5'/></mergeCells>"
    sheet = only_sheet(xlsx_file(sheet_xml("<row><c><v>1</v></c></row>", behind=behind)))
    list(sheet.rows())
    assert sheet.merged == [Merged(1, 1, 1, 3), Merged(2, 4, 2, 2)]


def test_cell_far_out_stands_in_the_last_column_kept() -> None:
    (row,) = cells(xlsx_file(sheet_xml("<row r='1'><c r='A1'><v>1</v></c><c r='XFD1'><v>2</v></c></row>")))
    assert len(row) == MAX_SHEET_COLUMNS + 1
    assert row[-1] == "2"


def test_no_more_is_kept_of_a_text_than_is_needed() -> None:
    (text,) = xlsx_cells(f"<c r='A1' t='inlineStr'><is><t>{'x' * 3_000_000}</t></is></c>")
    assert MAX_KEPT <= len(text) < 2 * MAX_KEPT + 100_000


@pytest.mark.parametrize(
    "names",
    [
        {"xl/worksheets/sheet1.xml": "xl/Worksheets/Sheet1.xml"},
        {"xl/worksheets/sheet1.xml": "xl\\worksheets\\sheet1.xml"},
        {"xl/sharedStrings.xml": "docProps/x.xml", "xl/styles.xml": "docProps/y.xml"},
    ],
)
def test_parts_may_be_called_otherwise(names: dict[str, str]) -> None:
    file = BytesIO()
    with ZipFile(xlsx_file(sheet_xml("<row><c><v>5</v></c></row>"))) as usual, ZipFile(file, "w") as archive:
        for name in usual.namelist():
            archive.writestr(names.get(name, name), usual.read(name))
    assert cells(file) == [["5"]]


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_sheet_is_hidden(state: str) -> None:
    book = f"<workbook><sheets><sheet name='Ark' state='{state}' r:id='worksheet'/></sheets></workbook>"
    assert only_sheet(xlsx_file(sheet_xml(""), book=book)).is_hidden


def test_sheet_without_cells_is_none() -> None:
    book = "<workbook><sheets><sheet name='Diagram' r:id='styles'/><sheet name='Borta' r:id='x'/></sheets></workbook>"
    assert Xlsx(ZipFile(xlsx_file(sheet_xml(""), book=book))).sheets == []


@pytest.mark.parametrize(
    "sheet",
    [
        "<!DOCTYPE worksheet [<!ENTITY a 'aaaa'>]><worksheet>&a;</worksheet>",
        "<!DOCTYPE worksheet SYSTEM 'file:///etc/passwd'><worksheet/>",
        "<worksheet><sheetData><row>",
        "no xml",
        "",
    ],
)
def test_damaged_sheet_is_a_fault(sheet: str) -> None:
    with pytest.raises(WorkbookFault) as fault:
        cells(xlsx_file(sheet))
    assert fault.value.code == "damaged_workbook"


def test_part_that_unpacks_to_too_much_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "FREE", 100_000)
    with pytest.raises(WorkbookFault) as fault:
        cells(xlsx_file(sheet_xml(" " * 1_000_000)))
    assert fault.value.code == "workbook_too_large"


def test_too_many_merged_cells_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_MERGED", 2)
    with pytest.raises(WorkbookFault, match="more than 2 groups"):
        cells(xlsx_file(sheet_xml("", behind="<mergeCell ref='A1:B1'/>" * 3)))
