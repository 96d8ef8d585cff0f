"""Spreadsheets of OpenDocument: cells as a person sees them, whatever is repeated, hidden or merged."""

from zipfile import ZipFile

import pytest

from tests.sheets.xml_files import ods_cells, ods_file, ods_sheet
from worker.sheets.ods import Ods
from worker.sheets.sheet import MAX_SHEET_COLUMNS, UNCALCULATED, Merged, WorkbookFault


def value(sort: str, content: str, shown: str = "") -> str:
    name = {"date": "date-value", "time": "time-value", "boolean": "boolean-value"}.get(sort, "value")
    return f"<table:table-cell office:value-type='{sort}' office:{name}='{content}'><text:p>{shown}</text:p></table:table-cell>"


def row(*numbers: int, attributes: str = "") -> str:
    return (
        f"<table:table-row {attributes}>{''.join(value('float', str(number)) for number in numbers)}</table:table-row>"
    )


def table(rows: str, name: str = "Ark", style: str = "") -> str:
    return f"<table:table table:name='{name}' table:style-name='{style}'>{rows}</table:table>"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (value("float", "4711", "4711"), "4711"),
        (value("float", "4711"), "4711"),
        (value("float", "4711", "4 711"), "4711"),
        (value("float", "4711", "4,711"), "4711"),
        (value("float", "4711", "4711,00"), "4711"),
        (value("float", "123", "000123"), "000123"),
        (value("float", "123", "K-0123"), "K-0123"),
        (value("float", "12.5", "12,5"), "12.5"),
        (value("float", "1234567890123456", "1,23456789012346E+15"), "1.23456789012346E+15"),
        (value("float", "x", "x"), "x"),
        (value("percentage", "0.125", "12,5 %"), "12.5%"),
        (value("currency", "4711", "4 711,00 kr"), "4711"),
        (value("date", "2026-12-02", "2 dec"), "2026-12-02"),
        (value("date", "2026-12-02T09:14:59.999900000", "02.12"), "2026-12-02 09:15"),
        (value("time", "PT09H15M00S", "9.15"), "09:15"),
        (value("time", "PT23H59M59.900000000S"), "23:59:59"),
        (value("time", "PT36H00M00S"), "36:00"),
        (value("time", "nine", "nio"), "nio"),
        (value("boolean", "true", "SANT"), "TRUE"),
        (value("string", "", "#SAKNAS!"), "#SAKNAS!"),
        ("<table:table-cell calcext:value-type='error'><text:p>#N/A</text:p></table:table-cell>", "#N/A"),
        ("<table:table-cell><text:p>rad 1</text:p><text:p>rad 2</text:p></table:table-cell>", "rad 1\nrad 2"),
        (
            "<table:table-cell><text:p>a<text:s text:c='2'/>b <text:span>fet</text:span></text:p></table:table-cell>",
            "a  b fet",
        ),
        ("<table:table-cell><text:p>a<text:line-break/>b</text:p></table:table-cell>", "a\nb"),
        (
            "<table:table-cell><office:annotation><text:p>anm.</text:p></office:annotation><text:p>x</text:p></table:table-cell>",
            "x",
        ),
        ("<table:table-cell table:formula='of:=1'/>", UNCALCULATED),
    ],
)
def test_cell_is_read_as_it_is_shown(cell: str, text: str) -> None:
    assert ods_cells(cell) == [text]


def test_repeated_cells_and_rows_are_counted() -> None:
    rows = (
        "<table:table-row table:number-rows-repeated='3'><table:table-cell/></table:table-row>"
        "<table:table-row table:number-rows-repeated='2'><table:table-cell table:number-columns-repeated='2'/>"
        "<table:table-cell office:value-type='float' office:value='7' table:number-columns-repeated='2'/></table:table-row>"
        "<table:table-row table:number-rows-repeated='1048571'><table:table-cell/></table:table-row>"
    )
    numbered = [(read.number, read.cells) for read in ods_sheet(table(rows)).rows()]
    assert numbered == [(4, ["", "", "7", "7"]), (5, ["", "", "7", "7"])]


def test_endless_cell_is_kept_up_to_the_last_column() -> None:
    cell = "<table:table-cell office:value-type='float' office:value='7' table:number-columns-repeated='99999999999'/>"
    assert len(ods_cells(cell)) == MAX_SHEET_COLUMNS + 1


def test_hidden_rows_groups_and_columns_are_named() -> None:
    columns = "<table:table-column/><table:table-column table:visibility='collapse' table:number-columns-repeated='2'/>"
    group = f"<table:table-row-group table:display='false'>{row(4)}</table:table-row-group>"
    hidden = row(2, attributes="table:visibility='collapse'") + row(3, attributes="table:visibility='filter'")
    sheet = ods_sheet(table(columns + row(1) + hidden + group + row(5)))
    assert [read.is_hidden for read in sheet.rows()] == [False, True, True, True, False]
    assert sheet.hidden_columns == [2, 3]


def test_merged_cells_are_named() -> None:
    cell = "<table:table-cell table:number-columns-spanned='2' table:number-rows-spanned='3' office:value-type='float' office:value='1'/>"
    sheet = ods_sheet(table(f"{row(1)}<table:table-row>{cell}<table:covered-table-cell/></table:table-row>"))
    list(sheet.rows())
    assert sheet.merged == [Merged(2, 4, 1, 2)]


def test_each_sheet_has_its_own_rows() -> None:
    hidden = "<style:style style:name='h'><style:table-properties table:display='false'/></style:style>"
    file = ods_file(table(row(1), "Gammal", "h") + table(row(2), "Ny"), hidden)
    sheets = Ods(ZipFile(file)).sheets
    assert [(sheet.name, sheet.is_hidden) for sheet in sheets] == [("Gammal", True), ("Ny", False)]
    assert [[read.cells for read in sheet.rows()] for sheet in sheets] == [[["1"]], [["2"]]]


def test_encrypted_spreadsheet_is_named() -> None:
    file = ods_file("")
    with ZipFile(file, "a") as archive:
        archive.writestr("META-INF/manifest.xml", "<m:manifest xmlns:m='m'><m:encryption-data/></m:manifest>")
    with pytest.raises(WorkbookFault, match="password"):
        Ods(ZipFile(file))
