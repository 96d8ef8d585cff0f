"""What a file is, found out from its bytes alone: size, hash and encoding, in constant memory."""

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from worker.feeds.source import CHUNK, MAX_BYTES, FileRefused

_SAVE = "Export it as CSV in UTF-8"
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a compressed file",
    b"%PDF": "a PDF",
}
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SEQUENCES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class SniffedText:
    """`encoding` is the codec's name in Python."""

    size: int
    sha256: str
    encoding: str


@dataclass(frozen=True, slots=True)
class _Broken:
    """The first byte that an encoding cannot explain."""

    offset: int


def sniff(file: BinaryIO, name: str) -> SniffedText:
    """Read the file once, or raise `FileRefused`: empty, too large, binary, or in an encoding that is not known."""
    start = _beginning(file)
    if not start.strip():
        raise FileRefused(name, "the file is empty", "Export it again")
    for signature, what in _SIGNATURES.items():
        if start.startswith(signature):
            raise FileRefused(name, f"this is {what}, not a text file", _SAVE)
    encoding = next((codec for bom, codec in _BOMS.items() if start.startswith(bom)), "utf-8")
    size, sha256, broken = _read_through(file, name, encoding)
    if isinstance(broken, _Broken):
        encoding = _second_guess(file, name, encoding, broken)
    return SniffedText(size, sha256, encoding)


def _beginning(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(4096)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk


def _read_through(file: BinaryIO, name: str, encoding: str) -> tuple[int, str, _Broken | None]:
    # The mark is left in: a decoder that takes it away reckons places from behind it.
    plain = "utf-8" if encoding == "utf-8-sig" else encoding
    decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder(plain)()
    digest, size, broken = hashlib.sha256(), 0, None
    for chunk in _chunks(file):
        digest.update(chunk)
        if decoder is not None and (broken := _decode(decoder, chunk, size, name)) is not None:
            decoder = None
        if encoding != "utf-16" and b"\0" in chunk:
            raise _binary(name, size + chunk.index(b"\0"))
        size += len(chunk)
        if size > MAX_BYTES:
            raise FileRefused(name, f"the file is larger than {MAX_BYTES // 1024**3} GiB", "Split the export")
    if decoder is not None:
        broken = _decode(decoder, b"", size, name, final=True)
    return size, digest.hexdigest(), broken


def _decode(
    decoder: codecs.IncrementalDecoder, chunk: bytes, before: int, name: str, *, final: bool = False
) -> _Broken | None:
    waiting = len(decoder.getstate()[0])
    try:
        text = decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        return _Broken(before - waiting + error.start)
    if "\0" in text:
        raise _binary(name, before)
    return None


def _binary(name: str, offset: int) -> FileRefused:
    return FileRefused(
        name, f"the file is binary, or UTF-16 without its mark (a zero byte at or after byte {offset})", _SAVE
    )


def _second_guess(file: BinaryIO, name: str, encoding: str, broken: _Broken) -> str:
    """A file that breaks its first encoding is Windows-1252, if it never claimed or resembled anything else."""
    if encoding != "utf-8" or _resembles_utf8(file):
        raise FileRefused(name, f"wrong encoding: not {_NAMES[encoding]} {_where(file, broken.offset)}", _SAVE)
    before = 0
    for chunk in _chunks(file):
        if found := _UNDEFINED.search(chunk):
            place = _where(file, before + found.start())
            raise FileRefused(name, f"wrong encoding: neither UTF-8 nor Windows-1252 {place}", _SAVE)
        before += len(chunk)
    return "cp1252"


def _resembles_utf8(file: BinaryIO) -> bool:
    """Whether most of what is not ASCII is sound UTF-8: then it is UTF-8 with damage, and not another encoding.

    In Windows-1252 two letters rarely look like one of UTF-8; taken for it, a damaged file would be recorded as
    gibberish.
    """
    sound = other = 0
    for chunk in _chunks(file):
        sequences = sum(map(len, _SEQUENCES.findall(chunk)))
        sound += sequences
        other += len(chunk.translate(None, _ASCII)) - sequences
    return sound > other


def _where(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    line, left = 1, offset
    while left and (chunk := file.read(min(CHUNK, left))):
        line += chunk.count(b"\n")
        left -= len(chunk)
    return f"at byte {offset}, line {line}"


def encoding_label(encoding: str) -> str:
    """The encoding as people call it."""
    return _NAMES[encoding]
