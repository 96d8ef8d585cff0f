"""Reads a workbook of Office Open XML (xlsx, xlsm; Strict as well), row by row in constant memory."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from zipfile import ZipFile

from worker.sheets.package import Book, Relations, Styles, resolve_target
from worker.sheets.shared_strings import SharedStrings, unescape
from worker.sheets.sheet import (
    MAX_KEPT,
    MAX_SHEET_COLUMNS,
    UNCALCULATED,
    Merged,
    Sheet,
    SheetRow,
    WorkbookFault,
    dense,
)
from worker.sheets.shown import BUILT_IN, Shown, make_shown, show_iso_moment
from worker.sheets.xml import damaged, read_part, read_whole

MAX_MERGED: Final = 10_000
_ROOT: Final = "_rels/.rels"
_RANGE: Final = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")


class Xlsx:
    """A workbook, open: `sheets` in its order."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        # Some programs write the names of parts in other cases, or with the slashes of Windows.
        self._parts = {name.replace("\\", "/").lstrip("/").casefold(): name for name in archive.namelist()}
        book_part = self._related("", "officeDocument") or "xl/workbook.xml"
        book = Book()
        read_whole(archive, self._part(book_part), book)
        self._epoch_1904 = book.epoch_1904
        self.is_uncalculated = book.is_uncalculated
        self._strings: SharedStrings | None = None
        self._strings_part = self._related(book_part, "sharedStrings")
        self._styles = Styles()
        if (styles_part := self._related(book_part, "styles")) and self._find(styles_part):
            read_whole(archive, self._part(styles_part), self._styles)
        targets = self._relations(book_part)
        self.sheets = [
            self._sheet(name, is_hidden, target)
            for name, is_hidden, part_id in book.sheets
            for sort, target in [targets.get(part_id, ("", ""))]
            if sort == "worksheet"
        ]

    def shown(self, style: str) -> Shown:
        """Return the function from a number to its text, for cells of a style."""
        at = int(style) if style.isdecimal() and len(style) < 9 else 0
        number = self._styles.numbers[at] if at < len(self._styles.numbers) else 0
        number_format = self._styles.formats.get(number) or BUILT_IN.get(number, "")
        return make_shown(number_format, epoch_1904=self._epoch_1904)

    def shared_text(self, index: str) -> str:
        """Return a shared text. They are read when the first is asked for."""
        if self._strings is None:
            is_there = self._strings_part and self._find(self._strings_part)
            self._strings = SharedStrings(self._archive, self._part(self._strings_part or "") if is_there else None)
        if not index.strip().isdecimal():
            raise damaged("a cell names a text that is not there")
        return self._strings.text_at(int(index))

    def _sheet(self, name: str, is_hidden: bool, target: str) -> Sheet:
        merged: list[Merged] = []
        hidden_columns: list[int] = []

        def rows() -> Iterator[SheetRow]:
            content = _XlsxSheet(self, merged, hidden_columns)
            for _ in read_part(self._archive, self._part(target), content):
                yield from content.rows
                content.rows.clear()

        return Sheet(name, is_hidden, rows, merged, hidden_columns)

    def _find(self, part: str) -> str | None:
        return self._parts.get(part.casefold())

    def _part(self, part: str) -> str:
        name = self._find(part)
        if name is None:
            raise damaged("a part of it is missing")
        return name

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the relations of a part by their ids, each target as a path from the archive's root."""
        folder, _, name = part.rpartition("/")
        relations_part = self._find(f"{folder}/_rels/{name}.rels" if part else _ROOT)
        if relations_part is None:
            return {}
        relations = Relations()
        read_whole(self._archive, relations_part, relations)
        return {id_: (sort, resolve_target(folder, target)) for id_, (sort, target) in relations.targets.items()}

    def _related(self, part: str, sort: str) -> str | None:
        return next((target for of, target in self._relations(part).values() if of == sort), None)


