"""The rows of a sheet, as another process has read them: from a private file, as often as they are asked for."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, cast

import worker
from worker.feeds.content import PrivateCopy
from worker.feeds.source import FileRefused
from worker.sheets.process import NO_ROOM
from worker.sheets.sheet import Merged, SheetRow

SECONDS: Final = 1_800
"""A process that reads longer is ended."""

_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP")
_TAIL: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class SheetRows:
    """A sheet that has been read: its rows, and what is to be said of it."""

    file: IO[bytes]
    name: str
    hidden_sheets: tuple[str, ...]
    other_sheets: tuple[str, ...]
    merged: tuple[Merged, ...]
    hidden_columns: tuple[int, ...]

    def rows(self) -> Iterator[SheetRow]:
        """Yield all rows from the first on."""
        self.file.seek(0)
        for line in self.file:
            if not line.startswith(b"["):
                return
            for number, is_hidden, cells in json.loads(line):
                yield SheetRow(number, is_hidden, cells)


@dataclass(frozen=True, slots=True)
class SheetChoice:
    """One of several sheets that may be meant, with its first rows."""

    name: str
    rows: tuple[list[str], ...]


def read_sheet(content: PrivateCopy, form: str, sheet: str = "") -> SheetRows | list[SheetChoice]:
    """Read a sheet, or the only visible one with content; return the choices where there are several, or none.

    Raises `FileRefused`.
    """
    output = content.resources.enter_context(TemporaryFile())  # noqa: SIM115 (closed with the export)
    status = _run(content, form, sheet, output)
    if status == NO_ROOM:
        wrong = "there is no room for the rows, in the folder for temporary files"
        raise FileRefused(content.name, wrong, "Free some, or let TMPDIR name a folder that has it", "no_room")
    last = _read_last_line(output)
    if "fault" in last:
        wrong, remedy, code = last["fault"]
        raise FileRefused(content.name, wrong, remedy, code)
    if "choices" in last:
        return [SheetChoice(name, tuple(rows)) for name, rows in last["choices"]]
    if "summary" not in last:
        wrong = "the workbook needs more time or memory than there is for it"
        raise FileRefused(content.name, wrong, "Export fewer rows, or CSV", "workbook_too_large")
    summary = last["summary"]
    return SheetRows(
        file=output,
        name=summary["sheet"],
        hidden_sheets=tuple(summary["hidden_sheets"]),
        other_sheets=tuple(summary["other_sheets"]),
        merged=tuple(Merged(*cells) for cells in summary["merged"]),
        hidden_columns=tuple(summary["hidden_columns"]),
    )


def _run(content: PrivateCopy, form: str, sheet: str, output: IO[bytes]) -> int | None:
    """Run the process; returns its status, None if it took too long."""
    content.file.seek(0)
    content.file.flush()
    root = str(Path(worker.__file__).parent.parent)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, sys.path)])
    command = [sys.executable, "-P", "-m", "worker.sheets.process", form, sheet]
    process = subprocess.Popen(
        command, stdin=content.file.fileno(), stdout=output, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        return process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()


def _read_last_line(output: IO[bytes]) -> dict[str, Any]:
    """Read the last line; empty where the process did not come so far."""
    end = output.seek(0, os.SEEK_END)
    start, tail = end, b""
    while start and b"\n" not in tail[:-1]:
        start = max(start - _TAIL, 0)
        output.seek(start)
        tail = output.read(end - start)
    line = tail[:-1].rpartition(b"\n")[2]
    return cast("dict[str, Any]", json.loads(line)) if tail.endswith(b"}\n") and line.startswith(b"{") else {}
