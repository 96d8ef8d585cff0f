"""Workbooks from bare XML, for shapes that no library writes."""

from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from worker.sheets.ods import Ods
from worker.sheets.sheet import Sheet
from worker.sheets.xlsx import Xlsx

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STYLES = (
    '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="000000"/><numFmt numFmtId="165" formatCode="yyyy-mm-dd'
    ' hh:mm"/></numFmts><cellStyleXfs><xf numFmtId="165"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="14"/></cellXfs></styleSheet>'
)


def relations(**targets: str) -> str:
    """Return the part that names related parts, by their sorts."""
    tags = (
        f'<Relationship Id="{sort}" Type="{_RELATIONS}/{sort}" Target="{target}"/>' for sort, target in targets.items()
    )
    return f"<Relationships>{''.join(tags)}</Relationships>"


def xlsx_file(sheet: str, **parts: str) -> BytesIO:
    """Return a workbook with one sheet of this XML. `parts` replaces or adds others, by short names."""
    file = BytesIO()
    book = '<workbook><sheets><sheet name="Ark" sheetId="1" r:id="worksheet"/></sheets></workbook>'
    contents = {
        "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
        "xl/workbook.xml": parts.get("book", book),
        "xl/_rels/workbook.xml.rels": relations(
            worksheet="worksheets/sheet1.xml", sharedStrings="sharedStrings.xml", styles="styles.xml"
        ),
        "xl/styles.xml": parts.get("styles", _STYLES),
        "xl/sharedStrings.xml": parts.get("strings", "<sst/>"),
        "xl/worksheets/sheet1.xml": sheet,
    }
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file


def ods_file(tables: str, styles: str = "") -> BytesIO:
    """Return a spreadsheet of OpenDocument with these tables."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content xmlns:office='o' xmlns:table='t' xmlns:text='x' xmlns:style='s' xmlns:calcext='c'>"
            f"<office:automatic-styles>{styles}</office:automatic-styles><office:body><office:spreadsheet>{tables}"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return file


def only_sheet(file: BytesIO) -> Sheet:
    """Open a workbook of Office Open XML that has one sheet."""
    (sheet,) = Xlsx(ZipFile(file)).sheets
    return sheet


def cells(file: BytesIO) -> list[Any]:
    """Return the cells of its rows."""
    return [row.cells for row in only_sheet(file).rows()]


def xlsx_cells(row: str, **parts: str) -> list[str]:
    """Return the cells of a workbook's only row."""
    (read,) = cells(xlsx_file(f"<worksheet><sheetData><row r='1'>{row}</row></sheetData></worksheet>", **parts))
    return list(read)


def ods_sheet(tables: str, styles: str = "") -> Sheet:
    """Open a spreadsheet of OpenDocument that has one sheet."""
    (sheet,) = Ods(ZipFile(ods_file(tables, styles))).sheets
    return sheet


def ods_cells(row: str) -> list[str]:
    """Return the cells of a spreadsheet's only row."""
    (read,) = ods_sheet(f"<table:table table:name='Ark'><table:table-row>{row}</table:table-row></table:table>").rows()
    return read.cells
