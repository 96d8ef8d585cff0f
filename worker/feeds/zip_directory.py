"""The directory of a zip: looked at before it is read, and by it a workbook is told from an archive."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from zipfile import BadZipFile, ZipFile

from worker.feeds.content import PrivateCopy
from worker.feeds.source import FileRefused

MAX_ENTRIES: Final = 10_000
MAX_DIRECTORY: Final = 4 * 1024**2
"""Bytes. A directory is read as a whole."""

_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64: Final = struct.Struct("<4sLQL")
_TAIL: Final = 64 * 1024 + _END.size
_FOREIGN: Final = (
    ("xl/workbook.bin", "a binary Excel workbook (xlsb)"),
    ("word/", "a document of Word"),
    ("ppt/", "a presentation of PowerPoint"),
    ("index/document.iwa", "a workbook of Apple Numbers, or another document of Apple's"),
    ("index.zip", "a workbook of Apple Numbers, or another document of Apple's"),
)
"""The beginnings of names that only other documents hold."""

_SPREADSHEET: Final = b"application/vnd.oasis.opendocument.spreadsheet"
_OPEN_DOCUMENT: Final = b"application/vnd.oasis.opendocument"
_SAVE: Final = "Save it as xlsx, or export it as CSV in UTF-8"


@contextmanager
def open_zip(content: PrivateCopy) -> Iterator[ZipFile]:
    """Open a zip with a directory within the limits. Raises `FileRefused`."""
    entries, size = _measure_directory(content)
    if entries > MAX_ENTRIES or size > MAX_DIRECTORY:
        wrong = (
            f"the archive holds more than {MAX_ENTRIES:,} files"
            if entries > MAX_ENTRIES
            else "its directory is too long"
        )
        raise FileRefused(content.name, wrong, "Pack each export by itself, or not at all", "archive_of_many")
    try:
        archive = ZipFile(content.file)
    except (BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise _damaged(content, type(error).__name__) from None
    with archive:
        yield archive


def is_workbook(content: PrivateCopy) -> bool:
    """Tell whether a zip is a workbook or any other document, and not an archive of files."""
    return workbook_form(content) is not None


def workbook_form(content: PrivateCopy) -> str | None:
    """Return `xlsx` or `ods`; None for an archive. Raises `FileRefused` for any other document, by its name."""
    with open_zip(content) as archive:
        names = [name.replace("\\", "/").lstrip("/").casefold() for name in archive.namelist()]
        if "[content_types].xml" in names or "index/document.iwa" in names or "index.zip" in names:
            for beginning, form in _FOREIGN:
                if any(name.startswith(beginning) for name in names):
                    raise FileRefused(content.name, f"this is {form}, not a table", _SAVE, "not_a_table")
        if "[content_types].xml" in names:
            return "xlsx"
        if "mimetype" not in names:
            return None
        try:
            with archive.open("mimetype") as stream:
                sort = stream.read(100)
        except (BadZipFile, KeyError, NotImplementedError, OSError, RuntimeError, ValueError):
            return None
    if sort.startswith(_SPREADSHEET):
        return "ods"
    if sort.startswith(_OPEN_DOCUMENT):
        wrong = "this is a document of OpenDocument, and no spreadsheet"
        raise FileRefused(content.name, wrong, _SAVE, "not_a_table")
    return None


def _measure_directory(content: PrivateCopy) -> tuple[int, int]:
    """Return the number of entries and the length of the directory, as the end of the archive says."""
    start = max(content.size - _TAIL, 0)
    content.file.seek(start)
    tail = content.file.read(_TAIL)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise FileRefused(content.name, "the archive is cut off", "Export it again", "damaged_archive")
    _, _, _, _, entries, size, _, _ = _END.unpack_from(tail, at)
    if at >= _LOCATOR_64.size and tail.startswith(b"PK\x06\x07", at - _LOCATOR_64.size):
        _, _, offset, _ = _LOCATOR_64.unpack_from(tail, at - _LOCATOR_64.size)
        content.file.seek(min(offset, content.size))
        end = content.file.read(_END_64.size)
        if len(end) < _END_64.size:
            raise _damaged(content, "zip64")
        entries, size = _END_64.unpack(end)[7:9]
    return entries, size


def _damaged(content: PrivateCopy, why: str) -> FileRefused:
    return FileRefused(content.name, f"the archive is damaged ({why})", "Export it again", "damaged_archive")
