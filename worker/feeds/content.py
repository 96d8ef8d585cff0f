"""The bytes of an export in a private copy: nothing that is done to the file from then on changes the rows."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, TextIO, cast

from worker.feeds.source import CHUNK, ENCODING_LABELS, MAX_BYTES, FileRefused, OpenExport

IN_MEMORY = 4 * 1024 * 1024
"""Bytes up to which a copy is kept in memory; a longer one is a temporary file without a name."""

_END = 64
"""Bytes at the end of a text among which the mark for its end is sought."""

HeadingTest = Callable[[str], bool]
"""Tells whether a text is a heading that the caller knows: by it the line of the headings is recognised."""


@dataclass(frozen=True, slots=True)
class PrivateCopy:
    """The bytes of an export, the same for as long as it is open. `resources` are closed with it."""

    name: str
    file: BinaryIO
    size: int
    sha256: str
    resources: ExitStack
    is_heading: HeadingTest

    def start(self, length: int = 4096) -> bytes:
        """Return the first bytes."""
        self.file.seek(0)
        return self.file.read(length)

    def end_lines_at_mark(self) -> None:
        """Put line breaks in the place of the old mark for the end of a text (Ctrl-Z): the line before it is complete."""
        end = self.file.seek(-min(self.size, _END), os.SEEK_END)
        text = self.file.read()
        plain = text.rstrip(b"\x1a")
        if len(plain) < len(text):
            self.file.seek(end + len(plain))
            self.file.write(b"\n" * (len(text) - len(plain)))

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes, a piece at a time."""
        self.file.seek(0)
        while chunk := self.file.read(CHUNK):
            yield chunk


@dataclass(frozen=True, slots=True)
class TextSource:
    """A file of text, which each pass over it reads from its beginning. `encoding` is the codec's name in Python."""

    text: TextIO
    encoding: str
    may_be_damaged: bool
    content: PrivateCopy

    @property
    def name(self) -> str:
        """The file's name."""
        return self.content.name

    def describe(self, **description: Any) -> OpenExport:
        """Describe the file; `description` holds the rest of the fields."""
        return OpenExport(
            name=self.content.name,
            encoding=ENCODING_LABELS[self.encoding],
            size=self.content.size,
            sha256=self.content.sha256,
            **description,
        )


def copy_file(path: Path, resources: ExitStack, is_heading: HeadingTest) -> PrivateCopy:
    """Copy a file, or raise `FileRefused`: it cannot be read, is too large, or was written to meanwhile."""
    name = printable_name(path)
    with _open_file(path, name) as file:
        before = os.fstat(file.fileno())
        content = copy_pieces(iter(lambda: file.read(CHUNK), b""), name, resources, is_heading)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns, content.size) != (after.st_size, after.st_mtime_ns, before.st_size):
        remedy = "Import it again when it is complete"
        raise FileRefused(name, "the file was changed while it was read", remedy, "changed_while_read")
    return content


def copy_pieces(pieces: Iterator[bytes], name: str, resources: ExitStack, is_heading: HeadingTest) -> PrivateCopy:
    """Copy pieces of bytes, such as those of a file or of one in an archive, or raise `FileRefused`."""
    copy = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (`resources` close it)
    resources.callback(copy.close)
    digest, size = hashlib.sha256(), 0
    try:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            if size > MAX_BYTES:
                wrong = f"the file is larger than {MAX_BYTES // 1024**3} GiB"
                raise FileRefused(name, wrong, "Split the export", "file_too_large")
            copy.write(piece)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            remedy = "Free some, or let TMPDIR name a folder that has it"
            wrong = "there is no room for a copy to read from, in the folder for temporary files"
            raise FileRefused(name, wrong, remedy, "no_room") from None
        wrong = f"the file cannot be read ({error.strerror or type(error).__name__})"
        raise FileRefused(name, wrong, "Check the disk or share that it lies on", "not_readable") from None
    return PrivateCopy(name, cast("BinaryIO", copy), size, digest.hexdigest(), resources, is_heading)


def printable_name(path: Path) -> str:
    """Return the file's name as it can stand in a line and in a database: with escapes for bytes that are not UTF-8."""
    name = path.name or str(path)
    return name if name.isprintable() else "".join(map(_escape, name))


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _open_file(path: Path, name: str) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise FileRefused(name, "this is a folder", "Name the files in it", "not_a_file")
        if not stat.S_ISREG(mode):
            raise FileRefused(name, "this is not a regular file", "Save the export as a file", "not_a_file")
        return path.open("rb")
    except FileNotFoundError:
        raise FileRefused(name, "there is no such file", "Check the path", "no_such_file") from None
    except PermissionError:
        remedy = "Give this user the right to read it"
        raise FileRefused(name, "the file may not be read", remedy, "not_readable") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its name is not valid"
        raise FileRefused(name, f"the file cannot be opened ({why})", "Check the path", "not_readable") from None
