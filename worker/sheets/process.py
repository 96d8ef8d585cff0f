"""The process that reads a workbook: from its standard input, to its standard output, in lines of JSON.

The arguments are the form (`xlsx`, `ods` or `xls`) and the name of the sheet, or an empty one for the only visible sheet
that has content. The last line is `{"summary": …}`, `{"choices": …}` where several sheets may be meant, or `{"fault": …}`;
every line before it is a batch of rows.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile

from worker.sheets.memory import limit_memory
from worker.sheets.sheet import FULL, Sheet, SheetRow, WorkbookFault, WorkbookReader

MAX_OUTPUT: Final = 2 * 1024**3
"""Bytes of rows, as JSON."""

CPU_SECONDS: Final = 900
TOO_LARGE: Final = 27
"""The status of the process where the workbook needs more memory than there is for it."""

NO_ROOM: Final = 28
"""The status of the process where a disk is full."""

SAMPLE: Final = 60
"""Rows of each sheet by which one of several is chosen."""

_BATCH: Final = 200


def limit_resources() -> None:
    """Limit memory and time, as far as the system can."""
    limit_memory()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def open_workbook(file: IO[bytes], form: str) -> WorkbookReader:
    """Open a workbook. Raises WorkbookFault."""
    if form == "xls":
        from worker.sheets.xls import Xls

        return Xls(file)
    from worker.sheets.ods import Ods
    from worker.sheets.xlsx import Xlsx

    try:
        archive = ZipFile(file)
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        remedy = "Open it and save it as a workbook again"
        raise WorkbookFault(f"the workbook is damaged ({type(error).__name__})", remedy, "damaged_workbook") from None
    return Xlsx(archive) if form == "xlsx" else Ods(archive)


def read_workbook(reader: WorkbookReader, sheet_name: str) -> Iterator[Any]:
    """Yield the batches of rows of the sheet that is meant, and the last line."""
    visible = [sheet for sheet in reader.sheets if not sheet.is_hidden]
    if sheet_name:
        meant = [sheet for sheet in reader.sheets if sheet.name == sheet_name]
    else:
        # Of a single one it shows when it is read whether it has content.
        meant = visible if len(visible) == 1 else [sheet for sheet in visible if next(sheet.rows(), None)]
    if len(meant) > 1:
        yield {"choices": [[sheet.name, [row.cells for row in islice(sheet.rows(), SAMPLE)]] for sheet in meant]}
    elif not meant:
        yield {"choices": []}
    else:
        yield from _read_sheet(meant[0])
        hidden = [sheet.name for sheet in reader.sheets if sheet.is_hidden and sheet is not meant[0]]
        yield {"summary": _summary(meant[0], hidden, [sheet.name for sheet in visible if sheet is not meant[0]])}


def _read_sheet(sheet: Sheet) -> Iterator[list[SheetRow]]:
    rows = sheet.rows()
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _summary(sheet: Sheet, hidden_sheets: list[str], other_sheets: list[str]) -> dict[str, Any]:
    return {
        "sheet": sheet.name,
        "hidden_sheets": hidden_sheets,
        "other_sheets": other_sheets,
        "merged": sheet.merged,
        "hidden_columns": sheet.hidden_columns,
    }


def main() -> None:
    """Read standard input, and write to standard output."""
    form, sheet_name = sys.argv[1:]
    limit_resources()
    written = 0
    with os.fdopen(0, "rb", closefd=False) as file, os.fdopen(1, "w", encoding="ascii", closefd=False) as output:
        try:
            for line in read_workbook(open_workbook(file, form), sheet_name):
                written += output.write(json.dumps(line) + "\n")
                if written > MAX_OUTPUT:
                    raise MemoryError  # noqa: TRY301 (both end in the same line)
        except WorkbookFault as fault:
            output.write(json.dumps({"fault": [str(fault), fault.remedy, fault.code]}) + "\n")
        except OSError as error:
            sys.exit(NO_ROOM if error.errno in FULL else 1)
        except (MemoryError, RecursionError):
            # Not even a line could be put together for certain.
            os._exit(TOO_LARGE)


if __name__ == "__main__":
    main()
