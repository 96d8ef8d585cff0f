"""Readers of what a CRM exports: every one yields numbered rows of raw cells."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from worker.feeds.delimited import open_delimited
from worker.feeds.jsonlines import open_json_lines
from worker.feeds.sniffing import sniff
from worker.feeds.source import BadRow, Feed, FileRefused, Row

__all__ = ["BadRow", "Feed", "FileRefused", "Row", "open_feed"]


@contextmanager
def open_feed(path: Path) -> Iterator[Feed]:
    """Open an export and survey it to its end, or raise `FileRefused`. The reader is chosen by what is in the file.

    At the end it raises `FileRefused` if the file was written to meanwhile: what was read is then not what was hashed.
    """
    name = path.name or str(path)
    with _open(path, name) as file:
        before = os.fstat(file.fileno())
        yield _read(file, name)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FileRefused(name, "the file was changed while it was read", "Import it again when it is complete")


def _open(path: Path, name: str) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise FileRefused(name, "this is a folder", "Name the files in it")
        if not stat.S_ISREG(mode):
            raise FileRefused(name, "this is not a regular file", "Save the export as a file")
        return path.open("rb")
    except FileNotFoundError:
        raise FileRefused(name, "there is no such file", "Check the path") from None
    except PermissionError:
        raise FileRefused(name, "the file may not be read", "Give this user the right to read it") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its name is not valid"
        raise FileRefused(name, f"the file cannot be opened ({why})", "Check the path") from None


def _read(file: BinaryIO, name: str) -> Feed:
    seen = sniff(file, name)
    match _first_character(file, seen.encoding):
        case "{":
            return open_json_lines(file, name, seen)
        case "[":
            raise FileRefused(name, "this is one JSON array", "Write one JSON object a line, or CSV")
        case _:
            return open_delimited(file, name, seen)


def _first_character(file: BinaryIO, encoding: str) -> str:
    file.seek(0)
    return file.read(4096).decode(encoding, "ignore").lstrip()[:1]