class _XlsxSheet:
    """Takes the elements of a sheet; `rows` holds those that have ended since it was last emptied."""

    def __init__(self, book: Xlsx, merged: list[Merged], hidden_columns: list[int]) -> None:
        self.rows: list[SheetRow] = []
        self._book = book
        self._merged = merged
        self._hidden_columns = hidden_columns
        merged.clear()
        hidden_columns.clear()
        self._shown: dict[str, Shown] = {}
        self._row = 0
        self._row_is_hidden = False
        self._cells: dict[int, str] = {}
        self._column = -1
        self._type = "n"
        self._style = "0"
        self._has_formula = self._has_value = self._is_phonetic = self._is_reading = False
        self._texts: list[str] = []
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if name == "c":
            self._column = _column_of(attributes["r"]) if "r" in attributes else self._column + 1
            self._type = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._has_formula = self._has_value = False
            self._texts.clear()
            self._length = 0
        elif name in {"v", "t"}:
            self._is_reading = not self._is_phonetic
            self._has_value = True
        elif name == "f":
            self._has_formula = True
        elif name == "row":
            number = attributes.get("r", "")
            self._row = int(number) if number.isdecimal() and len(number) < 9 else self._row + 1
            self._row_is_hidden = attributes.get("hidden") in {"1", "true"} or attributes.get("ht") == "0"
            self._column = -1
        elif name == "rPh":
            self._is_phonetic = True
        elif name == "mergeCell":
            self._add_merged(attributes.get("ref", ""))
        elif name == "col" and attributes.get("hidden") in {"1", "true"}:
            self._hide_columns(attributes.get("min", ""), attributes.get("max", ""))

    def end(self, name: str) -> None:
        """End it."""
        if name == "c":
            text = self._read_cell()
            if text and not text.isspace():
                self._cells[min(self._column, MAX_SHEET_COLUMNS)] = text
        elif name in {"v", "t"}:
            self._is_reading = False
        elif name == "row":
            if self._cells:
                self.rows.append(SheetRow(self._row, self._row_is_hidden, dense(self._cells)))
                self._cells = {}
        elif name == "rPh":
            self._is_phonetic = False

    def text(self, text: str) -> None:
        """Take a piece of text."""
        if self._is_reading and self._length < MAX_KEPT:
            self._texts.append(text)
            self._length += len(text)

    def _read_cell(self) -> str:
        text = "".join(self._texts)
        sort = self._type
        if self._has_formula and (self._book.is_uncalculated or not (text or (sort == "str" and self._has_value))):
            return UNCALCULATED
        if sort in {"str", "inlineStr"}:
            return unescape(text)
        if not text:
            return ""
        if sort == "s":
            return self._book.shared_text(text)
        if sort == "b":
            return "TRUE" if text.strip() in {"1", "true"} else "FALSE"
        if sort == "d":
            return show_iso_moment(text)
        if sort != "n":
            return text
        try:
            number = float(text)
        except ValueError:
            return text
        shown = self._shown.get(self._style)
        if shown is None:
            shown = self._shown[self._style] = self._book.shown(self._style)
        return shown(number)

    def _add_merged(self, ref: str) -> None:
        match = _RANGE.fullmatch(ref)
        if match is None or match[3] is None:
            return
        if len(self._merged) == MAX_MERGED:
            raise WorkbookFault(
                f"more than {MAX_MERGED:,} groups of cells are merged", "Unmerge the cells", "merged_cells"
            )
        first_column, last_column = (_column_of(match[at]) + 1 for at in (1, 3))
        self._merged.append(Merged(int(match[2]), int(match[4]), first_column, last_column))

    def _hide_columns(self, first: str, last: str) -> None:
        if first.isdecimal() and last.isdecimal() and len(last) < 9:
            hidden = range(int(first), min(int(last), MAX_SHEET_COLUMNS) + 1)
            self._hidden_columns.extend(hidden)


@lru_cache(maxsize=20_000)
def _column_of_letters(letters: str) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + (ord(letter) - 64 if "A" <= letter <= "Z" else 0)
    return max(column, 1) - 1


def _column_of(reference: str) -> int:
    """Return the column of a cell, from 0."""
    return _column_of_letters(reference[:12].rstrip("0123456789"))
