"""Opens an export: finds its size, hash, encoding and format from its bytes alone, in constant memory."""

import codecs
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from worker.feeds.delimited import open_delimited
from worker.feeds.jsonlines import open_json_lines
from worker.feeds.source import CHUNK, ENCODING_LABELS, MAX_BYTES, Feed, FileRefused, SniffedFile

_SAVE = "Export it as CSV in UTF-8"


def _refuse_array(_file: BinaryIO, name: str, _sniffed: SniffedFile) -> NoReturn:
    raise FileRefused(name, "this is one JSON array", "Write one JSON object a line, or CSV")


Reader = Callable[[BinaryIO, str, SniffedFile], Feed]
"""Takes the open file, its name and its encoding; describes it and reads it to its end, or raises `FileRefused`."""

_TEXT_FORMATS: Final[Mapping[str, Reader]] = {"{": open_json_lines, "[": _refuse_array}
"""The reader of a file of text by its first character that is not blank. All else is CSV."""

_BINARY_FORMATS: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a compressed file",
    b"%PDF": "a PDF",
}
"""Formats known by their first bytes, and refused: none of them has a reader."""

_BOMS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SEQUENCES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = bytes(range(128))


@contextmanager
def open_feed(path: Path) -> Iterator[Feed]:
    """Open an export and read it once to its end, or raise `FileRefused`. Its content chooses the reader, not its name.

    At the end it raises `FileRefused` if the file was written to meanwhile: the rows are then not those that were hashed.
    """
    name = path.name or str(path)
    with _open_file(path, name) as file:
        before = os.fstat(file.fileno())
        sniffed = sniff(file, name)
        file.seek(0)
        first_character = file.read(4096).decode(sniffed.encoding, "ignore").lstrip()[:1]
        yield _TEXT_FORMATS.get(first_character, open_delimited)(file, name, sniffed)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FileRefused(name, "the file was changed while it was read", "Import it again when it is complete")


def _open_file(path: Path, name: str) -> BinaryIO:
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


def sniff(file: BinaryIO, name: str) -> SniffedFile:
    """Read the file once, or raise `FileRefused`: empty, too large, binary, or in an encoding that is not known."""
    file.seek(0)
    start = file.read(4096)
    if not start.strip():
        raise FileRefused(name, "the file is empty", "Export it again")
    for signature, format_name in _BINARY_FORMATS.items():
        if start.startswith(signature):
            raise FileRefused(name, f"this is {format_name}, not a text file", _SAVE)
    encoding = next((codec for bom, codec in _BOMS.items() if start.startswith(bom)), "utf-8")
    size, sha256, broken_at = _read_through(file, name, encoding)
    if broken_at is not None:
        encoding = _second_guess(file, name, encoding, broken_at)
    return SniffedFile(size, sha256, encoding)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk


def _read_through(file: BinaryIO, name: str, encoding: str) -> tuple[int, str, int | None]:
    """Return the file's size, its SHA-256, and the offset of the first byte that the encoding cannot explain."""
    # The byte order mark is left in: a decoder that takes it away counts offsets from behind it.
    decoder = codecs.getincrementaldecoder("utf-8" if encoding == "utf-8-sig" else encoding)()
    digest, size, broken_at = hashlib.sha256(), 0, None
    for chunk in chain(_chunks(file), [b""]):
        digest.update(chunk)
        if broken_at is None:
            undecoded = len(decoder.getstate()[0])
            try:
                if "\0" in decoder.decode(chunk, final=not chunk):
                    raise _binary(name, size)
            except UnicodeDecodeError as error:
                broken_at = size - undecoded + error.start
        if encoding != "utf-16" and b"\0" in chunk:
            raise _binary(name, size + chunk.index(b"\0"))
        size += len(chunk)
        if size > MAX_BYTES:
            raise FileRefused(name, f"the file is larger than {MAX_BYTES // 1024**3} GiB", "Split the export")
    return size, digest.hexdigest(), broken_at


def _binary(name: str, offset: int) -> FileRefused:
    return FileRefused(
        name, f"the file is binary, or UTF-16 without its mark (a zero byte at or after byte {offset})", _SAVE
    )


def _second_guess(file: BinaryIO, name: str, encoding: str, broken_at: int) -> str:
    """Take a file that breaks its first encoding for Windows-1252, if it never claimed or resembled anything else."""
    if encoding != "utf-8" or _resembles_utf8(file):
        raise FileRefused(name, f"wrong encoding: not {ENCODING_LABELS[encoding]} {_place(file, broken_at)}", _SAVE)
    offset = 0
    for chunk in _chunks(file):
        if undefined := _UNDEFINED.search(chunk):
            place = _place(file, offset + undefined.start())
            raise FileRefused(name, f"wrong encoding: neither UTF-8 nor Windows-1252 {place}", _SAVE)
        offset += len(chunk)
    return "cp1252"


def _resembles_utf8(file: BinaryIO) -> bool:
    """Tell whether most bytes beyond ASCII are sound UTF-8: then it is UTF-8 with damage, and not another encoding.

    In Windows-1252 two letters rarely look like one of UTF-8; taken for it, a damaged file would be recorded as
    gibberish.
    """
    sound = unsound = 0
    for chunk in _chunks(file):
        in_sequences = sum(map(len, _SEQUENCES.findall(chunk)))
        sound += in_sequences
        unsound += len(chunk.translate(None, _ASCII)) - in_sequences
    return sound > unsound


def _place(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    line, before = 1, offset
    while before and (chunk := file.read(min(CHUNK, before))):
        line += chunk.count(b"\n")
        before -= len(chunk)
    return f"at byte {offset}, line {line}"
