"""Opens an export: its first bytes choose the reader, and its size, hash and encoding are found in constant memory."""

import codecs
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, TextIO

from worker.feeds.delimited import open_delimited
from worker.feeds.jsonlines import open_json_lines
from worker.feeds.source import CHUNK, ENCODING_LABELS, MAX_BYTES, FileRefused, OpenExport, SniffedFile

_SAVE = "Export it as CSV in UTF-8"


def _refuse_binary(_file: BinaryIO, name: str, *, format_name: str) -> NoReturn:
    raise FileRefused(name, f"this is {format_name}, not a text file", _SAVE)


def _refuse_array(_text: TextIO, name: str, _sniffed: SniffedFile) -> NoReturn:
    raise FileRefused(name, "this is one JSON array", "Write one JSON object a line, or CSV")


BinaryReader = Callable[[BinaryIO, str], OpenExport]
"""Takes the open file and its name; describes it and reads it to its end, or raises `FileRefused`."""

TextReader = Callable[[TextIO, str, SniffedFile], OpenExport]
"""The same for the file as text, which each pass over it reads from its beginning."""

_BINARY_READERS: Final[Mapping[bytes, BinaryReader]] = {
    b"PK\x03\x04": partial(_refuse_binary, format_name="an Excel workbook or a ZIP archive"),
    b"\xd0\xcf\x11\xe0": partial(_refuse_binary, format_name="an old Excel workbook"),
    b"\x1f\x8b": partial(_refuse_binary, format_name="a compressed file"),
    b"%PDF": partial(_refuse_binary, format_name="a PDF"),
}
"""The reader of a file by its first bytes. None of these formats is read yet; all other files are text."""

_TEXT_READERS: Final[Mapping[str, TextReader]] = {"{": open_json_lines, "[": _refuse_array}
"""The reader of a file of text by its first character that is not blank. All else is CSV."""

_BOMS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SEQUENCES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = bytes(range(128))


@contextmanager
def open_feed(path: Path) -> Iterator[OpenExport]:
    """Open an export and read it once to its end, or raise `FileRefused`. Its content chooses the reader, not its name.

    At the end it raises `FileRefused` if the file was written to meanwhile: the rows are then not those that were hashed.
    """
    name = path.name or str(path)
    with _open_file(path, name) as file:
        before = os.fstat(file.fileno())
        first_bytes = file.read(4096)
        signature = next(filter(first_bytes.startswith, _BINARY_READERS), None)
        if signature is not None:
            feed = _BINARY_READERS[signature](file, name)
        else:
            sniffed = sniff(file, name)
            file.seek(0)
            # Lines break at \n only, and keep their line breaks.
            text = TextIOWrapper(file, encoding=sniffed.encoding, newline="\n")
            first_character = text.read(4096).lstrip()[:1]
            feed = _TEXT_READERS.get(first_character, open_delimited)(text, name, sniffed)
        yield feed
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
    """Read a file of text once, or raise `FileRefused`: empty, too large, binary, or in an encoding that is not known."""
    file.seek(0)
    start = file.read(4096)
    if not start.strip():
        raise FileRefused(name, "the file is empty", "Export it again")
    encoding = next((codec for bom, codec in _BOMS.items() if start.startswith(bom)), "utf-8")
    size, sha256, broken_at = _read_through(file, name, encoding)
    if broken_at is not None:
        encoding = _guess_other_encoding(file, name, encoding, broken_at)
    return SniffedFile(size, sha256, encoding)


def _read_chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk


def _read_through(file: BinaryIO, name: str, encoding: str) -> tuple[int, str, int | None]:
    """Return the file's size, its SHA-256, and the offset of the first byte that the encoding cannot explain."""
    # The byte order mark is left in: a decoder that takes it away counts offsets from behind it.
    decoder = codecs.getincrementaldecoder("utf-8" if encoding == "utf-8-sig" else encoding)()
    digest, size, broken_at = hashlib.sha256(), 0, None
    for chunk in chain(_read_chunks(file), [b""]):
        digest.update(chunk)
        if broken_at is None:
            undecoded = len(decoder.getstate()[0])
            try:
                if "\0" in decoder.decode(chunk, final=not chunk):
                    raise _refusal_of_binary(name, size)
            except UnicodeDecodeError as error:
                broken_at = size - undecoded + error.start
        if encoding != "utf-16" and b"\0" in chunk:
            raise _refusal_of_binary(name, size + chunk.index(b"\0"))
        size += len(chunk)
        if size > MAX_BYTES:
            raise FileRefused(name, f"the file is larger than {MAX_BYTES // 1024**3} GiB", "Split the export")
    return size, digest.hexdigest(), broken_at


def _refusal_of_binary(name: str, offset: int) -> FileRefused:
    return FileRefused(
        name, f"the file is binary, or UTF-16 without its mark (a zero byte at or after byte {offset})", _SAVE
    )


def _guess_other_encoding(file: BinaryIO, name: str, encoding: str, broken_at: int) -> str:
    """Take a file that breaks its first encoding for Windows-1252, if it never claimed or resembled anything else."""
    if encoding != "utf-8" or _resembles_utf8(file):
        raise FileRefused(
            name, f"wrong encoding: not {ENCODING_LABELS[encoding]} {_describe_place(file, broken_at)}", _SAVE
        )
    offset = 0
    for chunk in _read_chunks(file):
        if undefined := _UNDEFINED.search(chunk):
            place = _describe_place(file, offset + undefined.start())
            raise FileRefused(name, f"wrong encoding: neither UTF-8 nor Windows-1252 {place}", _SAVE)
        offset += len(chunk)
    return "cp1252"


def _resembles_utf8(file: BinaryIO) -> bool:
    """Tell whether most bytes beyond ASCII are sound UTF-8: then it is UTF-8 with damage, and not another encoding.

    In Windows-1252 two letters rarely look like one of UTF-8; taken for it, a damaged file would be recorded as
    gibberish.
    """
    sound = unsound = 0
    for chunk in _read_chunks(file):
        in_sequences = sum(map(len, _SEQUENCES.findall(chunk)))
        sound += in_sequences
        unsound += len(chunk.translate(None, _ASCII)) - in_sequences
    return sound > unsound


def _describe_place(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    line, before = 1, offset
    while before and (chunk := file.read(min(CHUNK, before))):
        line += chunk.count(b"\n")
        before -= len(chunk)
    return f"at byte {offset}, line {line}"
