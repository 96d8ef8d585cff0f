"""The codes of lines that are no row for their reader: damaged CSV or JSON."""

from collections.abc import Mapping
from typing import Final

from worker.kind import CodeText

LINE_TEXTS: Final[Mapping[str, CodeText]] = {
    "too_many_cells": CodeText(
        "The line has more cells than there are headings.",
        "Put cells that hold the delimiter in quotes.",
        "Raden har fler celler än det finns rubriker.",
        "Sätt citattecken runt celler som innehåller skiljetecknet.",
    ),
    "too_few_cells": CodeText(
        "The line has fewer cells than there are headings.",
        "Export the row in full: it may have been cut off.",
        "Raden har färre celler än det finns rubriker.",
        "Exportera hela raden: den kan ha blivit avhuggen.",
    ),
    "cell_too_long": CodeText(
        "A cell is longer than an export may have.",
        "Shorten the cell.",
        "En cell är för lång[: högst {limit} tillåts].",
        "Korta cellens text.",
    ),
    "row_too_long": CodeText(
        "The row is longer than an export may have.",
        "Shorten its cells.",
        "Raden är för lång[: högst {limit} tillåts].",
        "Korta cellernas text.",
    ),
    "stray_line_break": CodeText(
        "A carriage return stands outside quotes.",
        "Put the cell in quotes, or take it out.",
        "Det finns en ensam radbrytning mitt i raden.",
        "Sätt citattecken runt cellen, eller ta bort radbrytningen.",
    ),
    "blank_before_quote": CodeText(
        "A blank stands before the quote of a cell.",
        "Take the blank out.",
        "Det står ett mellanslag före cellens citattecken.",
        "Ta bort mellanslaget.",
    ),
    "broken_row": CodeText(
        "The row is broken into two by a line break.",
        "Put the cell with the line break in quotes.",
        "Raden är delad i två av en radbrytning.",
        "Sätt citattecken runt cellen med radbrytningen.",
    ),
    "other_delimiter": CodeText(
        "Another delimiter stands in the line than between the headings.",
        "Export headings and rows with the same delimiter.",
        "Raden har ett annat skiljetecken än rubrikerna.",
        "Exportera rubriker och rader med samma skiljetecken.",
    ),
    "cut_off": CodeText(
        "The file ends in the middle of a row.",
        "Export the file again, in full.",
        "Filen slutar mitt i en rad.",
        "Exportera hela filen igen.",
    ),
    "not_json": CodeText(
        "The line is no JSON object.",
        "Write one JSON object a line.",
        "Raden är inget JSON-objekt.",
        "Skriv ett JSON-objekt per rad.",
    ),
    "not_text": CodeText(
        "A value holds half a character (a lone surrogate).",
        "Export it as UTF-8.",
        "Ett värde innehåller ett halvt tecken.",
        "Exportera filen som UTF-8.",
    ),
    "repeated_key": CodeText(
        "A key stands twice in the object.",
        "Keep one of the two.",
        "Samma nyckel står två gånger i objektet.",
        "Behåll en av dem.",
    ),
    "too_many_fields": CodeText(
        "The row has more fields than a row may have.",
        "Leave out what is no field.",
        "Raden har för många fält.",
        "Ta bort det som inte hör dit.",
    ),
    "merged_cells": CodeText(
        "Cells of the row are merged with others.",
        "Unmerge the cells, and write into each what holds for its row.",
        "Celler på raden är sammanfogade med andra.",
        "Dela cellerna och skriv i var och en det som gäller för dess rad.",
    ),
    "uncalculated_formula": CodeText(
        "A cell holds a formula that has not been calculated.",
        "Open the workbook in an office program and save it.",
        "En cell har en formel som inte är beräknad.",
        "Öppna arbetsboken i ett kalkylprogram och spara den.",
    ),
}
