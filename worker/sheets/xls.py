"""Reads an old workbook (xls, Excel 97 to 2003 and before) by xlrd."""

import mmap
import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, Any, Final

import xlrd
from xlrd.compdoc import CompDoc, CompDocError

from worker.sheets.sheet import MAX_KEPT, MAX_SHEET_COLUMNS, UNCALCULATED, Merged, Sheet, SheetRow, WorkbookFault
from worker.sheets.shown import make_shown
from worker.sheets.xml import damaged

_OLE: Final = b"\xd0\xcf\x11\xe0"
_BOF, _EOF, _FORMULA = 0x0809, 0x000A, 0x0006
_CALCULATE_ON_LOAD: Final = 0x0002
_EMPTY_TEXT: Final = 3
_HEADER: Final = struct.Struct("<HH")
_FORMULA_BEGIN: Final = struct.Struct("<HHH8sH")


class Xls:
    """A workbook, open: `sheets` in its order."""

    def __init__(self, file: IO[bytes]) -> None:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            with open(os.devnull, "w", encoding="utf-8") as log:  # noqa: PTH123 (a device)
                uncalculated = _find_uncalculated(content, log)
                self._book = xlrd.open_workbook(
                    file_contents=content, formatting_info=True, on_demand=True, ragged_rows=True, logfile=log
                )
                book_sheets = list(enumerate(self._book.sheet_names()))
        except xlrd.XLRDError as error:
            if "encrypted" in str(error):
                wrong = "the workbook is protected by a password"
                raise WorkbookFault(wrong, "Save it without a password", "encrypted_file") from None
            raise damaged("its beginning is not that of an old workbook") from None
        except Exception as error:  # noqa: BLE001 (a damaged file leads xlrd into any error of Python)
            raise damaged(type(error).__name__) from None
        self._uncalculated = uncalculated
        self.sheets = [self._sheet(at, name) for at, name in book_sheets]

    def _sheet(self, at: int, name: str) -> Sheet:
        merged: list[Merged] = []
        hidden_columns: list[int] = []

        def rows() -> Iterator[SheetRow]:
            try:
                sheet, uncalculated = self._book.sheet_by_index(at), self._uncalculated.get(at, frozenset())
                hidden_columns[:] = sorted(column + 1 for column, info in sheet.colinfo_map.items() if info.hidden)
                merged[:] = [
                    Merged(top + 1, bottom, first + 1, last) for top, bottom, first, last in sheet.merged_cells
                ]
                for number in range(sheet.nrows):
                    if cells := self._read_row(sheet, number, uncalculated):
                        info = sheet.rowinfo_map.get(number)
                        yield SheetRow(number + 1, bool(info and (info.hidden or info.height == 0)), cells)
            except (MemoryError, OSError, WorkbookFault):
                raise
            except Exception as error:  # noqa: BLE001 (as above)
                raise damaged(type(error).__name__) from None

        # Sheets of charts and macros hold no cells; of the others the visibility is known before they are read.
        return Sheet(name, self._book._sheet_visibility[at] != 0, rows, merged, hidden_columns)  # noqa: SLF001 (its one record before the sheet is loaded)

    def _read_row(self, sheet: Any, number: int, uncalculated: frozenset[tuple[int, int]]) -> list[str]:
        cells = []
        width = min(sheet.row_len(number), MAX_SHEET_COLUMNS)
        for column in range(width):
            if (number, column) in uncalculated:
                cells.append(UNCALCULATED)
            else:
                cells.append(self._read_cell(sheet, number, column))
        while cells and not cells[-1].strip():
            cells.pop()
        return cells

    def _read_cell(self, sheet: Any, number: int, column: int) -> str:
        sort, value = sheet.cell_type(number, column), sheet.cell_value(number, column)
        if sort == xlrd.XL_CELL_TEXT:
            return str(value)[:MAX_KEPT].replace("\r\n", "\n")
        if sort in {xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE}:
            style = self._book.xf_list[sheet.cell_xf_index(number, column)]
            number_format = self._book.format_map[style.format_key].format_str
            return make_shown(number_format, epoch_1904=bool(self._book.datemode))(value)
        if sort == xlrd.XL_CELL_BOOLEAN:
            return "TRUE" if value else "FALSE"
        if sort == xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(value, "#N/A"))
        return ""


def _find_uncalculated(content: mmap.mmap, log: Any) -> dict[int, frozenset[tuple[int, int]]]:
    """Find by sheet the formulas without a value of their own: xlrd does not tell of them.

    They are to be calculated when the workbook is opened, or hold the 0 that LibreOffice writes for every text, or, in a
    file without a summary, the empty text that libraries write for everything: no office program leaves the summary out.
    """
    if content[:4] != _OLE:
        return {}
    try:
        compound = CompDoc(content, logfile=log)
        stream, base, size = compound.locate_named_stream("Workbook")
        has_summary = compound.locate_named_stream("\x05SummaryInformation")[0] is not None
    except CompDocError:
        return {}
    cells: dict[int, set[tuple[int, int]]] = defaultdict(set)
    sheet, depth, at = -2, 0, base
    while stream is not None and at + _HEADER.size <= base + size:
        record, length = _HEADER.unpack_from(stream, at)
        if record == _BOF:
            sheet += depth == 0
            depth += 1
        elif record == _EOF:
            depth -= 1
        elif record == _FORMULA and length >= 16:
            row, column, _, value, flags = _FORMULA_BEGIN.unpack_from(stream, at + _HEADER.size)
            is_empty_text = value[0] == _EMPTY_TEXT and value[6:] == b"\xff\xff"
            if flags & _CALCULATE_ON_LOAD or not any(value) or (is_empty_text and not has_summary):
                cells[sheet].add((row, column))
        at += _HEADER.size + length
    return {of: frozenset(positions) for of, positions in cells.items()}
