"""The codes of files of which nothing was taken in."""

from collections.abc import Mapping
from typing import Final

from worker.kind import CodeText

FILE_TEXTS: Final[Mapping[str, CodeText]] = {
    "file_refused": CodeText(
        "The file could not be taken in at all.",
        "Mend it, and import it again.",
        "Filen kunde inte läsas in alls.",
        "Rätta filen och läs in den igen.",
    ),
    "unknown_headings": CodeText(
        "The file has headings that are not known.",
        "Correct the headings, or import it with a mapping.",
        "Filen har okända rubriker[: {names}].",
        "Rätta rubrikerna, ta bort kolumnerna eller använd en mappning.",
    ),
    "missing_headings": CodeText(
        "The file lacks headings that its rows need.",
        "Add the columns to the export.",
        "Filen saknar rubriker[: {names}].",
        "Lägg till kolumnerna i exporten.",
    ),
    "repeated_heading": CodeText(
        "Two columns of the file mean the same.",
        "Keep one of the two.",
        "Två kolumner i filen betyder samma sak[: {names}].",
        "Behåll en av dem.",
    ),
    "same_column": CodeText(
        "Two columns of the file mean the same.",
        "Keep one of the two.",
        "Två kolumner i filen betyder samma sak.",
        "Behåll en av dem.",
    ),
    "ambiguous_heading": CodeText(
        "A heading can mean several fields.",
        "Write which one it is.",
        "En rubrik kan betyda flera saker[: {names}].",
        "Skriv ut vilken uppgift som menas.",
    ),
    "kind_not_said": CodeText(
        "The file does not say which kind its rows are.",
        "Give --kind, or add a column kind.",
        "Det framgår inte vilken sorts rader filen har.",
        "Ange --kind, eller lägg till en kolumn Typ.",
    ),
    "changed_while_read": CodeText(
        "The file was changed while it was read.",
        "Import it again when it is complete.",
        "Filen ändrades medan den lästes.",
        "Läs in den igen när den är färdig.",
    ),
    "column_without_heading": CodeText(
        "A column has no heading.",
        "Give every column a heading.",
        "En kolumn saknar rubrik.",
        "Ge varje kolumn en rubrik.",
    ),
    "empty_file": CodeText(
        "The file is empty.",
        "Export it again.",
        "Filen är tom.",
        "Exportera den igen.",
    ),
    "file_too_large": CodeText(
        "The file is larger than an export may be.",
        "Split the export.",
        "Filen är för stor.",
        "Dela upp exporten.",
    ),
    "lines_before_headings": CodeText(
        "Lines stand before the headings.",
        "Delete the lines above them.",
        "Det står rader ovanför rubrikerna.",
        "Ta bort raderna ovanför rubrikraden.",
    ),
    "no_delimiter": CodeText(
        "The file has no delimiter between its cells.",
        "Export as CSV, with a semicolon between the cells.",
        "Det finns inget skiljetecken mellan cellerna.",
        "Exportera som CSV, med semikolon mellan cellerna.",
    ),
    "no_headings": CodeText(
        "The file has no line of headings.",
        "Export it with a line of headings.",
        "Filen saknar rubrikrad.",
        "Exportera den med en rubrikrad.",
    ),
    "no_room": CodeText(
        "There is no room to read the file.",
        "Make room on the disk.",
        "Det finns inte plats för att läsa filen.",
        "Frigör utrymme på disken.",
    ),
    "no_such_file": CodeText(
        "There is no such file.",
        "Check the path.",
        "Filen finns inte.",
        "Kontrollera sökvägen.",
    ),
    "not_a_file": CodeText(
        "This is no regular file.",
        "Name the files themselves.",
        "Det är ingen vanlig fil.",
        "Ange själva filerna.",
    ),
    "not_a_table": CodeText(
        "The file is something else than a table of rows.",
        "Export it as CSV in UTF-8.",
        "Filen är något annat än en tabell med rader.",
        "Exportera den som CSV i UTF-8.",
    ),
    "not_readable": CodeText(
        "The file cannot be read.",
        "Check the right to read it, and the disk that it lies on.",
        "Filen går inte att läsa.",
        "Kontrollera behörigheten och disken som filen ligger på.",
    ),
    "open_quote": CodeText(
        "The quotes in the file do not pair up.",
        "Put the cell in quotes and double each quote inside it, or take the quote out.",
        "Citattecknen i filen går inte jämnt ut.",
        "Dubbla citattecken inuti celler, eller ta bort dem.",
    ),
    "other_headings": CodeText(
        "Two exports with different headings stand in one file.",
        "Import each by itself.",
        "Två exporter med olika rubriker står i samma fil.",
        "Läs in dem var för sig.",
    ),
    "several_lists": CodeText(
        "The document holds several lists of rows.",
        "Export each list by itself.",
        "Dokumentet innehåller flera listor med rader.",
        "Exportera varje lista för sig.",
    ),
    "too_many_columns": CodeText(
        "The file has more columns than an export may have.",
        "Export fewer columns.",
        "Filen har för många kolumner.",
        "Exportera färre kolumner.",
    ),
    "whole_line_quoted": CodeText(
        "Each line is one quoted cell.",
        "Export it without quotes around each line.",
        "Varje rad är en enda cell inom citattecken.",
        "Exportera utan citattecken runt hela raden.",
    ),
    "wrong_encoding": CodeText(
        "The file is in another encoding than it seems.",
        "Export it as CSV in UTF-8.",
        "Filen har fel teckenkodning[: {encoding}].",
        "Exportera den som CSV i UTF-8.",
    ),
    "zero_bytes": CodeText(
        "The file holds zero bytes.",
        "Export it as CSV in UTF-8.",
        "Filen innehåller nollbyte.",
        "Exportera den igen som CSV i UTF-8.",
    ),
    "encrypted_file": CodeText(
        "The workbook is protected by a password.",
        "Save it without a password.",
        "Arbetsboken är skyddad med lösenord.",
        "Spara den utan lösenord.",
    ),
    "damaged_workbook": CodeText(
        "The workbook is damaged.",
        "Save it anew in a spreadsheet program.",
        "Arbetsboken är skadad.",
        "Öppna den i ett kalkylprogram och spara den på nytt.",
    ),
    "merged_cells": CodeText(
        "Too many cells of the workbook are merged.",
        "Unmerge the cells.",
        "För många celler i arbetsboken är sammanfogade.",
        "Dela upp de sammanfogade cellerna.",
    ),
    "workbook_too_large": CodeText(
        "The workbook unpacks to more than an export can hold.",
        "Export fewer rows, or CSV.",
        "Arbetsboken är för stor.",
        "Exportera färre rader, eller som CSV.",
    ),
    "every_row_bad": CodeText(
        "Every row of the file would be rejected.",
        "Correct the export, or give --kind or a mapping.",
        "Varje rad i filen skulle avvisas.",
        "Rätta exporten, eller ange --kind eller en mappning.",
    ),
    "consent_needed": CodeText(
        "The import would notify many people, or its rows look unusual: a person should agree first.",
        "Look at what it says. If that is meant, import it with --yes.",
        "Importen skulle avisera många personer, eller så ser raderna ovanliga ut: en person bör godkänna den först.",
        "Läs vad som står. Är det meningen: läs in filen med --yes.",
    ),
    "too_many_absent": CodeText(
        "The full export lacks so many rows that a person should agree before they are withdrawn.",
        "See whether the export is complete. If it is, import it with --yes.",
        "Den fullständiga exporten saknar så många rader att en person bör godkänna att de tas tillbaka.",
        "Kontrollera att exporten är fullständig. Är den det: läs in filen med --yes.",
    ),
    "archive_of_many": CodeText(
        "The archive holds several files, or none.",
        "Pack each export by itself, or not at all.",
        "Arkivet innehåller flera filer, eller ingen.",
        "Packa varje export för sig, eller inte alls.",
    ),
    "archive_too_large": CodeText(
        "The archive unpacks to more than an export can hold.",
        "Unpack it, and look at what is in it.",
        "Arkivet blir större än en export kan vara när det packas upp.",
        "Packa upp det och se vad det innehåller.",
    ),
    "damaged_archive": CodeText(
        "The archive is damaged or cut off.",
        "Export it again.",
        "Arkivet är skadat eller avhugget.",
        "Exportera det igen.",
    ),
    "nested_archive": CodeText(
        "The file is an archive within an archive.",
        "Pack the export once, or not at all.",
        "Filen är ett arkiv i ett arkiv.",
        "Packa exporten en gång, eller inte alls.",
    ),
    "several_sheets": CodeText(
        "Several visible sheets of the workbook may be meant.",
        "Save each as a workbook of its own, or hide the others.",
        "Flera synliga blad i arbetsboken kan vara menade.",
        "Spara vart och ett som en egen arbetsbok, eller dölj de andra.",
    ),
    "uncalculated_formulas": CodeText(
        "Every row of the workbook holds a formula that has not been calculated.",
        "Open it in an office program and save it.",
        "Varje rad i arbetsboken har en formel som inte är beräknad.",
        "Öppna den i ett kalkylprogram och spara den.",
    ),
}
